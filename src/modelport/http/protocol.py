"""The HTTP/1.1 border: uvicorn's httptools protocol with limits, deadlines and strict framing.

Give `limited_protocol(HttpLimits(...))` to `uvicorn.Config(http=...)`. A bad request gets exactly one
problem+json answer and `Connection: close`; nothing after it on that connection is run.

Time is kept by one sweep a server, not by timers a request: events only clear `_since`, and the sweep
starts the clock and compares. A deadline is therefore late by up to two ticks, and never early.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl

from modelport.http import framing
from modelport.http.crowd import Crowd, close_idle, origin_of
from modelport.http.cycle import Connection, Cycle, logger
from modelport.http.framing import HttpLimits, Problem
from modelport.http.half_close import HalfClose
from modelport.http.requests import RequestReader
from modelport.http.sweep import Sweep, sweep_of
from modelport.http.watches import SentWatch

__all__ = ["Connection", "HttpLimits", "HttpProtocol", "limited_protocol"]

LINGER_S = 2.0
MAX_DISCARDED = 4 << 20
MAX_PIPELINED = 64
# A long read is parsed in slices, so that a pipelining flood can be held back between two of them.
SLICE = 16 << 10


def limited_protocol(
    limits: HttpLimits, take: Callable[[Cycle], bool] | None = None
) -> type[asyncio.Protocol]:
    """The protocol class for `uvicorn.Config(http=...)`, bound to `limits`.

    `take` is offered each request that arrived in one piece. If it returns true, it answers the request
    itself, at once or later; the ASGI application does not see it.
    """
    crowd = Crowd(limits.connections, limits.connections_of_one)
    members: dict[str, Any] = {"limits": limits, "crowd": crowd}
    if take is not None:
        members["take"] = staticmethod(take)
    return type("LimitedHttpProtocol", (HttpProtocol,), members)


class _Flow(FlowControl):
    """Flow control that a waiting app cannot reopen while parsed requests are still to be run."""

    held = False

    def resume_reading(self) -> None:
        if self.read_paused and not self.held:
            super().resume_reading()


class HttpProtocol(RequestReader):
    """One client connection."""

    _flow: _Flow  # the same object as `flow`, under its own type
    take: Callable[[Cycle], bool] | None = None
    crowd = Crowd()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asgi_version = self.config.asgi_version  # which older releases of uvicorn do not keep
        self._stash: deque[bytes | memoryview] = deque()
        # The end of the connection
        self._discarding = False
        self._discarded = 0
        self._last_words: bytes | None = None
        self.sent = SentWatch()
        self._origin: str | None = None  # whom the crowd has counted the connection for
        self._half_close: HalfClose | None = None

    # --- connection --------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = self._flow = _Flow(transport)
        _send_at_once(transport)
        sweep_of(self.server_state, self._new_sweep).arm()
        self._enter_crowd()

    def _enter_crowd(self) -> None:
        """Take part, or be told that there is no room, and why."""
        origin = origin_of(self.client)
        problem = self.crowd.enter(origin, self.loop.time(), self._make_room)
        if problem is None:
            self._origin = origin
        else:
            self.crowd.turn_away(self, self.transport.abort)
            self.transport.write(problem.wire(self.server_state.default_headers, head_only=False))
            self.linger()

    def _new_sweep(self) -> Sweep:
        return Sweep(self.loop, self.connections, self.limits, self.timeout_keep_alive)

    def _make_room(self) -> bool:
        others = cast("set[HttpProtocol]", self.connections - {self})
        return close_idle([(one.idle_since, one.transport.close) for one in others], self.loop.time())

    @property
    def idle_since(self) -> float:
        """When the last request was answered, or the connection was made; infinity if one is under way."""
        is_between = self.headers is None if self._in_head else not self._is_answering()
        if self._since is None or not is_between or self._awaits_body() or self._discarding:
            return math.inf
        return self._since

    def _is_answering(self) -> bool:
        """Whether an answer is under way, or a request waits for its turn."""
        running = self._running
        return bool(self.pipeline or self._stash or (running is not None and not running.response_complete))

    def connection_lost(self, exc: Exception | None) -> None:
        self.connections.discard(self)
        if self._origin is not None:
            self.crowd.leave(self._origin)
        else:
            self.crowd.has_gone(self)
        if self._half_close is not None:
            self._half_close.end()
        if self._running is not None:
            self._running.client_left()
        for cycle, _ in self.pipeline:
            cycle.client_left()
        self.pipeline.clear()
        self._stash.clear()
        self._running = self.cycle = None  # they hold this connection too
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        self.parser = cast(Any, None)  # parser and protocol hold each other

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The client sends no more, but may still listen: what it asked for is answered, then all is closed.

        Who leaves in the middle of an answer is gone. True keeps the connection.
        """
        if self._half_close is not None:
            return True
        if self._discarding or self.transport.is_closing():
            return False
        if not self._stash and self.headers is not None and (self._in_head or self._awaits_body()):
            self._refuse(framing.BODY_TRUNCATED)
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
        return running.scope["http_version"] == "1.1"

    def resume_writing(self) -> None:
        self.sent.progressed()
        super().resume_writing()

    def shutdown(self) -> None:
        """The server stops: close when idle, else after the response that is under way."""
        if self._running is None or self._running.response_complete:
            self.transport.close()
        else:
            self._running.keep_alive = False

    # --- deadlines ---------------------------------------------------------------------------------

    def on_tick(self, now: float) -> None:
        """Called by the sweep: end the connection if the client let a deadline pass."""
        unsent = self.transport.get_write_buffer_size()
        if self.sent.look(now, unsent) > self.limits.write_idle_s:
            self.cut("it does not read its response")
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
            if self.cycle.waiting_for_100_continue:
                self._since = now
            elif idle > limits.body_idle_s:
                self._refuse(framing.BODY_TIMEOUT)
        elif self.cycle.response_complete and idle > self.timeout_keep_alive:
            self.transport.close()

    def cut(self, why: str) -> None:
        """End the connection now, whatever is still to be sent."""
        logger.warning("aborted the connection of %s: %s", self._client_name(), why)
        self.transport.abort()

    def _is_reading_body(self) -> bool:
        """Whether it is the client that keeps us waiting for more of a body."""
        if self._in_head or self._discarding or not self._awaits_body():
            return False
        return not (self.flow.read_paused or self.cycle.waiting_for_100_continue)

    def _head_is_late(self) -> None:
        if self.headers is None:  # not one request yet: there is nothing to answer
            self.transport.close()
        else:
            self._refuse(framing.HEAD_TIMEOUT)

    # --- reading -----------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._fresh = None
        if self._discarding:
            self._discard(len(data))
        elif self._stash:
            self._stash.append(data)
            self.flow.pause_reading()
        elif len(data) <= SLICE:
            self._feed(data)
        else:
            view = memoryview(data)
            self._stash.extend(view[i : i + SLICE] for i in range(0, len(data), SLICE))
            self._feed_stash()

    def _feed_stash(self) -> None:
        """Parse what was read, until that is all or enough requests wait for their turn."""
        stash, flow = self._stash, self._flow
        while stash and not self._discarding and len(self.pipeline) < MAX_PIPELINED:
            self._feed(stash.popleft())
        if self._discarding:
            stash.clear()
        flow.held = bool(stash)
        if stash:
            flow.pause_reading()

    def _enqueue(self, keep_alive: bool, for_server: bool) -> None:
        """Run the request now, or after those before it on this connection."""
        cycle = self.cycle = Cycle(self, keep_alive)
        app = _answer_options if for_server else self._app_now()
        if self._running is None or self._running.response_complete:
            self._running, self._unbegun = cycle, app
        else:
            self.pipeline.appendleft((cycle, app))

    def _app_now(self) -> Any:
        limit = self.limit_concurrency
        if limit is not None and (len(self.connections) >= limit or len(self.tasks) >= limit):
            return _answer_busy
        return cast(Any, self).app

    def _begin_read(self, *, at_once: bool) -> None:
        """Begin the request that was read; if not at once, then in the next turn of the event loop."""
        app, self._unbegun = self._unbegun, None
        cycle = self._running
        assert cycle is not None
        if at_once:
            self._begin(cycle, app)
        else:
            self._fresh = self.loop.call_soon(self._begin, cycle, app)

    def _begin(self, cycle: Cycle, app: Any) -> None:
        if cycle.disconnected:
            return
        if self.take is not None and not cycle.more_body and app is cast(Any, self).app and self.take(cycle):
            return
        self.run_as_task(cycle, app)

    def run_as_task(self, cycle: Cycle, app: Any) -> None:
        """Have `app` answer the request."""
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    # --- writing -----------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """Called by the cycle: take the next request, or wait for one."""
        self.server_state.total_requests += 1
        self._since = None
        if self.transport.is_closing() or (self._discarding and self._last_words is None):
            return
        if self.pipeline:
            self._running, self._unbegun = self.pipeline.pop()
            self._begin_read(at_once=False)
        elif self._last_words is not None:
            self._say_last_words()
            return
        if self._stash:
            self._feed_stash()
        if self._half_close is None:
            self.flow.resume_reading()
        elif not self._is_answering():
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer `problem`, in its turn, as the last thing on this connection."""
        logger.warning("refused a request of %s: %d %s", self._client_name(), problem.status, problem.detail)
        self._discarding = True
        cycle = self.cycle
        if self._awaits_body():  # so the problem is in the body of a request that was taken already
            cycle.client_left()
            if cycle is self._running:
                if cycle.response_started:
                    self.transport.close()  # cut short, which the client can tell by the framing
                    return
                self._running = None
            else:
                self.pipeline.popleft()
        head_only = self.parser.get_method() == b"HEAD"
        self._last_words = problem.wire(self.server_state.default_headers, head_only)
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
        self._flow.held = False
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


def _send_at_once(transport: asyncio.Transport) -> None:
    """Switch Nagle off: asyncio leaves it on for sockets that it was given, and each answer waits 40 ms."""
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def _answer_options(scope: Any, receive: Any, send: Any) -> None:
    """`OPTIONS *` asks about the server as a whole."""
    headers = [(b"allow", framing.ALLOWED_METHODS)]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body"})


async def _answer_busy(scope: Any, receive: Any, send: Any) -> None:
    body = framing.SERVER_BUSY.body()
    headers = [*framing.SERVER_BUSY.fields(body), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
