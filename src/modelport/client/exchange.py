"""One request and its answer, with the retries that are safe, as steps that say nothing of sync or async.

A *flow* is a generator: it yields a `Sending` or a `Pause`, is sent what came of it, and returns its
result. `Client` runs flows with blocking calls and `AsyncClient` with awaited ones, so that what to do is
written once.
"""

from __future__ import annotations

import json
import math
import random
import ssl
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar, cast

import httpx

from modelport.client.arguments import Body
from modelport.client.errors import (
    ArgumentsRefused,
    ConnectionFailed,
    ModelFailed,
    NotFound,
    PromotionRefused,
    RequestRefused,
    ServerBusy,
    TimedOut,
)
from modelport.contract.errors import ModelportError

CONNECT_SECONDS = 10.0
CONNECTION_TRIES = 5
FIRST_DELAY = 0.1
LONGEST_DELAY = 10.0
BUSY = (429, 503)  # such a request was not begun: to send it again does nothing twice

# The connection was never made, so the server cannot have begun.
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """What is asked of the server. `repeatable`: asking twice does no more than asking once."""

    method: str
    path: str
    query: Mapping[str, str | list[str]] = field(default_factory=dict[str, "str | list[str]"])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: Body = field(default_factory=Body)
    repeatable: bool = True
    stream: bool = False  # a good answer is not read; whoever asked does that

    def options(self, timeout: httpx.Timeout, opened: ExitStack) -> dict[str, Any]:
        """It as the arguments of httpx's `build_request`."""
        options = self.body.options(opened)
        options["headers"] = {**options["headers"], **self.headers}
        return options | {
            "method": self.method,
            "url": self.path,
            "params": self.query or None,
            "timeout": timeout,
        }


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Sending:
    """A request and the seconds that the connection may be silent."""

    request: Request
    timeout: httpx.Timeout


Step = Sending | Pause
Reply = httpx.Response | httpx.TransportError | None
Flow = Generator[Step, Reply, T]


class Deadline:
    """A moment by which something has to be done; `None` or infinite seconds are no deadline."""

    def __init__(self, seconds: float | None):
        self.seconds = seconds
        self._end = None if seconds is None or math.isinf(seconds) else time.monotonic() + seconds

    @property
    def left(self) -> float | None:
        """The seconds until then, never less than 0; `None` without a deadline."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)

    def allows(self, seconds: float) -> bool:
        """True if so many seconds are left."""
        left = self.left
        return left is None or left > seconds

    def error(self, what: str) -> TimedOut:
        """The error of having missed it."""
        return TimedOut(f"{what} took longer than {self.seconds:g} seconds")


def exchange(request: Request, deadline: Deadline) -> Flow[httpx.Response]:
    """Send a request, again where that is safe and helps; return the good answer. Raises `ModelportError`."""
    tries = 0
    while True:
        tries += 1
        if not deadline.allows(0.0):
            raise deadline.error(f"{request.method} {request.path}")
        reply = yield Sending(request, patience(deadline))
        if isinstance(reply, httpx.Response):
            # With a place of its own, an error is the answer of a job that has ended long ago.
            if reply.status_code < 300 or "content-location" in reply.headers:
                return reply
            failure = error_of(reply)
            delay = _delay_when_busy(failure, tries, deadline)
        else:
            assert reply is not None
            failure = failure_of(reply, request, deadline)
            delay = _delay_when_lost(reply, request, tries, deadline)
        if delay is None:
            raise failure
        yield Pause(delay)


def patience(deadline: Deadline, silence: float | None = None) -> httpx.Timeout:
    """How long a connection may be silent: until the deadline, and at most `silence` seconds."""
    limits = [seconds for seconds in (deadline.left, silence) if seconds is not None]
    longest = max(min(limits), 0.001) if limits else None
    return httpx.Timeout(longest, connect=min(CONNECT_SECONDS, longest or CONNECT_SECONDS))


def backoff(tries: int, longest: float = LONGEST_DELAY) -> float:
    """Seconds to wait after so many tries: twice as long each time, up to half of it by chance."""
    delay = min(FIRST_DELAY * 2 ** (min(tries, 20) - 1), longest)
    return delay * (0.5 + random.random() / 2)


def _delay_when_busy(failure: ModelportError, tries: int, deadline: Deadline) -> float | None:
    """Seconds until the next try, `None` for no other: only a server that asks for one gets one."""
    if not isinstance(failure, ServerBusy) or failure.retry_after is None:
        return None
    delay = max(failure.retry_after, 0.0) * (1 + random.random() / 4) + backoff(tries)
    return delay if deadline.allows(delay) else None


def _delay_when_lost(
    error: httpx.TransportError, request: Request, tries: int, deadline: Deadline
) -> float | None:
    """Seconds until the next try, `None` for no other: if it cannot have had an effect, or none twice."""
    if is_distrusted(error):
        return None
    safe = isinstance(error, NOT_SENT) or (
        request.repeatable and isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError))
    )
    if not safe or not request.body.repeatable or tries >= CONNECTION_TRIES:
        return None
    delay = backoff(tries)
    return delay if deadline.allows(delay) else None


def is_distrusted(error: BaseException | None) -> bool:
    """Whether it is the server's certificate that was refused, as it would be again."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error is not None


def failure_of(error: httpx.TransportError, request: Request, deadline: Deadline) -> ModelportError:
    """A transport error of httpx as one of ours."""
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        failure: ModelportError = deadline.error(f"{request.method} {request.path}")
    else:
        why = f"{error or type(error).__name__}{_server(error)}"
        failure = ConnectionFailed(f"{request.method} {request.path}: {why}")
    failure.__cause__ = error
    return failure


def _server(error: httpx.TransportError) -> str:
    """` (at http://…)`, the address that was asked; nothing if httpx does not say."""
    try:
        return f" (at {error.request.url.copy_with(raw_path=b'/')})"
    except RuntimeError:
        return ""


def error_of(response: httpx.Response) -> ModelportError:
    """An answer with an error status as an exception."""
    status = response.status_code
    request_id = response.headers.get("x-request-id", "")
    body = _json_object(response)
    if status in (400, 422) and body and "detail" not in body:
        return ArgumentsRefused(body)
    detail = _detail(response, body)
    if status == 404:
        return NotFound(detail + _too_much(response, body), request_id)
    if status in BUSY:
        return ServerBusy(detail, _retry_after(response), request_id, status)
    if status >= 500:
        return ModelFailed(status, detail, request_id)
    report: Any = body.get("report")
    if status == 409 and isinstance(report, dict):
        return PromotionRefused(status, detail, cast("dict[str, Any]", report), request_id)
    return RequestRefused(status, detail + _key_wanted(response), request_id)


def _key_wanted(response: httpx.Response) -> str:
    """How a client and a command send the key that a server of ours asks for."""
    is_wanted = response.status_code == 401 and "modelport" in response.headers.get("www-authenticate", "")
    if not is_wanted:
        return ""
    return (
        " (a client takes key=…; clients and commands send what is in MODELPORT_KEY, or what "
        "`modelport login` has kept)"
    )


def _too_much(response: httpx.Response, body: dict[str, Any]) -> str:
    """What the client's address may have too much, where the server has nothing at a path of its API."""
    path = response.request.url.path
    before = path[: max(0, path.rfind("/v2/"))]
    if not before or "there is nothing at this path" not in str(body.get("detail")):
        return ""
    return f" (asked for {path}: the address given to the client ends in {before}, which may be too much)"


def _json_object(response: httpx.Response) -> dict[str, Any]:
    if "json" not in response.headers.get("content-type", ""):
        return {}
    try:
        found = json.loads(response.content)
    except ValueError:
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _detail(response: httpx.Response, body: dict[str, Any]) -> str:
    """What went wrong, by whatever the body offers: a proxy before the server has its own words."""
    if response.is_redirect:
        return f"the server is at {response.headers.get('location', 'another address')}; use that address"
    title = str(body.get("title") or response.reason_phrase or "no answer")
    detail = str(body.get("detail") or title)
    return (
        detail
        if title in (detail, httpx.codes.get_reason_phrase(response.status_code))
        else f"{title}: {detail}"
    )


def _retry_after(response: httpx.Response) -> float | None:
    """The seconds that the server asks for: a number, or until a date (RFC 9110, section 10.2.3)."""
    text = response.headers.get("retry-after", "")
    if text.isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((until - datetime.now(until.tzinfo)).total_seconds(), 0.0)
