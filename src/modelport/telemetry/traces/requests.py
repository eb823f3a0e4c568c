"""Which requests are traced, and the span of each, by OpenTelemetry's conventions for HTTP.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
"""

from __future__ import annotations

from functools import partial
from random import random
from typing import Any

from modelport.contract.calls import GIVEN_UP
from modelport.contract.traces import (
    NOWHERE,
    SERVER,
    Place,
    Span,
    TakeLate,
    TraceContext,
    new_span_id,
    root,
)
from modelport.telemetry.exchanges import Exchange

# What asks all the time whether the server lives tells nothing, unless it asks to be traced.
UNSEEN = ("/v2/health", "/metrics")
LOW_BITS = (
    1 << 64
)  # of a trace id, which decide, so that everybody who samples by a ratio takes the same ones


class Traces:
    """Decides for each request, and tells of those that are traced. `ratio` of them are; where it
    `follows_parent`, a client that has decided already is followed.
    """

    def __init__(self, take: TakeLate, ratio: float, *, follows_parent: bool = True, scheme: str = "http"):
        self.take = take
        self._ratio = ratio
        self._follows_parent = follows_parent
        self._scheme = scheme

    def begin(self, parent: TraceContext | None) -> Place:
        """The place of a request in a trace; nowhere if it is not traced. In the hot path."""
        if parent is None:
            return root() if random() < self._ratio else NOWHERE
        if self._follows_parent:
            sampled = parent.sampled
        else:
            sampled = int(parent.trace_id[16:], 16) < self._ratio * LOW_BITS
        if not sampled:
            return NOWHERE
        return (parent.trace_id, parent.span_id, new_span_id(), parent.state)

    def over(self, exchange: Exchange) -> None:
        """A request that is traced has its answer."""
        if exchange.trace[1] or not exchange.route.startswith(UNSEEN):
            self.take(partial(self._span_of, exchange))

    def _span_of(self, exchange: Exchange) -> Span:
        said: dict[str, Any] = {
            "http.request.method": exchange.method,
            "url.path": exchange.path[:1024],
            "url.scheme": self._scheme,
            "http.route": exchange.route,
            "client.address": exchange.client,
            "http.request.body.size": exchange.bytes_in,
            "http.response.body.size": exchange.bytes_out,
            "enduser.id": exchange.principal,
            "modelport.request_id": exchange.request_id,
            "modelport.model": exchange.model,
            "modelport.version": exchange.version,
            "modelport.verb": exchange.verb,
            "modelport.dialect": exchange.dialect,
        }
        said = {name: value for name, value in said.items() if value}
        error = ""
        if exchange.status == GIVEN_UP:
            error = said["error.type"] = "client_left"
        else:
            said["http.response.status_code"] = exchange.status
            if exchange.status >= 500:
                error = said["error.type"] = str(exchange.status)
        start = int(exchange.began * 1e9)
        name = f"{exchange.method} {exchange.route}" if exchange.route else exchange.method
        end = start + int(exchange.seconds * 1e9)
        return Span(exchange.trace, name, start, end, SERVER, said, error)
