"""The shortest way of a prediction: whole JSON request in, frame out, frame in, whole JSON response out.

No task, no coroutine, no future: two callbacks. It takes only what is plain, and leaves everything else
(files, forms, streams, errors, slow readers) to `CallHandler`, which does all of it. What is plain, and how
it is answered, a dialect says.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from functools import partial
from time import perf_counter
from typing import Any, NamedTuple, cast

from modelport.api.admission import OF_PAGES, Admission
from modelport.api.bodies import MEMORY_BYTES
from modelport.api.calls import CallHandler
from modelport.api.credentials import CREDENTIALS, OF_PROXY, Credentials
from modelport.api.dialect_calls import version_of
from modelport.api.direct_dialect import DirectDialect
from modelport.api.direct_plan import READ, Plan, Said, said_of
from modelport.api.endpoints.models import MODEL
from modelport.api.exchanges import exchange_of_call, note_answer, told
from modelport.api.limiting import Limiter, Turn
from modelport.api.quick_refusals import QuickRefusals
from modelport.api.standing import send_while_standing
from modelport.contract.calls import GIVEN_UP, Answer, Call
from modelport.contract.traces import NOWHERE, Place, below, id_of
from modelport.engine.asking import late_answer
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool, Refused
from modelport.engine.spans import CallSpans, spans_of
from modelport.http.asgi import Receive, Scope, Send
from modelport.http.body_place import BodyPlace
from modelport.http.cycle import Cycle
from modelport.http.heads import Head
from modelport.identity.principals import ANYBODY, AccessScope, Principal
from modelport.telemetry.exchanges import NOT_NOTED, Count, Exchange, Exchanges, Tell, log

# Fields that mean something to the server, in every dialect. A request with one that is not read goes the
# long way; all other fields mean nothing to it.
MEANINGFUL = READ | {b"content-encoding", b"prefer"} | OF_PAGES
NO_FIELDS: frozenset[bytes] = frozenset()
# `/versions/7/predict` after the path of a model; an alias goes the long way.
VERSION = re.compile(r"(?P<model>.+)/versions/(?P<number>0|[1-9][0-9]{0,8})(?P<rest>/predict/?)")
VERSION_ROUTE = f"{MODEL}/versions/{{version}}/predict/"  # what it is in the table
VersionOf = Callable[[str, int], Pool | None]


_LONG_WAY: Plan[Any] = Plan(None)
_NOT_IN = (None, None)


class Door(NamedTuple):
    """Who looks at each request: at where it comes from, who sends it, and how much they use."""

    admission: Admission
    credentials: Credentials
    limiter: Limiter
    refusals: QuickRefusals


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
        self._pools = calls.engine.pools
        settings = calls.settings
        self.memory = calls.memory
        self._admission, self._credentials, self._limiter, self._refusals = door
        self.asks_who = self._credentials.is_asked
        self.open_answers = self._credentials.open_answers
        self._keys = self._credentials.remembered_keys
        self._by_address = self._limiter.by_address
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
        plan: Plan[_Way] | None = cycle.head.plan
        if plan is None:
            plan = cycle.head.plan = self._plan(cycle.head)
        way = plan.way
        principal: Principal | None = ANYBODY
        if self.asks_who:
            principal = self._who(cycle, plan)
            if principal is None and plan.said.credential:
                refused = self._refusals.take(cycle, plan.said.credential, plan.refusable)
                if refused is not None:
                    plan.refusable, cycle.head.is_rare = refused, True
                    return True
        if way is None or principal is None:
            return False
        pool, turn = self._let_in(cycle, plan, way.pool, principal)
        size = len(cycle.body)
        if pool is None or size > self._max_body or not self.memory.take(size):
            return False
        return way.submit(cycle, pool, plan, principal, turn)

    def gathers(self, cycle: Cycle, length: int) -> BodyPlace | None:
        """The place of a body of this length, if its request will be taken once it is here; else `None`."""
        if length > self._max_body:
            return None
        plan: Plan[_Way] | None = cycle.head.plan
        if plan is None:
            plan = cycle.head.plan = self._plan(cycle.head)
        principal = self._who(cycle, plan) if self.asks_who else ANYBODY
        if plan.way is None or principal is None:
            return None
        # Not by its way, which counts this as a call to one of the versions that share them.
        pool, _ = self._let_in(cycle, plan, self._pools.get, principal)
        if pool is None:
            return None
        return BodyPlace(length, self.memory, pool.body_slot if plan.way.dialect.shares_bodies else None)

    def _who(self, cycle: Cycle, plan: Plan[_Way]) -> Principal | None:
        """Who asks, if that is known."""
        sent = plan.said.credential
        principal = self._keys.get(sent) or self._credentials.known(sent)
        if principal is None and cycle.line.certificate is not None and not sent:
            principal = self._credentials.held_by(cycle.line.certificate)
        return principal

    def _let_in(
        self, cycle: Cycle, plan: Plan[_Way], pool_of: Callable[[str], Pool | None], principal: Principal
    ) -> tuple[Pool | None, Turn | None]:
        """Whom a request is to ask, and whose turn it is; `None` if it goes the long way."""
        if cycle.waiting_for_100_continue or cycle.flow.write_paused:
            return _NOT_IN
        host = plan.said.host
        if host is not None and host not in self._admission.known_hosts(cycle.line.address):
            return _NOT_IN
        if principal is not plan.allowed:
            if not principal.may(AccessScope.PREDICT, plan.name):
                return _NOT_IN
            plan.allowed, plan.turn = principal, self._limiter.turn(principal, None)
            plan.heard_by = None
        turn = self._limiter.turn(principal, cycle.client) if self._by_address else plan.turn
        if turn is not None and not turn.is_open():
            return _NOT_IN
        pool = pool_of(plan.name) if plan.version is None else self._version_of(plan.name, plan.version)
        if pool is None or pool.reads_headers or pool.takes_base64:
            return _NOT_IN
        return pool, turn

    def _plan(self, head: Head) -> Plan[_Way]:
        """What to do with each request of this head."""
        plan = self._plan_of_prediction(head)
        if plan.way is None and self.asks_who:
            plan = Plan[_Way](None, said=Said(credential=self._refusals.credential_of(head)))
        return plan

    def _plan_of_prediction(self, head: Head) -> Plan[_Way]:
        version = None
        found = self._paths.get(head.path)
        if found is None:
            found, version = self._version_at(head.path)
        if found is None or head.method != "POST":
            return _LONG_WAY
        return found[0].plan(head, found[1], version)

    def _version_at(self, path: str) -> tuple[tuple[_Way, str] | None, int | None]:
        """The way and model of the path, and the number of the version that answers there, if it is one."""
        found = VERSION.fullmatch(path) if "/versions/" in path else None
        if found is None:
            return None, None
        return self._versioned.get(found["model"] + found["rest"]), int(found["number"])

    def head_of(self, cycle: Cycle) -> bytes:
        """The begin of the head of a plain answer."""
        default_headers = cycle.line.default_headers
        if default_headers is not self._default_headers:  # a new list each second: it has the date
            self._default_headers = default_headers
            fields = b"".join(b"%b: %b\r\n" % field for field in default_headers)
            self._head = b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\n" % fields
        return self._head


class _Way:
    """The way of one dialect."""

    def __init__(self, direct: DirectCalls, dialect: DirectDialect):
        self.direct = direct
        self.dialect = dialect
        self.memory = direct.memory
        self.pool = dialect.pool
        self.id_field = dialect.id_field  # looked up with each answer, as are its neighbours
        self.ended = dialect.ended
        own = dialect.fields | dialect.handed_on
        self._fields = MEANINGFUL | own | (CREDENTIALS if direct.asks_who else NO_FIELDS)

    def plan(self, head: Head, name: str, version: int | None) -> Plan[_Way]:
        """How a prediction of the model is asked for by this head, if it is plain."""
        said = said_of(head, self._fields, self.dialect.handed_on)
        if said is None:
            return _LONG_WAY
        user = head.told.user if head.told is not None and self.direct.asks_who else None
        if user is not None and not said.credential:
            said.credential = OF_PROXY + user
        way = self if self.dialect.reads(said.content_type) else None
        return Plan(way, name, version, said)

    def _told(self, pool: Pool) -> str:
        """What an answer may have to repeat: the id of the prediction, or the version that is asked."""
        if self.id_field:
            return self.dialect.new_id()
        return version_of(pool) if self.dialect.tells_version else ""

    def submit(
        self, cycle: Cycle, pool: Pool, plan: Plan[_Way], principal: Principal, turn: Turn | None
    ) -> bool:
        """Have the model asked; false if it takes no more."""
        dialect, direct, exchanges = self.dialect, self.direct, self.direct.exchanges
        call = Call(
            direct.next_id(),
            query=cycle.head.query,
            content_type=plan.said.content_type,
            accept=plan.said.accept,
            body=cast("bytes", cycle.body),  # nobody changes it any more
            collect=dialect.collects,
            dialect=dialect.name,
            request_id=self._told(pool),
            headers=plan.said.handed_on,
            by=principal.id,
            client_memory=dialect.client_memory,
        )
        exchange = _Exchange(self, cycle, pool, plan, principal)
        place = NOWHERE if exchanges.traces is None else exchanges.traces.begin(plan.said.trace)
        if plan.counted != pool.version or plan.heard_by is not exchanges.hearers:
            plan.count_by(exchanges, pool, call, partial(exchange.noted_of, cycle, call, NOWHERE))
        if place or plan.counts is None:
            call.trace = below(place)
            exchange.note(cycle, call, place)
        elif plan.counts or plan.tell is not None:
            exchange.counts, exchange.tell, exchange.started = plan.counts, plan.tell, perf_counter()
        try:
            pending = pool.submit(call, exchange.on_answer)
        except Refused:
            direct.memory.give(len(call.body))
            return False
        if turn is not None:
            exchange.turn = turn
            turn.count()
            turn.begin_call()
        if dialect.began is not None:
            dialect.began()
        cycle.body = b""  # it is the call's: a slot of shared memory is free when that is over
        cycle.on_disconnect = partial(pool.cancel, pending)
        seconds = dialect.seconds if dialect.asked_seconds is None else dialect.asked_seconds(pool, call)
        if seconds is not None:
            exchange.wait(pending, seconds)
        return True


class _Exchange:
    """One request between the model and its client.

    With `counts`, who count it, or `tell`, who has its line, it has `started`; else it is noted, if need be.
    """

    # Most of these stay as they are: an attribute is written where one changes.
    turn: Turn | None = None
    counts: tuple[Count, ...] = ()
    tell: Tell | None = None
    started = 0.0
    _timer: asyncio.TimerHandle | None = None
    _noted: Exchange | None = None
    _spans: CallSpans | None = None

    def __init__(self, way: _Way, cycle: Cycle, pool: Pool, plan: Plan[_Way], principal: Principal):
        self._way = way
        self._cycle: Cycle | None = cycle
        self._pool = pool
        self._plan = plan
        self._principal = principal

    def note(self, cycle: Cycle, call: Call, place: Place) -> Exchange:
        """Note what is asked, for those who hear of it."""
        self._noted, self._spans = self.noted_of(cycle, call, place), spans_of(call, self._pool)
        return self._noted

    def noted_of(self, cycle: Cycle, call: Call, place: Place) -> Exchange:
        """What there is to tell of the call before it has an answer."""
        plan, noted = self._plan, exchange_of_call(cycle, self._pool, call, self._principal)
        noted.route = self._way.dialect.route if plan.version is None else VERSION_ROUTE
        noted.client_request_id = plan.said.clients_id
        noted.trace, noted.trace_id = place, id_of(plan.said.trace, place)
        return noted

    def _note_late(self, cycle: Cycle, call: Call) -> Exchange:
        """Note what was asked, since the answer is more than a count."""
        noted = self.note(cycle, call, NOWHERE)
        noted.began, noted.started = noted.began - noted.started + self.started, self.started
        return noted

    def wait(self, pending: Pending, seconds: float) -> None:
        """Answer the client that has waited so long."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_late, pending, seconds)

    def on_answer(self, pending: Pending, answer: Answer) -> None:
        """The model has answered, or the call was given up."""
        way = self._way
        if way.ended is not None:
            way.ended()
        way.memory.give(len(pending.call.body))  # needed no longer
        if self.turn is not None:
            self.turn.end_call()
        if self._spans is not None:
            self._spans.over(pending, answer)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            self._send(cycle, pending, answer)

    def _on_late(self, pending: Pending, seconds: float) -> None:
        """The client has waited long enough: it is answered, and the call given up."""
        self._timer = None
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            self._send(cycle, pending, late_answer(pending.call, seconds))
            self._pool.cancel(pending)

    def _send(self, cycle: Cycle, pending: Pending, answer: Answer) -> None:
        way, direct, noted = self._way, self._way.direct, self._noted
        request_id = direct.request_id(answer.id)
        is_plain = answer.is_plain and not cycle.flow.write_paused
        if self.started and not is_plain:
            noted = self._note_late(cycle, pending.call)
        if noted is not None:
            noted.request_id = request_id
            note_answer(noted, answer)
        if is_plain:
            fields = f"x-request-id: {request_id}\r\n"
            if way.id_field:
                fields = f"{way.id_field}: {pending.call.request_id}\r\n{fields}"
            if self.turn is not None:
                fields += self.turn.lines()
            cycle.send_whole(direct.head_of(cycle) + fields.encode(), answer.body)
            if self.started:
                seconds, of_model = perf_counter() - self.started, answer.micros / 1e6
                bytes_in, bytes_out = len(pending.call.body), len(answer.body)
                for count in self.counts:
                    try:
                        count(bytes_in, bytes_out, seconds, of_model)
                    except Exception:
                        log.exception(NOT_NOTED)
                if self.tell is not None:
                    at = cycle.client[0] if cycle.client else ""
                    self.tell(bytes_in, bytes_out, self.started, seconds, request_id, at)
            elif noted is not None:
                noted.status, noted.bytes_out = answer.status, len(answer.body)
                direct.exchanges.over(noted)
        elif not cycle.disconnected:
            app = partial(self._respond, pending, answer)
            if noted is not None:
                app = partial(told, direct.exchanges, noted, app)
            cycle.run_as_task(app)
        elif noted is not None:
            noted.status = GIVEN_UP
            direct.exchanges.over(noted)

    async def _respond(self, pending: Pending, answer: Answer, _: Scope, _r: Receive, send: Send) -> None:
        told = send if self.turn is None else self.turn.told(send)

        async def respond(send: Send) -> None:
            await self._way.dialect.respond(send, self._pool, pending, answer)

        await send_while_standing(self._way.direct.open_answers, self._principal, told, respond)
