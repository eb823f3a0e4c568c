"""What is seen of the calls to a live model: some are kept to check versions with, all may be copied."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from modelport.contract.calls import GIVEN_UP, Answer, Call
from modelport.contract.signature import PREDICTIONS
from modelport.engine.pending import Deliver, Pending
from modelport.engine.ports import Pool, Refused

KEPT_CALLS = 20
KEPT_BYTES = 64 * 1024  # of a body, at most
KEEP_SECONDS = 0.2  # from one call that is kept to the next
MAX_COPIES = 64  # that a shadow may have at once: it must not slow what is live


class LiveTraffic:
    """The observer of a live model. One for a model, handed on from one live version to the next."""

    def __init__(self) -> None:
        self.recent: deque[Call] = deque(maxlen=KEPT_CALLS)
        self.shadow: Shadow | None = None
        self._clock = asyncio.get_running_loop().time
        self._next = 0.0

    def on_call(self, call: Call, deliver: Deliver) -> Deliver:
        """See a call on its way; returns who is to get its answer."""
        now = self._clock()
        if now >= self._next and is_repeatable(call):
            self._next = now + KEEP_SECONDS
            self.recent.append(call)
        if self.shadow is not None and is_repeatable(call):
            return self.shadow.copy(call, deliver)
        return deliver


def traffic_of(pool: Pool) -> LiveTraffic | None:
    """What is seen of the calls to a model whose pool is live."""
    return next((seen for seen in pool.observers if isinstance(seen, LiveTraffic)), None)


def is_repeatable(call: Call) -> bool:
    """True for a prediction that consists of nothing but itself: no files that go with its request."""
    whole = not (call.uploads or call.body_path or call.only_check or call.may_be_elsewhere)
    return whole and call.verb in PREDICTIONS and len(call.body) <= KEPT_BYTES


class Shadow:
    """Copies of calls for a version that is not live. Its answers are compared, and sent to nobody."""

    def __init__(self, pool: Pool, next_id: Callable[[], int]):
        self.pool = pool
        self.copied = 0
        self.dropped = 0  # for want of room
        self.agreed = 0
        self.differed = 0
        self.failed = 0  # where what is live did not
        self._next_id = next_id
        self._in_flight = 0

    def copy(self, call: Call, deliver: Deliver) -> Deliver:
        """Give the version a copy of a call; returns who compares the answers and delivers the first."""
        if self._in_flight >= MAX_COPIES or not self.pool.state.answers:
            self.dropped += 1
            return deliver
        pair = _Pair(self, deliver)
        copied = msgspec.structs.replace(call, id=self._next_id(), collect=True)
        try:
            self.pool.submit(copied, pair.on_copy, is_copy=True)
        except Refused:
            self.dropped += 1
            return deliver
        self.copied += 1
        self._in_flight += 1
        return pair.on_live

    def on_pair(self, live: Answer, copied: Answer) -> None:
        """Both have answered."""
        if live.stream or live.path or copied.path or live.status == GIVEN_UP:
            return
        if copied.status >= 400 and live.status < 400:
            self.failed += 1
        elif copied.status == live.status and copied.body == live.body:
            self.agreed += 1
        else:
            self.differed += 1

    def on_end(self, answer: Answer) -> None:
        """The copy was answered."""
        self._in_flight -= 1
        if answer.path or self.pool.may_leave_files():
            self.pool.discard(answer.id)

    def counts(self) -> dict[str, int]:
        """What came of it so far."""
        return {
            "copied": self.copied,
            "agreed": self.agreed,
            "differed": self.differed,
            "failed": self.failed,
            "dropped": self.dropped,
        }


class _Pair:
    """One call and its copy."""

    __slots__ = ("_copied", "_deliver", "_live", "_shadow")

    def __init__(self, shadow: Shadow, deliver: Deliver):
        self._shadow = shadow
        self._deliver = deliver
        self._live: Answer | None = None
        self._copied: Answer | None = None

    def on_live(self, pending: Pending, answer: Answer) -> None:
        self._live = answer
        self._compare()
        self._deliver(pending, answer)

    def on_copy(self, pending: Pending, answer: Answer) -> None:
        self._copied = answer
        self._shadow.on_end(answer)
        self._compare()

    def _compare(self) -> None:
        if self._live is not None and self._copied is not None:
            self._shadow.on_pair(self._live, self._copied)
