"""Where an answer goes: stdout or a file, and the exit status of the command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import click

from modelport.cli.model_options import ModelOption, option_errors
from modelport.contract.calls import Answer, Chunk

JSON = "application/json"


class Habits(NamedTuple):
    """How another command writes its answers.

    `rewrite` changes a JSON body on its way, `rename` the file's name by the media type that goes into it.
    `returned` is told the JSON before it goes to stdout, whose number it gets, and keeps it from there by a
    false; or the file that was written.
    """

    rewrite: Callable[[bytes], bytes] | None = None
    rename: Callable[[Path, str], Path] | None = None
    returned: Callable[[bytes | Path, int], bool] | None = None


OWN = Habits()


class AnswerOutput:
    """Takes one answer, whole or in pieces. `close` it, then ask `failure`.

    `debug` adds the model's traceback to its failure.
    """

    def __init__(
        self,
        stdout: BinaryIO,
        path: Path | None,
        options: list[ModelOption],
        *,
        debug: bool = False,
        habits: Habits = OWN,
    ):
        self.failure: click.ClickException | None = None
        self.media_type = JSON
        self._stdout = stdout
        self._path = path
        self._options = options
        self._debug = debug
        self._rewrite, self._rename, self._returned = habits
        self._file: BinaryIO | None = None

    def take(self, answer: Answer) -> None:
        """Write the answer, or keep why there is none. Raises `OSError` if it cannot be written."""
        self.media_type = answer.content_type.partition(";")[0]
        if answer.status != 200 or answer.problem:
            self.failure = self._failure(answer)
            return
        is_text = self.media_type == JSON or self.media_type.startswith("text/") or answer.stream
        if self._path is None and not is_text and os.isatty(self._stdout.fileno()):
            self.failure = click.UsageError(
                f"the answer is {self.media_type}: write it to a file with --output FILE"
            )
            return
        if self.media_type == JSON and not answer.stream and (self._rewrite or self._returned):
            self._write_json(Path(answer.path).read_bytes() if answer.path else answer.body)
            return
        if answer.path:
            with Path(answer.path).open("rb") as content:
                shutil.copyfileobj(content, self._target())
        elif not answer.stream:
            self._target().write(answer.body)
        if self._path is None and self.media_type == JSON:
            self._stdout.write(b"\n")

    def _write_json(self, body: bytes) -> None:
        if self._rewrite is not None:
            body = self._rewrite(body)
        if self._path is not None:
            self._target().write(body)
        elif self._returned is None or self._returned(body, self._stdout.fileno()):
            self._stdout.write(body + b"\n")

    def take_chunk(self, chunk: Chunk) -> None:
        """Write a piece of a streamed answer at once."""
        if chunk.data:
            self._target().write(chunk.data)
            self._target().flush()
        if chunk.error:
            self._show_trace(chunk.failure)
            self.failure = click.ClickException(
                f"the model failed in the middle of its answer: {chunk.error}"
            )

    def close(self) -> None:
        """Finish the file, if there is one."""
        if self._file is not None:
            self._file.close()
            click.echo(f"wrote {self.media_type} to {self._path}", err=True)
            if self._returned is not None and self._path is not None:
                self._returned(self._path, self._stdout.fileno())
        self._stdout.flush()

    def _target(self) -> BinaryIO:
        """The file is opened only now: a call that fails leaves an older answer alone."""
        if self._path is None:
            return self._stdout
        if self._file is None:
            if self._rename is not None:
                self._path = self._rename(self._path, self.media_type)
            self._file = self._path.open("wb")
        return self._file

    def _failure(self, answer: Answer) -> click.ClickException:
        self._show_trace(answer.failure)
        if answer.status == 422 and not answer.problem:
            import msgspec

            return click.UsageError(option_errors(msgspec.json.decode(answer.body), self._options))
        if answer.status in (400, 406) and not answer.reason:  # of our own, not of the model
            hint = "Invalid value for '--accept': " if answer.status == 406 else ""
            return click.UsageError(hint + (answer.detail or answer.body.decode()))
        if answer.status == 500:
            return click.ClickException(f"the model failed: {_own_words(answer)}")
        return click.ClickException(f"the model answered {answer.status}: {answer.detail}")

    def _show_trace(self, failure: str) -> None:
        if self._debug and failure:
            click.echo(failure, err=True)


def _own_words(answer: Answer) -> str:
    """The exception with its class, which the owner of a model wants to see; a client does not get it."""
    last = answer.failure.strip().rpartition("\n")[2]
    return last if answer.detail in last else answer.detail or last
