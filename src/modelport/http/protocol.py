"""One client connection: HTTP/1.1 with limits, deadlines and strict framing.

A bad request gets exactly one problem+json answer and `Connection: close`; nothing after it on that
connection is run.

Time is kept by one sweep a server, not by timers a request: events only clear `_since`, and the sweep
starts the clock and compares. A deadline is therefore late by up to two ticks, and never early.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Iterator
from typing import Any, cast

from modelport.http import refusals
from modelport.http.addresses import client_address, scheme, send_at_once, server_address
from modelport.http.client_certificate import ClientCertificate
from modelport.http.crowd import close_idle, origin_of
from modelport.http.cycle import Cycle, logger
from modelport.http.flow import Flow
from modelport.http.half_close import HalfClose
from modelport.http.refusals import ALLOWED_METHODS, Refusal
from modelport.http.requests import RequestReader
from modelport.http.server_state import ServerState
from modelport.http.watches import SentWatch

LINGER_S = 2.0
MAX_DISCARDED = 4 << 20
MAX_PIPELINED = 64
# A long read is parsed in slices, so that a pipelining flood can be held back between two of them.
SLICE = 16 << 10


class HttpProtocol(RequestReader):
    """One client connection of a server."""

    def __init__(self, server: ServerState) -> None:
        super().__init__(server)
        self._stash: deque[bytes | memoryview] = deque()
        # The end of the connection
        self._discarding = False
        self._discarded = 0
        self._last_words: bytes | None = None
        self.sent = SentWatch()
        self._origin: str | None = None  # whom the crowd has counted the connection for
        self._half_close: HalfClose | None = None

    # --- connection --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = self.transport = cast(asyncio.Transport, transport)
        self.flow = Flow(transport)
        self.client = client_address(transport)
        self.address = server_address(transport)
        self.scheme = scheme(transport)
        self.reads_to_places = transport.get_extra_info("sslcontext") is None
        proxies = self.server.proxies
        by_unix = self.address is not None and self.address[1] is None
        if proxies is not None and proxies.trusts(self.client, by_unix=by_unix):
            self.proxies, self.heads = proxies, self.server.heads_of_proxies
        send_at_once(transport)
        self.server.enter(self)
        self._enter_crowd()

    def _enter_crowd(self) -> None:
        """Take part, or be told that there is no room, and why."""
        origin = origin_of(self.client)
        is_one = self.proxies is None  # and not many, who come by the same address
        refusal = self.server.crowd.enter(origin, self.loop.time(), self._make_room, is_one=is_one)
        if refusal is None:
            self._origin = origin
        else:
            self.server.refused[refusal.status] += 1
            self.server.crowd.turn_away(self, self.transport.abort)
            self.transport.write(refusal.wire(self.default_headers, head_only=False))
            self.linger()

    def _make_room(self) -> bool:
        others = self.server.connections - {self}
        return close_idle([(one.idle_since, one.close) for one in others], self.loop.time())

    @property
    def idle_since(self) -> float:
        """When the last request was answered, or the connection was made; infinity if one is under way."""
        is_between = not self._has_begun if self._in_head else not self._is_answering()
        if self._since is None or not is_between or self._awaits_body() or self._discarding:
            return math.inf
        return self._since

    def _is_answering(self) -> bool:
        """Whether an answer is under way, or a request waits for its turn."""
        running = self._running
        return bool(self.pipeline or self._stash or (running is not None and not running.response_complete))

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.leave(self)
        if self._origin is not None:
            self.server.crowd.leave(self._origin)
        else:
            self.server.crowd.has_gone(self)
        if self._half_close is not None:
            self._half_close.end()
        if self._running is not None:
            self._running.client_left()
        for cycle in self.pipeline:
            cycle.client_left()
        self.pipeline.clear()
        self._stash.clear()
        self._running = self.cycle = self.known = None  # they hold this connection too
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        del self.parser  # parser and protocol hold each other

    def eof_received(self) -> bool:
        """The client sends no more, but may still listen: what it asked for is answered, then all is closed.

        Who leaves in the middle of an answer is gone. True keeps the connection.
        """
        if self._half_close is not None:
            return True
        if self.websocket is not None:
            return False
        if self.transport.is_closing() or (self._discarding and self._last_words is None):
            return False
        is_within = self._has_begun and (self._in_head or self._awaits_body())
        if is_within and not (self._stash or self._discarding):
            self._refuse(refusals.BODY_TRUNCATED)
        running = self._running
        if not self._is_answering():
            return False
        if running is not None and running.response_started and not (self.pipeline or self._stash):
            return False
        self._half_close = HalfClose(self.loop, self.transport, self._may_send_interim)
        return True

    def _may_send_interim(self) -> bool:
        running = self._running
        if running is None or running.response_started:
            return False
        return running.head.http_version == "1.1"

    def secured(self, certificate: ClientCertificate | None) -> None:
        """TLS has begun."""
        self.certificate = certificate

    def plain_was_sent(self) -> None:
        """Plain HTTP has come where TLS should have."""
        self._refuse(refusals.PLAIN_HTTP)

    def pause_writing(self) -> None:
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        self.sent.progressed()
        self.flow.resume_writing()

    def close(self) -> None:
        """Close, when what was written is out."""
        self.transport.close()

    def end_soon(self) -> None:
        """The server stops: what was asked is answered, and the last answer says that it is the last."""
        if self.websocket is not None:
            self.websocket.end_soon()
            return
        if self.known is not None:
            self.known.begin_now()
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False

    def end_if_idle(self) -> None:
        """Close, unless an answer is under way."""
        if self._running is None or self._running.response_complete:
            self.transport.close()

    # --- deadlines ---------------------------------------------------------------------------------

    def on_tick(self, now: float) -> None:
        """Called by the sweep: end the connection if the client let a deadline pass."""
        unsent = self.transport.get_write_buffer_size()
        if self.sent.look(now, unsent) > self.limits.write_idle_s:
            self.cut("it does not read its response")
            return
        if self.websocket is not None and self.websocket.is_open:
            self.websocket.on_tick(now)
            return
        late = self.body.look(now, self.limits, is_awaited=self._is_reading_body())
        if late is not None:
            self._refuse(late)
            return
        if self._since is None or self.flow.read_paused:  # paused: it waits for us, not we for it
            self._since = now
            return
        idle = now - self._since
        limits = self.limits
        if self._discarding:
            if self._last_words is None and idle > LINGER_S:
                self.transport.close()
        elif self.transport.is_closing():
            return
        elif self._in_head:
            if idle > limits.header_deadline_s:
                self._head_is_late()
        elif self._awaits_body():
            if self._waits_to_continue():
                self._since = now
            elif idle > limits.body_idle_s:
                self._refuse(refusals.BODY_TIMEOUT)
        elif self.cycle is not None and self.cycle.response_complete and idle > limits.keep_alive_s:
            self.transport.close()

    def cut(self, why: str) -> None:
        """End the connection now, whatever is still to be sent."""
        logger.warning("aborted the connection of %s: %s", self._client_name(), why)
        self.transport.abort()

    def _is_reading_body(self) -> bool:
        """Whether it is the client that keeps us waiting for more of a body."""
        if self._in_head or self._discarding or not self._awaits_body():
            return False
        return not (self.flow.read_paused or self._waits_to_continue())

    def _waits_to_continue(self) -> bool:
        """Whether the client waits to be told that its body is wanted."""
        return self.cycle is not None and self.cycle.waiting_for_100_continue

    def _head_is_late(self) -> None:
        if not self._has_begun:  # not one request yet: there is nothing to answer
            self.transport.close()
        else:
            self._refuse(refusals.HEAD_TIMEOUT)

    # --- reading -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._fresh = None
        if self._discarding:
            self._discard(len(data))
        elif self._stash or len(self.pipeline) >= MAX_PIPELINED:
            self._stash.extend(_sliced(data))
            self._feed_stash()
        elif self._is_between and self._read_known(data):
            pass
        elif len(data) <= SLICE or len(data) <= self.left:
            self._feed(data)
        else:
            self._stash.extend(_sliced(data))
            self._feed_stash()

    def _feed_stash(self) -> None:
        """Parse what was read, until that is all or enough requests wait for their turn."""
        stash, flow = self._stash, self.flow
        while stash and not self._discarding and len(self.pipeline) < MAX_PIPELINED:
            self._feed(stash.popleft())
        if self._discarding:
            stash.clear()
        flow.held = bool(stash)
        if stash:
            flow.pause_reading()

    def _enqueue(self, cycle: Cycle, *, for_server: bool) -> bool:
        """Have the request answered after those before it on this connection; true if there is none."""
        self.cycle = cycle
        cycle.app = _answer_options if for_server else self.server.app
        running = self._running
        if running is None or running.response_complete:
            self._running = cycle
            return True
        self.pipeline.appendleft(cycle)
        return False

    def _begin_read(self, *, at_once: bool) -> None:
        """Begin the request that was read; if not at once, then in the next turn of the event loop."""
        self._is_unbegun = False
        cycle = self._running
        assert cycle is not None
        if at_once:
            self.begin(cycle)
        else:
            self._fresh = self.loop.call_soon(self.begin, cycle)

    def begin(self, cycle: Cycle) -> None:
        if cycle.disconnected:
            return
        take = self.server.take
        if take is not None and cycle.app is self.server.app and cycle is not self.websocket:
            known = self.known
            if take(cycle) if not cycle.more_body else known is not None and known.gathers(cycle):
                return
        self.run_as_task(cycle, cycle.app)

    def run_as_task(self, cycle: Cycle, app: Any) -> None:
        """Have `app` answer the request."""
        self.server.run(cycle.run_asgi(app))

    # --- writing -----------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Called by the cycle: take the next request, or wait for one."""
        self._since = None
        if self.transport.is_closing() or (self._discarding and self._last_words is None):
            return
        if self.pipeline:
            self._running = self.pipeline.pop()
            self._begin_read(at_once=False)
        elif self._last_words is not None:
            self._say_last_words()
            return
        if self._stash:
            self._feed_stash()
        if self._half_close is not None:
            if not self._is_answering():
                self.transport.close()
        elif self.flow.read_paused:
            self.flow.resume_reading()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer `refusal`, in its turn, as the last thing on this connection."""
        logger.warning("refused a request of %s: %d %s", self._client_name(), refusal.status, refusal.detail)
        self.server.refused[refusal.status] += 1
        self._discarding = True
        cycle = self.cycle
        if (
            cycle is not None and self._awaits_body()
        ):  # so the fault is in the body of a request that was taken already
            cycle.client_left()
            if cycle is self._running:
                if cycle.response_started:
                    self.transport.close()  # cut short, which the client can tell by the framing
                    return
                self._running = None
            else:
                self.pipeline.popleft()
        # Before a request line is read as far as its target, the parser has the method of one before.
        if self.left and cycle is not None:
            head_only = cycle.head.method == "HEAD"
        else:
            head_only = self.url != b"" and self.parser.get_method() == b"HEAD"
        self._last_words = refusal.wire(self.default_headers, head_only)
        if self._running is None or self._running.response_complete:
            self._say_last_words()

    def _say_last_words(self) -> None:
        words, self._last_words = self._last_words, None
        if words is not None:
            self.transport.write(words)
        self.linger()

    def linger(self) -> None:
        """Close, but first drop what is still arriving: unread data would make the close a reset."""
        self._discarding = True
        self._since = None
        self._stash.clear()
        self.flow.held = False
        self.flow.resume_reading()
        if self.transport.can_write_eof() and self._half_close is None:
            self.transport.write_eof()
        else:
            self.transport.close()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > MAX_DISCARDED:
            if self._last_words is None:
                self.transport.close()
            else:
                self.flow.pause_reading()

    def _client_name(self) -> str:
        return f"{self.client[0]}:{self.client[1]}" if self.client else "a local client"


def _sliced(data: bytes) -> Iterator[memoryview]:
    """A long read in pieces, between which a flood of requests can be held back."""
    view = memoryview(data)
    return (view[at : at + SLICE] for at in range(0, len(data), SLICE))


async def _answer_options(scope: Any, receive: Any, send: Any) -> None:
    """`OPTIONS *` asks about the server as a whole."""
    headers = [(b"allow", ALLOWED_METHODS)]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body"})
