"""What a trace tells of a call on its way: how long it waited in the queue, and how long a worker had it."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter_ns, time_ns
from typing import NamedTuple, Protocol

from modelport.contract.calls import GIVEN_UP, Answer, Call
from modelport.contract.traces import Span, TakeSpan, below
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
    spans: TakeSpan | None


def spans_of(call: Call, pool: Traced) -> CallSpans | None:
    """Who tells of a call from now to its answer; nobody if it is not traced."""
    return CallSpans(pool.spans, pool.name, pool.version) if call.trace and pool.spans is not None else None


class CallSpans:
    """Tells of one call that is traced, from now to its answer, by this version of a model."""

    def __init__(self, take: TakeSpan, model: str, version: int):
        self._take = take
        self._began = time_ns()
        self._clock = perf_counter_ns()
        self._said = {"modelport.model": model, "modelport.version": version}

    def over(self, pending: Pending, answer: Answer) -> None:
        """The call has its answer: the whole one, or the beginning of a stream."""
        place, sent = pending.call.trace, pending.sent
        end = self._began + perf_counter_ns() - self._clock
        queued = end if sent is None else min(max(sent.at, self._began), end)
        in_queue = below((place[0], "", place[1], place[3]))
        self._take(Span(in_queue, "queue", self._began, queued, attributes=self._said))
        if sent is None:
            return
        said = {
            **self._said,
            "modelport.worker": sent.pid,
            "modelport.frame.calls": sent.together,
            "modelport.status": answer.status,
        }
        error = str(answer.status) if answer.status >= 500 or answer.status == GIVEN_UP else ""
        self._take(Span(place, "worker", queued, end, attributes=said, error=error))
