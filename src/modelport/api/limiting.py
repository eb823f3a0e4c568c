"""Limits of who asks, as clients meet them: 429, `Retry-After`, and the `RateLimit` fields.

The fields are those of draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` names each quota with what
it allows (`q`) in how many seconds (`w`) of what (`qu`, requests if it is not there); `RateLimit` says what
remains of it (`r`) and when it is whole again (`t`, in seconds). A 429 has the draft's problem type.

Every way in has a `Turn` of the request: the shortest one looks whether it `is_open`, and what is not goes
the long way, which refuses in the words of its dialect. Each request is counted once, where it comes in.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from time import monotonic, time
from typing import NamedTuple, cast

from modelport.api.resources.usage import Limit
from modelport.http.asgi import Message, Scope, Send
from modelport.identity.allowances import ADDRESS, DAY, Allowance, Allowances
from modelport.identity.principals import Principal
from modelport.identity.rate_windows import Window
from modelport.problems import Problem
from modelport.security.hosts import near_address

TURN = "modelport.turn"  # in the scope of a request that is limited
QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
CALLS, BYTES = "calls", "bytes"  # what these quotas are called in answers
Client = tuple[str, int] | None


class Left(NamedTuple):
    """What is left to who asks of each limit, but of jobs; `None` where there is none."""

    rate: Limit | None = None
    calls_at_once: Limit | None = None
    bytes_per_day: Limit | None = None
    rate_per_address: Limit | None = None


class Turn:
    """A request that is limited, by who asks, by its address, or by both. It keeps nothing of the request."""

    __slots__ = ("_address", "_allowance", "_windows")

    def __init__(self, allowance: Allowance | None, address: Window | None):
        self._allowance = allowance
        self._address = address
        own = allowance.window if allowance is not None else None
        self._windows = [one for one in (own, address) if one is not None]

    def is_open(self) -> bool:
        """Whether a call may come in now."""
        now = monotonic()
        one = self._allowance
        if one is not None and not (one.has_calls() and one.has_bytes()):
            return False
        for window in self._windows:  # noqa: SIM110 - in the hot path a generator costs as much as all else
            if not window.is_open(now):
                return False
        return True

    async def check(self) -> None:
        """Wait for what other servers have left of the rate. Raises `Problem` 429 if nothing is left."""
        now = monotonic()
        for window in self._windows:
            await window.prepare(now)
            if not window.is_open(now):
                raise _too_many(window, now)
        if self._allowance is not None and not self._allowance.has_bytes():
            raise _too_many_bytes(self._allowance)

    def count(self) -> None:
        """A request comes in."""
        for window in self._windows:
            window.use()

    def check_call(self) -> None:
        """Raise `Problem` 429 if as many calls are under way as may."""
        if self._allowance is not None and not self._allowance.has_calls():
            raise _too_many_calls(self._allowance.quotas.calls_at_once)

    def begin_call(self) -> None:
        """A call begins; `end_call` must follow."""
        if self._allowance is not None:
            self._allowance.count_call(1)

    def end_call(self) -> None:
        """A call is over."""
        if self._allowance is not None:
            self._allowance.count_call(-1)

    def left(self) -> Left:
        """What is left now."""
        now, one = monotonic(), self._allowance
        address = _left_of(self._address, now) if self._address is not None else None
        if one is None:
            return Left(rate_per_address=address)
        calls, size = one.quotas.calls_at_once, one.quotas.bytes_per_day
        return Left(
            _left_of(one.window, now) if one.window is not None else None,
            at_once(calls, one.calls) if calls else None,
            Limit(size, max(size - one.bytes_today(), 0), DAY, _rest_of_day()) if size else None,
            address,
        )

    def fields(self) -> list[tuple[str, str]]:
        """The fields that tell of the rates."""
        if not self._windows:
            return []
        now = monotonic()
        return [
            ("ratelimit-policy", ", ".join(window.policy for window in self._windows)),
            ("ratelimit", ", ".join(window.standing(now) for window in self._windows)),
        ]

    def lines(self) -> str:
        """The fields as lines of a head, for the hot path."""
        if len(self._windows) != 1:
            return "".join(f"{name}: {value}\r\n" for name, value in self.fields())
        window = self._windows[0]
        return f"ratelimit-policy: {window.policy}\r\nratelimit: {window.standing(monotonic())}\r\n"

    def told(self, send: Send) -> Send:
        """`send`, with the fields in the answer, unless it has some."""

        async def with_fields(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                if not any(name == b"ratelimit" for name, _ in headers):
                    pairs = ((name.encode(), value.encode()) for name, value in self.fields())
                    message["headers"] = [*headers, *pairs]
            await send(message)

        return with_fields if self._windows else send


class Limiter:
    """Has the turns of requests. One for the application."""

    def __init__(self, allowances: Allowances):
        self._allowances = allowances
        self.by_address = allowances.by_address

    def turn(self, principal: Principal | None, client: Client) -> Turn | None:
        """That of a request of somebody, or of nobody who is known; `None` if nothing limits it."""
        allowance = self._allowances.of(principal) if principal is not None else None
        address = self._allowances.of_address(origin(client)) if self.by_address else None
        if allowance is None and address is None:
            return None
        return Turn(allowance, address)


def begin_call(scope: Scope) -> AbstractContextManager[None]:
    """Begin a call; it ends with what this returns. Raises `Problem` 429 if no more may be under way."""
    turn = cast("Turn | None", scope.get(TURN))
    if turn is None:
        return nullcontext()
    turn.check_call()
    turn.begin_call()
    return _ending(turn)


@contextmanager
def _ending(turn: Turn) -> Generator[None]:
    try:
        yield
    finally:
        turn.end_call()


def origin(client: Client) -> str:
    """Whom a request is counted for by its address; empty where there is none."""
    return _network(client[0]) if client else ""


@lru_cache(maxsize=4096)
def _network(host: str) -> str:
    return near_address(host)


def _too_many(window: Window, now: float) -> Problem:
    who = "your address" if window.name == ADDRESS else "you"
    requests, seconds = window.rate
    wait = window.seconds_left(now)
    detail = f"{requests} requests in {seconds} s may come from {who}, and no more; wait {wait} s"
    return _exceeded(window.name, detail, wait, window.policy, window.standing(now))


def at_once(most: int, used: int) -> Limit:
    """The limit of what may be there at once."""
    return Limit(most, max(most - used, 0), None, None)


def _left_of(window: Window, now: float) -> Limit:
    requests, seconds = window.rate
    return Limit(requests, window.remaining, seconds, window.seconds_left(now))


def _rest_of_day() -> int:
    """Seconds until tomorrow (UTC)."""
    return DAY - int(time()) % DAY


def _too_many_bytes(allowance: Allowance) -> Problem:
    most = allowance.quotas.bytes_per_day
    wait = _rest_of_day()
    detail = f"{most} bytes may be sent and answered to you in a day, and no more; wait until tomorrow (UTC)"
    policy = f'"{BYTES}";q={most};qu="content-bytes";w={DAY}'
    return _exceeded(BYTES, detail, wait, policy, f'"{BYTES}";r=0;t={wait}')


def _too_many_calls(most: int) -> Problem:
    detail = f"{most} calls of yours may be under way at once, and no more; try again when one has ended"
    policy = f'"{CALLS}";q={most};qu="concurrent-requests"'
    return _exceeded(CALLS, detail, 1, policy, f'"{CALLS}";r=0')


def _exceeded(name: str, detail: str, wait: int, policy: str, standing: str) -> Problem:
    headers = [("Retry-After", str(wait)), ("RateLimit-Policy", policy), ("RateLimit", standing)]
    return Problem(429, detail, headers, extra={"type": QUOTA_EXCEEDED, "violated-policies": [name]})
