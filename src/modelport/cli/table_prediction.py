"""The rows of a file predicted here, by the code of a server's batch jobs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from modelport.cli.answer_output import AnswerOutput
from modelport.cli.job_display import JobDisplay, display_for_stderr
from modelport.cli.loading import answers_only, interruptible
from modelport.cli.local_run import run_rows
from modelport.cli.model_call import CallMaker
from modelport.cli.model_options import ModelOption, given_texts
from modelport.cli.one_call import writing
from modelport.contract.calls import Answer, Batch, Call, OnError
from modelport.contract.current_job import ReportType
from modelport.contract.kept_files import keep_file
from modelport.contract.served import ServedModel
from modelport.contract.table_forms import ENDINGS, TableForm, form_of_file, form_of_media_type
from modelport.jobs.records import NewEvent
from modelport.sources.source import Source
from modelport.worker.batch_jobs.faults import messages
from modelport.worker.batch_jobs.running import BatchResult


@dataclass(frozen=True)
class TableOrder:
    """What the command line says of a table: its file, where the answers go, and which form they have."""

    table: Path
    output: Path | None
    accept: str
    keep: tuple[str, ...]
    on_error: OnError
    chunk_rows: int
    debug: bool

    def batch(self) -> Batch:
        """The batch job that it is. Raises `click.UsageError` for a file whose name says no form."""
        source = form_of_file(self.table)
        if source is None:
            raise click.UsageError(f"{self.table}: {_of_known('a table')}")
        keep = [name for text in self.keep for name in text.split(",") if name]
        return Batch(source, self._answer(source), self.on_error, list(dict.fromkeys(keep)), self.chunk_rows)

    def _answer(self, source: TableForm) -> TableForm:
        if self.accept:
            asked = form_of_media_type(self.accept)
            if asked is None:
                raise click.UsageError(f"Invalid value for '--accept': {self.accept!r} is no form of a table")
            return asked
        if self.output is None:
            return source if source.is_text else TableForm.JSON_LINES
        named = form_of_file(self.output)
        if named is None and self.output.exists() and not self.output.is_file():
            return source
        if named is None:
            raise click.UsageError(f"Invalid value for '--output': {_of_known(str(self.output))}")
        return named


def _of_known(what: str) -> str:
    return f"the name of {what} ends in one of {', '.join(ENDINGS)}"


class _HereReporter:
    """What a batch job says while it runs in this process."""

    id = ""
    attempt = 1

    def __init__(self, folder: Path, display: JobDisplay):
        self.checkpoint_dir = folder / "checkpoints"
        self.artifact_dir = folder / "artifacts"
        self._display = display
        for place in (self.checkpoint_dir, self.artifact_dir):
            place.mkdir()

    def report(self, type: ReportType, data: dict[str, Any]) -> None:
        if type == "progress":
            self._display.take(NewEvent(type=type, data=data))

    def is_cancelled(self) -> bool:
        return False


def predict_table(
    model: ServedModel,
    source: Source,
    options: list[ModelOption],
    values: dict[str, Any],
    order: TableOrder,
    prepare: Callable[[], None],
) -> None:
    """Predict the rows of a file and write the answers; `prepare` is called before the model is.

    Raises `click.ClickException` saying why there are none.
    """
    batch = order.batch()
    with (
        tempfile.TemporaryDirectory(prefix="modelport-predict-") as temporary,
        answers_only() as stdout,
        interruptible(),
    ):
        folder = Path(temporary)
        if order.output is None and not batch.answer.is_text and os.isatty(stdout.fileno()):
            raise click.UsageError("the answer is no text: write it to a file with --output FILE")
        call = _call(model, options, values, folder)
        prepare()
        display = display_for_stderr()
        display.begin(source.name)
        try:
            reporter = _HereReporter(folder, display)
            call = msgspec.structs.replace(call, body_path=str(order.table.absolute()), batch=batch)
            answer = run_rows(model, source, call, folder, reporter, debug=order.debug)
        finally:
            display.close()
        if answer.status != 200:
            raise _failure(answer, order, options)
        result = msgspec.json.decode(answer.body, type=BatchResult)
        with writing():
            _write(reporter.artifact_dir / result.artifact, order.output, stdout)
        _tell(result, order.output)


def _call(model: ServedModel, options: list[ModelOption], values: dict[str, Any], spool: Path) -> Call:
    """What is the same for all rows, as a call. Raises `click.UsageError` for what no query can hold."""
    given = given_texts(options, values)
    call = CallMaker(options, model.signature.contract == "typed", spool).call(given)
    if call.body or call.fields or call.uploads:
        flags = [option.flag for option in options if option.argument.name in given]
        raise click.UsageError(
            f"{', '.join(flags)}: with a table, files and objects come from its columns, not from options"
        )
    return call


def _failure(answer: Answer, order: TableOrder, options: list[ModelOption]) -> click.ClickException:
    if answer.status < 500 and answer.body:
        return click.UsageError(f"{order.table}: {'; '.join(messages(msgspec.json.decode(answer.body)))}")
    if answer.status < 500:
        return click.UsageError(f"{order.table}: {answer.detail or answer.reason}")
    if not answer.failure:
        return click.ClickException(f"{order.table}: {answer.detail}")
    output = AnswerOutput(BytesIO(), None, options, debug=order.debug)
    output.take(answer)
    return output.failure or click.ClickException(answer.detail)


def _write(made: Path, output: Path | None, stdout: BinaryIO) -> None:
    if output is not None and (output.is_file() or not output.exists()):
        keep_file(made, output)
        return
    with made.open("rb") as content:
        if output is None:
            shutil.copyfileobj(content, stdout)
            stdout.flush()
            return
        with output.open("wb") as file:  # a pipe, or a device
            shutil.copyfileobj(content, file)


def _tell(result: BatchResult, output: Path | None) -> None:
    where = f" to {output}" if output is not None else ""
    click.echo(f"wrote {result.rows} rows{where}, of which {result.failed or 'none'} failed", err=True)
    for error in result.errors:
        click.echo(f"row {error.row}: {error.detail}", err=True)
    more = result.failed - len(result.errors)
    if more > 0:
        click.echo(f"and {more} more, each in its place in the answer", err=True)
