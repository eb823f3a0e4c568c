"""The shortest way of a prediction: whole JSON request in, frame out, frame in, whole JSON response out.

No task, no coroutine, no future: two callbacks. It takes only what is plain, and leaves everything else
(files, forms, streams, errors, slow readers) to `CallHandler`, which does all of it. What is plain, and how
it is answered, a dialect says.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from modelport.api.admission import OF_PAGES, Admission
from modelport.api.bodies import MEMORY_BYTES
from modelport.api.calls import CallHandler
from modelport.api.credentials import CREDENTIALS, OF_PROXY, Credentials, as_sent
from modelport.api.endpoints.models import MODEL
from modelport.api.exchanges import REQUEST_ID, clients_id, exchange_of_call, told
from modelport.api.limiting import Limiter, Turn
from modelport.api.quick_refusals import QuickRefusals
from modelport.api.trace_context import OF_TRACES, context_of
from modelport.contract.calls import GIVEN_UP, Answer, Call
from modelport.contract.traces import Place, TraceContext, below, id_of
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool, Refused
from modelport.engine.spans import CallSpans, spans_of
from modelport.http.asgi import Receive, Scope, Send
from modelport.http.cycle import Cycle
from modelport.http.heads import Head
from modelport.identity.principals import ANYBODY, AccessScope, Principal
from modelport.telemetry.exchanges import Exchange, Exchanges

# Fields that mean something to the server, in every dialect. The first ones are read here, a request with
# another one goes the long way; all other fields mean nothing to it.
READ = frozenset({b"host", b"content-type", b"accept", REQUEST_ID}) | OF_TRACES
MEANINGFUL = READ | {b"content-encoding", b"prefer"} | OF_PAGES
NO_FIELDS: frozenset[bytes] = frozenset()
# `/versions/7/predict` after the path of a model; an alias goes the long way.
VERSION = re.compile(r"(?P<model>.+)/versions/(?P<number>0|[1-9][0-9]{0,8})(?P<rest>/predict/?)")
VERSION_ROUTE = f"{MODEL}/versions/{{version}}/predict/"  # what it is in the table
VersionOf = Callable[[str, int], Pool | None]


class DirectDialect(NamedTuple):
    """What a dialect says of its plain predictions.

    `paths` names the model that answers at each path, and `pool` has its workers, `None` if they are not to
    be asked so; `has_versions` says that its versions answer below. `reads` tells by its Content-Type whether
    a body is read here, and with one of `fields`, beside `MEANINGFUL`, no request is. `respond` sends an
    answer that is not plain; a client that has waited for `seconds` gets a 504 by it. `id_field` is the
    header in which an answer has the id of its prediction, from `new_id`. `route` is its endpoint's path as
    the documents write it. `began` and `ended` hear of each.
    """

    paths: dict[str, str]
    pool: Callable[[str], Pool | None]
    reads: Callable[[str], bool]
    respond: Callable[[Send, Pool, Pending, Answer], Awaitable[None]]
    fields: frozenset[bytes] = frozenset()
    has_versions: bool = False
    name: str = "v2"
    collects: bool = False
    seconds: float | None = None
    id_field: str = ""
    route: str = ""
    new_id: Callable[[], str] = str
    began: Callable[[], None] | None = None
    ended: Callable[[], None] | None = None


class Door(NamedTuple):
    """Who looks at each request: at where it comes from, who sends it, and how much they use."""

    admission: Admission
    credentials: Credentials
    limiter: Limiter
    refusals: QuickRefusals


class By(NamedTuple):
    """Who asks, and the turn of their request, if they are limited."""

    principal: Principal
    turn: Turn | None


class DirectCalls:
    """Takes plain predictions from the HTTP protocol. One for the application.

    `version_of` has the pool of a version of a model if it can answer now: its path is that of the model, and
    its dialect.
    """

    def __init__(
        self,
        calls: CallHandler,
        door: Door,
        dialects: Iterable[DirectDialect],
        version_of: VersionOf,
        exchanges: Exchanges,
    ):
        self.next_id = calls.engine.next_id
        self.request_id = calls.engine.request_id
        settings = calls.settings
        self.memory = calls.memory
        self._admission, self._credentials, self._limiter, self._refusals = door
        self.asks_who = self._credentials.is_asked
        self._version_of = version_of
        self.exchanges = exchanges
        limits = (settings.json_max_size, settings.client_max_size, MEMORY_BYTES)
        self._max_body = min(limit for limit in limits if limit)
        self._paths: dict[str, tuple[_Way, str]] = {}
        self._versioned: dict[str, tuple[_Way, str]] = {}  # those of them whose versions answer, too
        if settings.predict_endpoint and not settings.allow_url_inputs:
            for dialect in dialects:
                way = _Way(self, dialect)
                for path, model in dialect.paths.items():
                    found = {path: (way, model), f"{path}/": (way, model)}
                    self._paths |= found
                    self._versioned |= found if dialect.has_versions else {}
        self._default_headers: object = None
        self._head = b""

    def take(self, cycle: Cycle) -> bool:
        """Answer the request if it is a plain prediction; false, with nothing done, if it is not."""
        plan: _Plan | None = cycle.head.plan
        if plan is None:
            plan = cycle.head.plan = self._plan(cycle.head)
        way = plan.way
        principal: Principal | None = ANYBODY
        if self.asks_who:
            principal = self._credentials.known(plan.credential)
            if principal is None and cycle.line.certificate is not None and not plan.credential:
                principal = self._credentials.held_by(cycle.line.certificate)
            if principal is None and self._refusals.take(cycle, plan.credential):
                return True
        if way is None or principal is None or cycle.waiting_for_100_continue or cycle.flow.write_paused:
            return False
        size = len(cycle.body)
        if size > self._max_body:
            return False
        if plan.host is not None and plan.host not in self._admission.known_hosts(cycle.server):
            return False
        if principal is not plan.allowed:
            if not principal.may(AccessScope.PREDICT, plan.name):
                return False
            plan.allowed, plan.turn = principal, self._limiter.turn(principal, None)
        turn = self._limiter.turn(principal, cycle.client) if self._limiter.by_address else plan.turn
        if turn is not None and not turn.is_open():
            return False
        pool = way.pool(plan.name) if plan.version is None else self._version_of(plan.name, plan.version)
        if pool is None or pool.reads_headers or pool.takes_base64 or not self.memory.take(size):
            return False
        return way.submit(cycle, pool, plan, By(principal, turn))

    def _plan(self, head: Head) -> _Plan:
        """What to do with each request of this head."""
        plan = self._plan_of_prediction(head)
        if plan.way is None and self.asks_who:
            plan = _Plan(None, credential=self._refusals.credential_of(head))
        return plan

    def _plan_of_prediction(self, head: Head) -> _Plan:
        version = None
        found = self._paths.get(head.path)
        if found is None:
            found, version = self._version_at(head.path)
        if found is None or head.method != "POST":
            return _LONG_WAY
        way, name = found
        return way.plan(head, name, version)

    def _version_at(self, path: str) -> tuple[tuple[_Way, str] | None, int | None]:
        """The way and model of the path, and the number of the version that answers there, if it is one."""
        found = VERSION.fullmatch(path) if "/versions/" in path else None
        if found is None:
            return None, None
        return self._versioned.get(found["model"] + found["rest"]), int(found["number"])

    def head_of(self, cycle: Cycle) -> bytes:
        """The begin of the head of a plain answer."""
        if cycle.default_headers is not self._default_headers:  # a new list each second: it has the date
            self._default_headers = cycle.default_headers
            fields = b"".join(b"%b: %b\r\n" % field for field in cycle.default_headers)
            self._head = b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\n" % fields
        return self._head


@dataclass(slots=True)
class _Plan:
    """What to do with each request of one head: by which way to ask which model, if it is plain.

    `host` is the value of its `Host`, which must be known; so must be, where it is asked, who sends the
    `credential`. `allowed` is who may ask the model, as was found for the last request, and `turn` theirs.
    """

    way: _Way | None
    name: str = ""
    version: int | None = None
    content_type: str = ""
    accept: str = ""
    host: bytes | None = None
    credential: bytes = b""
    clients_id: str = ""
    allowed: Principal | None = None
    turn: Turn | None = None
    trace: TraceContext | None = None


_LONG_WAY = _Plan(None)


class _Way:
    """The way of one dialect."""

    def __init__(self, direct: DirectCalls, dialect: DirectDialect):
        self.direct = direct
        self.dialect = dialect
        self.memory = direct.memory
        self.pool = dialect.pool
        self.id_field = dialect.id_field  # looked up with each answer, as are its neighbours
        self.ended = dialect.ended
        self._fields = MEANINGFUL | dialect.fields | (CREDENTIALS if direct.asks_who else NO_FIELDS)

    def plan(self, head: Head, name: str, version: int | None) -> _Plan:
        """How a prediction of the model is asked for by this head, if it is plain."""
        content_type = accept = own_id = ""
        host: bytes | None = None
        credential = b""
        trace: TraceContext | None = None
        for field, value in head.headers:
            if field not in self._fields:
                continue
            if field == b"content-type" and not content_type:
                content_type = value.decode("latin-1")
            elif field == b"accept" and not accept:
                accept = value.decode("latin-1")
            elif field == b"host" and host is None:
                host = value
            elif field == REQUEST_ID:
                own_id = own_id or clients_id(value)
            elif field in OF_TRACES:
                trace = context_of(head.headers)
            elif field in CREDENTIALS and not credential:
                credential = as_sent(field, value)
            else:
                return _LONG_WAY
        if not credential and self.direct.asks_who and head.told is not None and head.told.user is not None:
            credential = OF_PROXY + head.told.user
        way = self if self.dialect.reads(content_type) else None
        return _Plan(way, name, version, content_type, accept, host, credential, own_id, trace=trace)

    def submit(self, cycle: Cycle, pool: Pool, plan: _Plan, by: By) -> bool:
        """Have the model asked; false if it takes no more."""
        dialect, direct = self.dialect, self.direct
        call = Call(
            direct.next_id(),
            query=cycle.head.query,
            content_type=plan.content_type,
            accept=plan.accept,
            body=bytes(cycle.body),
            collect=dialect.collects,
            dialect=dialect.name,
            request_id=dialect.new_id() if self.id_field else "",
            by=by.principal.id,
        )
        place = direct.exchanges.place_of(plan.trace)
        if place:
            call.trace = below(place)
        exchange = _Exchange(self, cycle, pool, by.turn)
        if direct.exchanges.hearers or place:
            exchange.note(cycle, call, by.principal, plan, place)
        try:
            pending = pool.submit(call, exchange.on_answer)
        except Refused:
            direct.memory.give(len(call.body))
            return False
        if by.turn is not None:
            by.turn.count()
            by.turn.begin_call()
        if dialect.began is not None:
            dialect.began()
        cycle.on_disconnect = partial(pool.cancel, pending)
        if dialect.seconds is not None:
            exchange.wait(pending, dialect.seconds)
        return True


class _Exchange:
    """One request between the model and its client."""

    __slots__ = ("_cycle", "_noted", "_pool", "_spans", "_timer", "_turn", "_way")

    def __init__(self, way: _Way, cycle: Cycle, pool: Pool, turn: Turn | None):
        self._turn = turn
        self._way = way
        self._cycle: Cycle | None = cycle
        self._pool = pool
        self._timer: asyncio.TimerHandle | None = None
        self._noted: Exchange | None = None
        self._spans: CallSpans | None = None

    def note(self, cycle: Cycle, call: Call, principal: Principal, plan: _Plan, place: Place) -> None:
        """Note what is asked, for those who hear of it."""
        self._noted = noted = exchange_of_call(cycle, self._pool, call, principal)
        noted.route = self._way.dialect.route if plan.version is None else VERSION_ROUTE
        noted.client_request_id = plan.clients_id
        noted.trace, noted.trace_id = place, id_of(plan.trace, place)
        self._spans = spans_of(call, self._pool)

    def wait(self, pending: Pending, seconds: float) -> None:
        """Answer the client that has waited so long."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_late, pending)

    def on_answer(self, pending: Pending, answer: Answer) -> None:
        """The model has answered, or the call was given up."""
        way = self._way
        if way.ended is not None:
            way.ended()
        way.memory.give(len(pending.call.body))  # needed no longer
        if self._turn is not None:
            self._turn.end_call()
        if self._spans is not None:
            self._spans.over(pending, answer)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            self._send(cycle, pending, answer)

    def _on_late(self, pending: Pending) -> None:
        """The client has waited long enough: it is answered, and the call given up."""
        self._timer = None
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            self._send(cycle, pending, Answer(pending.call.id, 504, problem=True))
            self._pool.cancel(pending)

    def _send(self, cycle: Cycle, pending: Pending, answer: Answer) -> None:
        noted = self._noted
        request_id = self._way.direct.request_id(answer.id)
        if noted is not None:
            noted.request_id = request_id
            noted.model_seconds, noted.streamed = answer.micros / 1e6, answer.stream
        if answer.is_plain and not cycle.flow.write_paused:
            way, direct = self._way, self._way.direct
            fields = f"x-request-id: {request_id}\r\n"
            if way.id_field:
                fields = f"{way.id_field}: {pending.call.request_id}\r\n{fields}"
            if self._turn is not None:
                fields += self._turn.lines()
            cycle.send_whole(direct.head_of(cycle) + fields.encode(), answer.body)
            if noted is not None:
                noted.status, noted.bytes_out = answer.status, len(answer.body)
                direct.exchanges.over(noted)
        elif not cycle.disconnected:
            app = partial(self._respond, pending, answer)
            if noted is not None:
                app = partial(told, self._way.direct.exchanges, noted, app)
            cycle.run_as_task(app)
        elif noted is not None:
            noted.status = GIVEN_UP
            self._way.direct.exchanges.over(noted)

    async def _respond(
        self, pending: Pending, answer: Answer, scope: Scope, receive: Receive, send: Send
    ) -> None:
        told = send if self._turn is None else self._turn.told(send)
        await self._way.dialect.respond(told, self._pool, pending, answer)
