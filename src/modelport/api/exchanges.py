"""What is noted of a request that takes the long way, while it is answered."""

from __future__ import annotations

import re
from time import perf_counter, time
from typing import Any, cast

from modelport.api.trace_context import context_of
from modelport.contract.calls import GIVEN_UP, Answer, Call, Chunk, Elsewhere
from modelport.contract.traces import id_of
from modelport.engine.ports import Engine, Pool
from modelport.http.asgi import Message, Receive, Scope, Send
from modelport.http.cycle import Cycle
from modelport.identity.principals import Principal
from modelport.telemetry.exchanges import Exchange, Exchanges, current_exchange, set_current_exchange

CALLED = (
    "modelport.called"  # in the scope of what was called otherwise than by HTTP: the method, and the path
)
EXCHANGE = "modelport.exchange"  # in the scope of a request, if anybody hears of it
REQUEST_ID = b"x-request-id"
CLIENTS_ID = re.compile(rb"[!-~]{1,128}")  # that is noted of one that a client sends


def exchange_of(scope: Scope) -> Exchange | None:
    """What is noted of this request; `None` if nobody hears of it."""
    return cast("Exchange | None", scope.get(EXCHANGE))


def note_answer(exchange: Exchange, answer: Answer) -> None:
    """Note what a worker tells of its answer."""
    exchange.model_seconds, exchange.streamed = answer.micros / 1e6, answer.stream
    exchange.prompt_tokens, exchange.completion_tokens = answer.tokens
    _note_elsewhere(exchange, answer.elsewhere)


def note_end(last: Chunk) -> None:
    """Note what a worker tells at the end of the stream that this task sends."""
    exchange = current_exchange()
    if exchange is not None:
        exchange.prompt_tokens, exchange.completion_tokens = last.tokens
        _note_elsewhere(exchange, last.elsewhere)


def _note_elsewhere(exchange: Exchange, elsewhere: Elsewhere) -> None:
    exchange.bytes_in += elsewhere.taken
    exchange.bytes_out += elsewhere.given


def note_principal(scope: Scope, principal: Principal) -> None:
    """Note who asks."""
    exchange = exchange_of(scope)
    if exchange is not None:
        exchange.principal, exchange.who = principal.id, principal.name if principal.id else ""


def clients_id(value: bytes) -> str:
    """What a client calls its request by its own `X-Request-Id`; nothing if that is no id."""
    return value.decode("ascii") if CLIENTS_ID.fullmatch(value) else ""


def exchange_of_call(cycle: Cycle, pool: Pool, call: Call, principal: Principal) -> Exchange:
    """What is noted of a prediction that takes the shortest way, when it begins."""
    client = cycle.client
    return Exchange(
        began=time(),
        started=perf_counter(),
        method=cycle.head.method,
        path=cycle.head.path,
        client=client[0] if client else "",
        principal=principal.id,
        who=principal.name if principal.id else "",
        model=pool.name,
        version=pool.version,
        verb=call.verb,
        dialect=call.dialect,
        bytes_in=len(call.body),
    )


def request_number(engine: Engine) -> int:
    """The number of the request whose task this is: of the call that it becomes, and in its id."""
    exchange = current_exchange()
    return (exchange.number if exchange is not None else 0) or engine.next_id()


async def noted_answer(
    exchanges: Exchanges, engine: Engine, app: Any, scope: Scope, receive: Receive, send: Send
) -> None:
    """Have `app` answer a request, and tell of it when that is over."""
    client = scope.get("client")
    number = engine.next_id()
    method, path = scope.get(CALLED) or (scope["method"], scope["path"])
    exchange = Exchange(
        began=time(),
        started=perf_counter(),
        method=method,
        path=path,
        client=client[0] if client else "",
        request_id=engine.request_id(number),
        client_request_id=next((clients_id(v) for name, v in scope["headers"] if name == REQUEST_ID), ""),
        number=number,
    )
    if exchanges.traces is not None:
        parent = context_of(scope["headers"])
        exchange.trace = exchanges.traces.begin(parent)
        exchange.trace_id = id_of(parent, exchange.trace)
    scope[EXCHANGE] = exchange
    await told(exchanges, exchange, app, scope, receive, send)


async def told(
    exchanges: Exchanges, exchange: Exchange, app: Any, scope: Scope, receive: Receive, send: Send
) -> None:
    """Have `app` answer a request that is noted already, and tell of it when that is over."""
    watch = _Watch(exchange, receive, send)
    set_current_exchange(exchange)
    try:
        await app(scope, watch.receive, watch.send)
    finally:
        exchange.status = exchange.status or GIVEN_UP
        exchanges.over(exchange)


class _Watch:
    """Counts what passes between an application and its client."""

    def __init__(self, exchange: Exchange, receive: Receive, send: Send):
        self._exchange = exchange
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        self._exchange.bytes_in += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        exchange = self._exchange
        if message["type"] == "http.response.start":
            exchange.status = message["status"]
            headers = message.get("headers", ())
            own = next((value for name, value in headers if name == REQUEST_ID), None)
            if own is not None:
                exchange.request_id = own.decode("latin-1")
            else:
                message["headers"] = [*headers, (REQUEST_ID, exchange.request_id.encode())]
        else:
            exchange.bytes_out += len(message.get("body", b""))
        await self._send(message)
