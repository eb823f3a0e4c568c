"""One call to a model of this process, from the values of its options to the end of its answer."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from modelport.cli.answer_output import AnswerOutput
from modelport.cli.loading import answers_only, interruptible
from modelport.cli.local_run import run_call
from modelport.cli.model_call import CallMaker, Spelling
from modelport.cli.model_options import ModelOption, given_texts
from modelport.contract.calls import Call
from modelport.contract.served import ServedModel
from modelport.sources.source import Source


@dataclass(frozen=True)
class OneCall:
    """A call, the folder of its files, and the stdout that is for its answer alone."""

    model: ServedModel
    source: Source
    call: Call
    spool: Path
    stdout: BinaryIO

    def answer(self, output: AnswerOutput) -> None:
        """Run the call and write its answer. Raises `click.ClickException` saying why there is none."""
        with writing():
            run_call(self.model, self.source, self.call, self.spool, output.take, output.take_chunk)
            output.close()
        if output.failure is not None:
            raise output.failure


@contextlib.contextmanager
def one_call(
    model: ServedModel,
    source: Source,
    options: list[ModelOption],
    values: dict[str, Any],
    accept: str,
    spelling: Spelling = "json",
) -> Generator[OneCall]:
    """The call that these values of the options make. Raises `click.UsageError` for what cannot be sent."""
    given = given_texts(options, values)
    with (
        tempfile.TemporaryDirectory(prefix="modelport-predict-") as folder,
        answers_only() as stdout,
        interruptible(),
    ):
        spool = Path(folder)
        is_typed = model.signature.contract == "typed"
        call = CallMaker(options, is_typed, spool, spelling).call(given, accept)
        yield OneCall(model, source, call, spool, stdout)


@contextlib.contextmanager
def writing() -> Generator[None]:
    """What cannot be written ends the command with the reason; that nobody reads stdout any more, without."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise click.ClickException(f"the answer cannot be written: {error}") from None
