"""The shortest way of a prediction at the root, as `modelport.api.direct` has it for the V2 API."""

from __future__ import annotations

import asyncio
import os
from functools import partial

from modelport.api.admission import OF_PAGES, Admission
from modelport.api.bodies import MEMORY_BYTES
from modelport.api.calls import CallHandler
from modelport.api.mlup.dialect import MLUP
from modelport.api.mlup.model import RootModel
from modelport.contract.calls import Answer, Call
from modelport.contract.signature import JSON
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool, Refused
from modelport.http.asgi import Receive, Scope, Send
from modelport.http.cycle import Cycle

# A request with one of these goes the long way. What media type the body is said to have does not matter,
# unless it is one that is read by it.
MEANINGFUL = frozenset({b"content-encoding", b"prefer"}) | OF_PAGES
VARIANT = {digit: "89ab"[number & 3] for number, digit in enumerate("0123456789abcdef")}  # of RFC 9562


class DirectPredictions:
    """Takes plain predictions at `path` from the HTTP protocol. One for the application."""

    def __init__(self, model: RootModel, calls: CallHandler, admission: Admission, path: str):
        self.model = model
        self._calls = calls
        self._admission = admission
        self._engine = calls.engine
        settings = calls.settings
        self._paths: tuple[str, ...] = ()
        if settings.predict_endpoint and not settings.allow_url_inputs:
            has_own_way = settings.is_long_predict or settings.envelope
            self._paths = () if has_own_way else (path, f"{path}/")
        limits = (settings.json_max_size, settings.client_max_size, MEMORY_BYTES)
        self._max_body = min(limit for limit in limits if limit)
        self._wait = model.wait_seconds
        self._default_headers: object = None
        self._head = b""

    def take(self, cycle: Cycle) -> bool:
        """Answer the request if it is a plain prediction; false, with nothing done, if it is not."""
        if cycle.path not in self._paths or cycle.method != "POST":
            return False
        if len(cycle.body) > self._max_body or cycle.waiting_for_100_continue or cycle.flow.write_paused:
            return False
        content_type = accept = ""
        known_hosts = self._admission.known_hosts(cycle.server)
        for field, value in cycle.headers:
            if field in MEANINGFUL or (field == b"host" and value not in known_hosts):
                return False
            if field == b"content-type":
                content_type = value.decode("latin-1")
            elif field == b"accept":
                accept = f"{accept},{value.decode('latin-1')}" if accept else value.decode("latin-1")
        name = self.model.name
        pool = self._engine.route(name) if name is not None and name in self._engine.pools else None
        if (
            pool is None
            or pool.reads_headers
            or pool.takes_base64
            or self.model.is_busy
            or _has_own_way(content_type)
        ):
            return False
        if not self._calls.memory.take(len(cycle.body)):
            return False
        call = Call(
            self._engine.next_id(),
            query=cycle.query,
            content_type=content_type,
            accept=accept,
            body=bytes(cycle.body),
            collect=True,
            dialect="mlup",
            request_id=_new_id(),
        )
        exchange = _Exchange(self, cycle, pool)
        try:
            exchange.begin(pool.submit(call, exchange.on_answer), self._wait)
        except Refused:
            self._calls.memory.give(len(call.body))
            return False
        return True

    def head_of(self, cycle: Cycle, answer: Answer, predict_id: str) -> bytes:
        """The head of a plain answer, but for its framing."""
        if cycle.default_headers is not self._default_headers:  # a new list each second: it has the date
            self._default_headers = cycle.default_headers
            fields = b"".join(b"%b: %b\r\n" % field for field in cycle.default_headers)
            self._head = b"HTTP/1.1 200 OK\r\n%bcontent-type: application/json\r\nx-predict-id: " % fields
        request_id = self._engine.request_id(answer.id)
        return self._head + f"{predict_id}\r\nx-request-id: {request_id}\r\n".encode()

    async def respond(
        self, pool: Pool, pending: Pending, answer: Answer, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send an answer that is not plain, as a task of its own."""
        hide = self._calls.settings.hide_model_errors
        await self._calls.respond(
            send, pool, pending, MLUP.shaped(answer, pending.call.request_id, hide=hide)
        )

    def let_go(self, pending: Pending) -> None:
        """The body of a call that has ended is needed no longer."""
        self._calls.memory.give(len(pending.call.body))

    def call_later(self, seconds: float, pending: Pending, exchange: _Exchange) -> asyncio.TimerHandle:
        """Have `exchange` told when its client has waited so long."""
        return asyncio.get_running_loop().call_later(seconds, exchange.on_late, pending)


class _Exchange:
    """One request between the model and its client."""

    __slots__ = ("_cycle", "_direct", "_pool", "_timer")

    def __init__(self, direct: DirectPredictions, cycle: Cycle, pool: Pool):
        self._direct = direct
        self._cycle: Cycle | None = cycle
        self._pool = pool
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, pending: Pending, seconds: float | None) -> None:
        assert self._cycle is not None
        self._direct.model.in_work += 1
        self._cycle.connection.on_disconnect = partial(self._pool.cancel, pending)
        if seconds is not None:
            self._timer = self._direct.call_later(seconds, pending, self)

    def on_answer(self, pending: Pending, answer: Answer) -> None:
        """The model has answered, or the call was given up."""
        self._direct.model.in_work -= 1
        self._direct.let_go(pending)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            self._send(cycle, pending, answer)

    def on_late(self, pending: Pending) -> None:
        """The client has waited long enough: it is answered, and the call given up."""
        self._timer = None
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            self._send(cycle, pending, Answer(pending.call.id, 504, problem=True))
            self._pool.cancel(pending)

    def _send(self, cycle: Cycle, pending: Pending, answer: Answer) -> None:
        if answer.is_plain and not cycle.flow.write_paused:
            cycle.send_whole(self._direct.head_of(cycle, answer, pending.call.request_id), answer.body)
        elif not cycle.disconnected:
            cycle.run_as_task(partial(self._direct.respond, self._pool, pending, answer))


def _new_id() -> str:
    """`str(uuid.uuid4())`, at a fifth of its cost."""
    h = os.urandom(16).hex()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{VARIANT[h[16]]}{h[17:20]}-{h[20:]}"


def _has_own_way(content_type: str) -> bool:
    """True for bodies that are read by their media type, such as forms with files."""
    return content_type != JSON and content_type[:10].lower() == "multipart/"
