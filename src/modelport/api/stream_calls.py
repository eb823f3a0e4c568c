"""Streams both ways: a WebSocket between a client and a model's `stream`.

What can go wrong, and what answers it:

- *The model cannot be asked.* As long as nothing is open, that is an answer of HTTP like any other.
- *The client sends faster than the model takes*, or *the model gives faster than the client reads*: each way
  there is a window, at whose end whoever sends waits; for how long is bounded.
- *Nobody says anything*, or a stream never ends: there is a deadline for either.
- *The client leaves*: the call is cancelled, as that of a request.
- *The worker dies, the model raises, a message is none that the model takes*: the last message says so in
  words, as problem details, and the WebSocket closes with a code and the same words.
- *The server stops.* The model sees the end of what its client sends, and may say its last words; then the
  WebSocket closes with 1001. What does not end in the time of the drain is cancelled.
"""

from __future__ import annotations

import asyncio
import logging
import math
from functools import partial
from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated
from modelport.api.calls import HEARTBEAT_SECONDS, CallHandler, note_call
from modelport.api.exchanges import exchange_of, request_number
from modelport.api.limiting import TURN, Turn
from modelport.api.named_models import asked_pool
from modelport.api.runs.predictions import version_in_use
from modelport.api.runs.run_routes import problem_of
from modelport.api.sockets import POLICY, SOCKET, SWITCHING, closed, message_sent
from modelport.contract.calls import GIVEN_UP, HIDDEN, Answer, Call
from modelport.engine.asking import ask
from modelport.engine.pending import ChunkStream, Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Receive, Scope, Send
from modelport.http.body_memory import BodyHold
from modelport.problems import Problem, problem_body
from modelport.runs.errors import RunError
from modelport.runs.service import RunService

log = logging.getLogger("modelport.api")

UPGRADE = "a stream is a WebSocket: ask for one at this path, with ws:// or wss:// in the place of http"
STOPPING = "the server is stopping"
AFTER_END = "a message came after the empty one, which says that no more will come"
NORMAL, GOING_AWAY, UNSUPPORTED, INVALID, TOO_BIG, FAILED, TRY_LATER = (
    1000,
    1001,
    1003,
    1007,
    1009,
    1011,
    1013,
)
# The codes (RFC 6455, 7.4, and IANA's registry) by which errors of these statuses close a stream.
CODES = {
    400: INVALID, 401: POLICY, 403: POLICY, 408: POLICY, 413: TOO_BIG, 415: UNSUPPORTED, 422: INVALID,
    429: POLICY, 503: TRY_LATER,
}  # fmt: skip


class StreamCalls:
    """Answers WebSockets. One for the application; it keeps no state of a stream."""

    def __init__(self, calls: CallHandler, runs: RunService):
        self.calls = calls
        self.runs = runs

    async def live(self, request: Request) -> Response:
        """`GET …/stream`: by what is live."""
        model = self._model(request)
        return Delegated(partial(self._answer, pool=self.calls.engine.route(model)))

    async def by_version(self, request: Request) -> Response:
        """`GET …/versions/{version}/stream`: by this version, whatever is live."""
        model = self._model(request)
        try:
            version = await self.runs.resolve(model, request.path_params["version"])
        except RunError as error:
            raise problem_of(error) from None
        return Delegated(partial(self._answer_by_version, model=model, version=version))

    def _model(self, request: Request) -> str:
        model = asked_pool(self.calls.engine, request).name
        self.calls.check_predictions_allowed()
        if SOCKET not in request.scope:
            raise Problem(426, UPGRADE, [("Upgrade", "websocket"), ("Connection", "Upgrade")])
        return model

    async def _answer_by_version(
        self, scope: Scope, receive: Receive, send: Send, *, model: str, version: int
    ) -> None:
        try:
            async with version_in_use(self.calls.engine, self.runs, model, version) as pool:
                await self._answer(scope, receive, send, pool=pool)
        except RunError as error:
            raise problem_of(error) from None

    async def _answer(self, scope: Scope, receive: Receive, send: Send, *, pool: Pool) -> None:
        """Raises `Problem` before anything is sent."""
        engine = self.calls.engine
        call = Call(request_number(engine), "stream", query=scope["query_string"])
        note_call(scope, pool, call)
        noted = exchange_of(scope)
        if noted is not None:
            noted.streamed = True
        with pool.held(), self.calls.memory.hold() as hold:
            pool.check_open()
            signature = pool.signature
            assert signature is not None  # check_open has refused otherwise
            if not signature.stream.implemented:
                raise Problem(501, f"the model {pool.name!r} has no stream(): it cannot stream both ways")
            call.alone = not signature.stream.is_async
            session = _Session(self.calls, pool, call, (scope, receive, send), hold)
            await session.run()


class _Session:
    """One stream, from its opening to its close. `run` it once."""

    def __init__(
        self,
        calls: CallHandler,
        pool: Pool,
        call: Call,
        client: tuple[Scope, Receive, Send],
        hold: BodyHold,
    ):
        self._pool = pool
        self._call = call
        self._scope, self._receive, self._send = client
        self._hold = hold
        self._most = calls.settings.max_message_size
        self._hides = calls.settings.hide_model_errors
        self._request_id = calls.engine.request_id(call.id)
        self._idle = pool.settings.stream_idle_timeout or math.inf
        self._longest = pool.settings.stream_timeout or math.inf
        self._loop = asyncio.get_running_loop()
        self._ends_at = self._loop.time() + self._longest
        self._deadline = asyncio.timeout(None)
        self._pending: Pending | None = None
        self._begun = asyncio.Event()  # the model takes messages
        self._has_ended = False  # the client has said that it sends no more,
        self._has_left = False  # or it has left
        self._problem: Problem | None = None  # why the stream ends, if nothing of the model's says so
        self._stops = False  # since the server does
        turn = cast("Turn | None", self._scope.get(TURN))
        of_day = turn.left().bytes_per_day if turn is not None else None
        self._bytes_left = math.inf if of_day is None else of_day.left

    async def run(self) -> None:
        """Open the WebSocket, have the model stream, and close it."""
        headers = [(b"x-request-id", self._request_id.encode())]
        await self._send({"type": "http.response.start", "status": SWITCHING, "headers": headers})
        connection = self._scope.get("extensions", {}).get("modelport")
        if connection is not None:
            connection.on_disconnect = self._left
            connection.when_ending(self._end_soon)
        hearing = asyncio.create_task(self._hear())
        try:
            async with self._deadline:
                self._moved()
                await self._answer()
        except TimeoutError:
            self._problem = self._late()
        except Problem as problem:
            self._problem = problem
        finally:
            hearing.cancel()
            if self._pending is not None:
                self._pool.close_stream(self._pending)
            await asyncio.gather(hearing, return_exceptions=True)
        if not self._has_left:
            await self._close()

    # -- from the model to the client ----------------------------------------------------------------

    async def _answer(self) -> None:
        """Have the model asked, and send what it gives, until it ends."""
        pending, answer = await ask(self._pool, self._call, begun=self._note, aside=True)
        if not answer.stream or pending.stream is None:
            if answer.status != GIVEN_UP:
                self._problem = self._problem or self._said(answer)
            return
        self._begun.set()
        if self._stops:
            self._end_pieces()
        await self._send_chunks(pending.stream)

    def _note(self, pending: Pending) -> None:
        self._pending = pending
        if self._has_left:
            self._pool.cancel(pending)

    async def _send_chunks(self, stream: ChunkStream) -> None:
        async for chunk in stream.chunks(HEARTBEAT_SECONDS):
            if chunk is None:
                continue
            if chunk.end:
                if chunk.error:
                    words = chunk.words(hidden=self._hides)
                    self._problem = self._problem or Problem(chunk.status or 500, words)
                return
            self._moved(len(chunk.data))
            await self._send(message_sent(chunk.data, text=chunk.text))

    def _said(self, answer: Answer) -> Problem:
        """What the model has said of a call that it did not begin to stream."""
        if answer.failure:
            failed = (self._request_id, self._pool.name, answer.detail, answer.failure)
            log.error("%s: %s failed: %s\n%s", *failed)
        hidden = self._hides and answer.status == 500
        return Problem(answer.status, HIDDEN if hidden else answer.detail)

    # -- from the client to the model ----------------------------------------------------------------

    async def _hear(self) -> None:
        """Give the model what the client sends, until that leaves."""
        try:
            while True:
                message = await self._receive()
                if message["type"] == "http.disconnect":
                    self._left()
                    return
                self._moved(len(message["body"]))
                await self._take(message["body"], text=message["text"])
        except Problem as problem:
            self._problem = problem
            self._end()

    async def _take(self, data: bytes, *, text: bool) -> None:
        if self._has_ended:
            raise Problem(400, AFTER_END)
        if len(data) > self._most:
            raise Problem(413, f"a message may have {self._most} bytes at most: send several")
        if not self._hold.change(len(data)):
            raise Problem(503, "the server holds as many bytes of messages as it may; try again later")
        await self._begun.wait()
        pieces = self._pending.pieces if self._pending is not None else None
        if pieces is not None and data:
            await pieces.put(data, text=text)
        elif pieces is not None:
            self._end_pieces()
        self._hold.change(0)

    def _end_pieces(self) -> None:
        """Tell the model that no more comes."""
        if not self._has_ended and self._pending is not None and self._pending.pieces is not None:
            self._has_ended = True
            self._pending.pieces.end()

    # -- the end -------------------------------------------------------------------------------------

    def _left(self) -> None:
        """The client has left."""
        self._has_left = True
        self._end()

    def _end(self) -> None:
        if self._pending is not None:
            self._pool.close_stream(self._pending)

    def _end_soon(self) -> None:
        """The server stops."""
        self._stops = True
        if self._begun.is_set():
            self._end_pieces()

    def _moved(self, size: int = 0) -> None:
        """A message of so many bytes has come, or goes out. Raises `Problem` 429 if there are no more left.

        It is counted for others of who asks when the stream has ended, so each stream has what was left.
        """
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise Problem(429, "as many bytes were sent and answered to you as may be in a day (UTC)")
        if not self._deadline.expired():
            due = min(self._loop.time() + self._idle, self._ends_at)
            self._deadline.reschedule(due if due < math.inf else None)

    def _late(self) -> Problem:
        if self._loop.time() >= self._ends_at:
            return Problem(408, f"a stream lasts {self._longest:g} s at most")
        return Problem(408, f"no message has come or gone for {self._idle:g} s")

    async def _close(self) -> None:
        """Say how the stream has ended."""
        problem = self._problem
        if self._stops and (problem is None or problem.status == 503):
            await self._send(closed(GOING_AWAY, STOPPING))
        elif problem is None:
            await self._send(closed(NORMAL, ""))
        else:
            body = problem_body(problem.status, problem.detail, self._request_id)
            await self._send(message_sent(body, text=True))
            await self._send(closed(CODES.get(problem.status, FAILED), problem.detail))
