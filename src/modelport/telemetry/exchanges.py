"""One record for each HTTP request and its answer, whichever way it came, and who hears of it.

Metrics, the access log, the counts of usage and traces all read this record, so that they agree.
Where nobody does more than count, predictions that are alike have none, which would cost as much as all that
is counted: who counts is given their numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import ContextVar
from time import perf_counter
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from modelport.contract.traces import NOWHERE, Place, TraceContext

log = logging.getLogger("modelport.telemetry")
NOT_NOTED = "an exchange could not be noted"


class Exchange(msgspec.Struct, kw_only=True, gc=False):
    """A request and its answer.

    `began` is in seconds of the epoch, `started` by `perf_counter`; `seconds` is what it took until the whole
    answer was handed to the system, or the client had left: with a status of 499, if it left before there was
    one. Sizes are bytes of bodies.
    `client` is the address that asked, empty on a Unix socket. `route` is the path of the endpoint as the
    documents write it, empty where there is none. `principal` is the id of who asked, `who` the name: both
    are empty where nobody has to say who they are. What asks a model has its `model`, the `version` (0 is the
    model as its source has it), the `verb` and the `dialect`, and `model_seconds`, the time in a worker, if
    a worker has answered; it was `streamed` if that is how it answers. `client_request_id` is what the client
    calls the request in its own `X-Request-Id`, `trace_id` is that of its trace, and `trace` where it stands
    there, if it is traced; `number` is that of our own id, `request_id`, where it is known before there is an
    answer. `jobs` have begun by it. Tokens are those that the model says it has read and written.
    """

    began: float
    started: float
    method: str
    path: str
    client: str = ""
    route: str = ""
    principal: str = ""
    who: str = ""
    model: str = ""
    version: int = 0
    verb: str = ""
    dialect: str = ""
    request_id: str = ""
    client_request_id: str = ""
    trace_id: str = ""
    trace: Place = NOWHERE
    number: int = 0
    status: int = 0
    seconds: float = 0.0
    model_seconds: float = 0.0
    streamed: bool = False
    bytes_in: int = 0
    bytes_out: int = 0
    jobs: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


_current: ContextVar[Exchange | None] = ContextVar("the exchange that this code belongs to", default=None)


def current_exchange() -> Exchange | None:
    """The exchange of the request whose task this is; `None` elsewhere, and once it is over."""
    exchange = _current.get()
    return exchange if exchange is not None and not exchange.seconds else None


def set_current_exchange(exchange: Exchange) -> None:
    """Let this task, and those that it starts, belong to an exchange."""
    _current.set(exchange)


Hear: TypeAlias = Callable[[Exchange], None]


class Alike(NamedTuple):
    """What predictions have in common that were answered 200 and whole, and are counted together."""

    principal: str
    model: str
    version: int
    verb: str
    dialect: str


# Counts one of them: bytes in, bytes out, seconds, seconds in a worker.
Count: TypeAlias = Callable[[int, int, float, float], None]


# Tells one of them: bytes in, bytes out, when it began (`perf_counter`), its seconds, the id of the request,
# the address that asked.
Tell: TypeAlias = Callable[[int, int, float, float, str, str], None]


class Lines(Protocol):
    """Who has a line for each exchange: of those that are alike, it is given what differs."""

    def hear(self, exchange: Exchange) -> None:
        """Tell one."""
        ...

    def of(self, like: Exchange) -> Tell:
        """What tells each one that was answered as plainly, and is otherwise like this one."""
        ...


class Counts(Protocol):
    """Who only counts: it hears of most predictions without a record of each."""

    def hear(self, exchange: Exchange) -> None:
        """Count one."""
        ...

    def of(self, alike: Alike) -> Count:
        """What counts each one of these, as `hear` does. It is kept for long."""
        ...


class RequestTraces(Protocol):
    """Decides which requests are traced."""

    def begin(self, parent: TraceContext | None) -> Place:
        """Where a request stands in a trace; nowhere if it is not traced."""
        ...

    def over(self, exchange: Exchange) -> None:
        """One that is traced is over."""
        ...


class Exchanges:
    """Tells of each exchange when it is over. Who hears must be quick: it runs in the hot path."""

    def __init__(self) -> None:
        self.hearers: tuple[Hear, ...] = ()
        self._counts: tuple[Counts, ...] = ()
        self.lines: Lines | None = None
        self.traces: RequestTraces | None = None

    def heard_by(self, hear: Hear) -> None:
        """Tell this one, too, of every exchange from now on."""
        self.hearers = (*self.hearers, hear)

    def counted_by(self, counts: Counts) -> None:
        """Tell this one, too, of every exchange from now on; of those that are alike only what differs."""
        self._counts = (*self._counts, counts)
        self.heard_by(counts.hear)

    def told_by(self, lines: Lines) -> None:
        """Tell this one, too, of every exchange from now on; of those that are alike only what differs."""
        self.lines = lines
        self.heard_by(lines.hear)

    def counts_of(self, alike: Alike) -> tuple[Count, ...] | None:
        """Who counts each of these, while the `hearers` are the same; `None` if one must hear of each."""
        if len(self._counts) + (self.lines is not None) < len(self.hearers):
            return None
        return tuple(counts.of(alike) for counts in self._counts)

    def over(self, exchange: Exchange) -> None:
        """An exchange is over. What goes wrong with who hears of it is logged, and costs nobody an answer."""
        exchange.seconds = perf_counter() - exchange.started
        for hear in self.hearers:
            try:
                hear(exchange)
            except Exception:
                log.exception(NOT_NOTED)
        if exchange.trace and self.traces is not None:
            self.traces.over(exchange)
