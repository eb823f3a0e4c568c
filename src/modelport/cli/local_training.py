"""Running a model's `train` or `validate` here, from the source to the exit status."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import click

from modelport.cli.answer_output import AnswerOutput
from modelport.cli.job_display import display_for_stderr
from modelport.cli.local_job import Interruption, LocalJob, run_local
from modelport.cli.run_folder import OWN_FOLDERS, RunFolder
from modelport.contract.calls import Call
from modelport.contract.signature import Signature, VerbName
from modelport.engine.spool import Spool, check_path
from modelport.jobs.records import NewEvent, Outcome
from modelport.jobs.states import State
from modelport.sources.source import Source
from modelport.worker.frames import Load


@dataclass(frozen=True)
class Prepared:
    """What the command line asks for, which is known once the model has said its arguments.

    The call's files lie in the folder that `prepare` was given. `record` keeps log, metrics and result.
    `arguments`, if given, is filled with what may be shown of them before the call runs.
    """

    call: Call
    folder: Path
    output: AnswerOutput
    cancel_grace: float
    record: bool = True
    arguments: dict[str, Any] | None = None
    debug: bool = False


@dataclass(frozen=True)
class Loading:
    """How a model is loaded: warmed or not, in how many seconds (0: any), and if a failure shows all."""

    warm: bool = True
    timeout: float = 0.0
    debug: bool = False


Prepare = Callable[[Signature, Path], Prepared]


def run_here(source: Source, verb: VerbName, prepare: Prepare, how: Loading) -> None:
    """Run the model's `verb` in a process of its own; what it returns goes to the output.

    Raises `click.ClickException` where it failed, and `SystemExit` where it was interrupted.
    """
    try:
        spool = Spool()  # after a kill, the next command or server removes what is left of it
        spool.open()
    except OSError as error:
        raise click.ClickException(f"a temporary folder cannot be made: {error.strerror or error}") from None
    try:
        with asyncio.Runner() as runner:
            runner.run(_Run(source, verb, spool.root, how).run(prepare))
    finally:
        spool.close()


class _Run:
    """One run, from start to end."""

    def __init__(self, source: Source, verb: VerbName, temp: Path, how: Loading):
        self.source = source
        self.verb: VerbName = verb
        self.temp = temp
        self.how = how
        self.display = display_for_stderr()
        self.folder: RunFolder | None = None
        self.prepared: Prepared | None = None
        self._earlier: list[NewEvent] = []
        self._unwritten = ""

    async def run(self, prepare: Prepare) -> None:
        source = self.source
        named = (source.name, source.kind, source.target, source.attribute)
        load = Load(*named, "", warm=self.how.warm, options=source.options)
        job = LocalJob(load, self.verb, self.temp, self._take)
        interruption = Interruption(job, self.display.say)
        began = monotonic()

        def begin(signature: Signature) -> None:
            self.display.close()
            if not signature.operation(self.verb).implemented:
                raise click.ClickException(f"the model {source.name!r} has no {self.verb}()")
            prepared = self.prepared = prepare(signature, self.temp)
            _make(prepared.folder)
            self.folder = RunFolder(prepared.folder.absolute(), self._earlier, record=prepared.record)
            self.display.begin(f"{self.verb} {source.name}")
            job.begin(prepared.call, self.folder.path, prepared.cancel_grace, prepared.arguments)

        self.display.wait(f"loading {source.name}")
        try:
            outcome = await run_local(job, interruption, begin, self.how.timeout)
        finally:
            self.display.close()
        self._end(job, outcome, interruption.received, monotonic() - began)

    def _take(self, event: NewEvent) -> None:
        self.display.take(event)
        if self.folder is None:
            self._earlier.append(event)
            return
        try:
            self.folder.take(event)
        except OSError as error:  # the training goes on: it is worth more than its log
            if not self._unwritten:
                self.display.say(f"its log cannot be written: {error}")
            self._unwritten = str(error)

    def _end(self, job: LocalJob, outcome: Outcome, received: int, seconds: float) -> None:
        """Hand out the result, say where the files are, and end as the job did."""
        try:
            self._hand_out(job, outcome)
        finally:
            has_files = self.folder is not None and self.folder.tidy()
        failure = self.prepared.output.failure if self.prepared is not None else None
        if self.prepared is not None and not isinstance(failure, click.UsageError):
            files = f"; its files are in {self.prepared.folder}" if has_files else ""
            ended = f" ({outcome.ended_by})" if outcome.state is State.CANCELLED else ""
            self.display.say(f"{self.verb} {outcome.state}{ended} after {seconds:.1f} s{files}")
        if outcome.state is State.CANCELLED:
            sys.exit(128 + received)
        if failure is not None:
            raise failure
        if outcome.state is not State.SUCCEEDED:
            if job.traceback and (self.how.debug or (self.prepared is not None and self.prepared.debug)):
                click.echo(job.traceback, err=True)
            raise click.ClickException(outcome.error)

    def _hand_out(self, job: LocalJob, outcome: Outcome) -> None:
        if job.answer is None or self.prepared is None or self.folder is None:
            return
        if outcome.state is State.CANCELLED:
            return
        output = self.prepared.output
        try:
            output.take(job.answer)
            output.close()
            self.folder.keep_result(job.answer)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.ClickException(f"the result cannot be written: {error}") from None


def _make(folder: Path) -> None:
    try:
        check_path(folder.absolute())
        for name in OWN_FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{folder} cannot be made: {error.strerror}") from None
