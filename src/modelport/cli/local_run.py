"""One call answered in this process, by the code that answers it in a worker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modelport.contract.calls import Answer, Call, Chunk
from modelport.contract.current_job import JobReporter
from modelport.contract.served import ServedModel
from modelport.sources.model_loop import close_event_loop
from modelport.sources.source import Source
from modelport.worker.cancellation import CallCancelled, RunningCall
from modelport.worker.frames import Acknowledge, FrameSocket, Kind, Load
from modelport.worker.host import Host
from modelport.worker.loop import run_calls


class _Conversation(FrameSocket):
    """What a worker reads and writes while it answers one call, without a socket."""

    def __init__(self, call: Call, on_answer: Callable[[Answer], None], on_chunk: Callable[[Chunk], None]):
        self._frames: list[tuple[int, Any]] = [(Kind.CALLS, [call])]
        self._on_answer = on_answer
        self._on_chunk = on_chunk
        self.error: OSError | None = None

    def receive(self) -> tuple[int, Any] | None:
        return self._frames.pop(0) if self._frames else None

    def send(self, kind: Kind, message: Any) -> None:
        if self.error is not None:
            return
        try:
            if kind == Kind.ANSWERS:
                self._on_answer(message[0])
            else:
                self._on_chunk(message)
                self._frames.append((Kind.ACKNOWLEDGE, Acknowledge(message.id, 1)))
        except OSError as error:  # whoever reads the answer has gone: end the model's generator
            self.error = error
            raise CallCancelled from error


def run_rows(
    model: ServedModel, source: Source, call: Call, spool: Path, reporter: JobReporter, *, debug: bool
) -> Answer:
    """Predict the rows of a batch job; what it keeps goes where `reporter` says.

    With `debug` the first rows that fail have their tracebacks in stderr.
    """
    from modelport.worker.batch_jobs.faults import MAX_TRACES  # few commands need it
    from modelport.worker.batch_jobs.running import run_batch

    load = Load(source.name, source.kind, source.target, source.attribute, str(spool), options=source.options)
    silent = _Conversation(call, lambda answer: None, lambda chunk: None)
    marker: Any = bytearray(64)
    try:
        host = Host(model, load, silent, RunningCall(marker, None))
        return run_batch(host, call, reporter, MAX_TRACES if debug else 0)
    finally:
        close_event_loop()


def run_call(
    model: ServedModel,
    source: Source,
    call: Call,
    spool: Path,
    on_answer: Callable[[Answer], None],
    on_chunk: Callable[[Chunk], None],
) -> None:
    """Answer `call`: `on_answer` gets the answer, `on_chunk` each piece if it is a stream.

    Raises `OSError` if one of them did.
    """
    load = Load(source.name, source.kind, source.target, source.attribute, str(spool), options=source.options)
    conversation = _Conversation(call, on_answer, on_chunk)
    marker: Any = bytearray(64)
    try:
        with contextlib.suppress(CallCancelled):
            run_calls(Host(model, load, conversation, RunningCall(marker, None)))
    finally:
        close_event_loop()
    if conversation.error is not None:
        raise conversation.error
