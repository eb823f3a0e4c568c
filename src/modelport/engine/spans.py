"""What a trace tells of a call on its way: how long it waited in the queue, and how long a worker had it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from time import perf_counter_ns, time_ns
from typing import Any, NamedTuple, Protocol

from modelport.contract.calls import GIVEN_UP, Answer, Call
from modelport.contract.traces import MODEL, SPAN_ID, STATUS, Place, Span, TakeLate, below, new_span_id
from modelport.engine.pending import Pending


class Sent(NamedTuple):
    """When a call went to a worker, in nanoseconds of the epoch; the worker's process, and how many went."""

    at: int
    pid: int
    together: int


def note_sent(taken: Sequence[Pending], pid: int) -> None:
    """Note of those calls that are traced that they go to a worker now."""
    for pending in taken:
        if pending.call.trace:
            pending.sent = Sent(time_ns(), pid, len(taken))


class Traced(Protocol):
    """A pool, as far as it is told of."""

    name: str
    version: int
    spans: TakeLate | None


def spans_of(call: Call, pool: Traced) -> CallSpans | None:
    """Who tells of a call from now to its answer; nobody if it is not traced."""
    return CallSpans(pool.spans, pool.name, pool.version) if call.trace and pool.spans is not None else None


class CallSpans:
    """Tells of one call that is traced, from now to its answer, by this version of a model."""

    def __init__(self, take: TakeLate, model: str, version: int):
        self._take = take
        self._began = time_ns()
        self._clock = perf_counter_ns()
        self._model = model
        self._version = version

    def over(self, pending: Pending, answer: Answer) -> None:
        """The call has its answer: the whole one, or the beginning of a stream.

        Its spans are made by who exports them. Nothing is kept for that of what was sent, or answered.
        """
        place, sent = pending.call.trace, pending.sent
        end = self._began + perf_counter_ns() - self._clock
        queued = end if sent is None else min(max(sent.at, self._began), end)
        self._take(partial(self._queue, place, queued))
        if sent is None:
            return
        self._take(partial(self._worker, place, sent, queued, end, answer.status))
        if answer.began:
            over = answer.began + answer.micros * 1000
            self._take(partial(_model, place, answer.span_id, answer.began, over, answer.status))

    def _queue(self, place: Place, end: int) -> Span:
        in_queue = below((place[0], "", place[1], place[3]))
        return Span(in_queue, "queue", self._began, end, attributes=self._said())

    def _worker(self, place: Place, sent: Sent, start: int, end: int, status: int) -> Span:
        said = {
            **self._said(),
            "modelport.worker": sent.pid,
            "modelport.frame.calls": sent.together,
            STATUS: status,
        }
        error = str(status) if status >= 500 or status == GIVEN_UP else ""
        return Span(place, "worker", start, end, attributes=said, error=error)

    def _said(self) -> dict[str, Any]:
        return {"modelport.model": self._model, "modelport.version": self._version}


def _model(of: Place, span_id: str, start: int, end: int, status: int) -> Span:
    own = span_id if SPAN_ID.fullmatch(span_id) else new_span_id()  # it comes from another process
    return Span((of[0], of[2], own, of[3]), MODEL, start, end, attributes={STATUS: status})
