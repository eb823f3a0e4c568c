"""Spans of a model's code on their way to the server, which exports them: bounded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from time import monotonic, time_ns
from typing import TypeVar

from modelport.contract.calls import Answer, Call
from modelport.contract.current_call import OpenSpan, be_in, span_of
from modelport.contract.traces import MODEL, STATUS, Span, below
from modelport.worker.asks import Asks
from modelport.worker.frames import FrameError, FrameSocket, Kind

SPANS_A_SECOND = 1000  # of one process; a loop that opens one for each row is told of by a part of them
DROPPED = "modelport.dropped_spans"
AnswerT = TypeVar("AnswerT", bound=Answer | None)


class SpanSender:
    """Sends spans as frames, as they end. Any thread may use it."""

    def __init__(self, channel: FrameSocket, asks: Asks):
        self._channel = channel
        self._asks = asks
        self._process = os.getpid()
        self._second = 0
        self._sent = 0
        self._dropped = 0

    def send(self, span: Span) -> None:
        """Send a span, unless there are too many; the next one says how many are missing."""
        if self._has_room(span):
            with contextlib.suppress(OSError, FrameError), self._asks.undisturbed():  # the server has gone
                self._channel.send(Kind.SPANS, [span])

    def hold(self, span: Span) -> None:
        """The same, together with the answer to its call, which follows: a read less for the server."""
        if self._has_room(span):
            with contextlib.suppress(FrameError), self._asks.undisturbed():
                self._channel.hold(Kind.SPANS, [span])

    def flush(self) -> None:
        """Send what is held: no answer follows."""
        if os.getpid() == self._process:
            with contextlib.suppress(OSError), self._asks.undisturbed():
                self._channel.flush()

    def _has_room(self, span: Span) -> bool:
        if os.getpid() != self._process:  # forked by the model: it would write into its parent's frames
            return False
        second = int(monotonic())
        if second != self._second:
            self._second, self._sent = second, 0
        self._sent += 1
        if self._sent > SPANS_A_SECOND:
            self._dropped += 1
            return False
        if self._dropped:
            span.attributes = {**span.attributes, DROPPED: self._dropped}
            self._dropped = 0
        return True


def in_span(spans: SpanSender, call: Call, work: Callable[[], AnswerT]) -> AnswerT:
    """Answer a call within a span of its own, if it is traced."""
    if not call.trace:
        return work()
    answer: Answer | None = None
    try:
        with span_of(call, MODEL, spans.hold) as span:
            answer = made = told_in(span, work())
        return made
    finally:
        if answer is None:  # a stream, or it has failed
            spans.flush()


def in_told_span(spans: SpanSender, call: Call, work: Callable[[], AnswerT]) -> AnswerT:
    """Answer a call that is traced within a span of its own, of which a whole answer tells the server.

    That is a frame less, and what is said of it is put together there, where many are.
    """
    place = below(call.trace)
    be_in(call, place)
    start = time_ns()
    answer = work()
    if answer is None:  # a stream, whose last piece has gone
        spans.send(Span(place, MODEL, start, time_ns()))
    else:
        answer.began, answer.span_id = start, place[2]
    return answer


def told_in(span: OpenSpan, answer: AnswerT) -> AnswerT:
    """Say in the span of a call how that was answered."""
    if answer is not None:
        span.set(**{STATUS: answer.status})
    return answer


def tell_batch(sender: Callable[[Span], None], calls: list[Call], start: int) -> None:
    """Tell of calls that the model has taken together: each that is traced has a span of its own."""
    for call in calls:
        if call.trace:
            said = {"modelport.batch.size": len(calls)}
            sender(Span(below(call.trace), "batch", start, time_ns(), attributes=said))
