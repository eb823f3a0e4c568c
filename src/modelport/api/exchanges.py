"""What is noted of a request that takes the long way, while it is answered."""

from __future__ import annotations

from time import perf_counter, time
from typing import Any, cast

from modelport.contract.calls import GIVEN_UP
from modelport.http.asgi import Message, Receive, Scope, Send
from modelport.identity.principals import Principal
from modelport.telemetry.exchanges import Exchange, Exchanges

EXCHANGE = "modelport.exchange"  # in the scope of a request, if anybody hears of it
REQUEST_ID = b"x-request-id"


def exchange_of(scope: Scope) -> Exchange | None:
    """What is noted of this request; `None` if nobody hears of it."""
    return cast("Exchange | None", scope.get(EXCHANGE))


def note_principal(scope: Scope, principal: Principal) -> None:
    """Note who asks."""
    exchange = exchange_of(scope)
    if exchange is not None:
        exchange.principal, exchange.who = principal.id, principal.name if principal.id else ""


async def noted_answer(exchanges: Exchanges, app: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Have `app` answer a request, and tell of it when that is over."""
    client = scope.get("client")
    exchange = Exchange(
        began=time(),
        started=perf_counter(),
        method=scope["method"],
        path=scope["path"],
        client=client[0] if client else "",
    )
    scope[EXCHANGE] = exchange
    await told(exchanges, exchange, app, scope, receive, send)


async def told(
    exchanges: Exchanges, exchange: Exchange, app: Any, scope: Scope, receive: Receive, send: Send
) -> None:
    """Have `app` answer a request that is noted already, and tell of it when that is over."""
    watch = _Watch(exchange, receive, send)
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
            for name, value in message.get("headers", ()):
                if name == REQUEST_ID:
                    exchange.request_id = value.decode("latin-1")
        else:
            exchange.bytes_out += len(message.get("body", b""))
        await self._send(message)
