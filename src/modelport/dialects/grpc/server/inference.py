"""Inferences: which model a message asks, and its answer, whole or in pieces."""

from __future__ import annotations

import asyncio
from pathlib import Path

from modelport.api.calls import HEARTBEAT_SECONDS, CallHandler, Ends
from modelport.api.credentials import check, principal_of
from modelport.api.dialect_calls import version_of
from modelport.api.exchanges import exchange_of, request_number
from modelport.api.named_models import find_pool
from modelport.api.refusal_form import RefusalForm
from modelport.api.runs.predictions import version_in_use
from modelport.api.runs.run_routes import problem_of
from modelport.contract.calls import HIDDEN, Answer, Call, Chunk
from modelport.dialects.grpc.bodies import (
    MODEL_NAME,
    MODEL_VERSION,
    PROTOCOL,
    STREAM_RESPONSE,
)
from modelport.dialects.grpc.server.asked import SECONDS
from modelport.dialects.grpc.wire import BadMessage, read_names, written
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Headers, Message, Receive, Scope, Send
from modelport.identity.principals import AccessScope
from modelport.problems import Problem
from modelport.runs.errors import RunError
from modelport.runs.service import RunService

DIALECT = "grpc"
NAMES = {MODEL_NAME: "model_name", MODEL_VERSION: "model_version"}


def _words(problem: Problem, request_id: str, own_id: str) -> bytes:
    return problem.detail.encode("utf-8", "replace")


FORM = RefusalForm("text/plain", _words)


class Inference:
    """Answers them. One for the application; it keeps no state of a call."""

    def __init__(self, calls: CallHandler, runs: RunService):
        self._calls = calls
        self._runs = runs

    async def infer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`ModelInfer`: what a model streams comes whole."""
        await self._answer(scope, receive, send, whole=True)

    async def stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One message of `ModelStreamInfer`: each piece of the answer is a body message of its own."""
        await self._answer(scope, receive, send, whole=False)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, *, whole: bool) -> None:
        engine = self._calls.engine
        sent = await receive()
        if sent["type"] == "http.disconnect":
            return
        try:
            asked = read_names(sent["body"], NAMES)
            self._calls.check_predictions_allowed()
            model = find_pool(engine, asked["model_name"]).name
            check(principal_of(scope), AccessScope.PREDICT, model)
            again = _Again(sent, receive)
            if not asked["model_version"]:
                await self._ask(scope, again, send, engine.route(model), whole=whole)
                return
            version = await self._runs.resolve(model, asked["model_version"])
            async with version_in_use(engine, self._runs, model, version) as pool:
                await self._ask(scope, again, send, pool, whole=whole)
        except (Problem, RunError, BadMessage) as error:
            await FORM.send(send, _problem(error), engine.request_id(request_number(engine)))

    async def _ask(self, scope: Scope, receive: _Again, send: Send, pool: Pool, *, whole: bool) -> None:
        engine = self._calls.engine
        call = Call(request_number(engine), dialect=DIALECT, collect=whole, request_id=version_of(pool))

        async def respond(pending: Pending, answer: Answer) -> None:
            await self._respond(send, pool, pending, answer)

        async def refuse(problem: Problem) -> None:
            await FORM.send(send, problem, engine.request_id(call.id))

        noted = exchange_of(scope)
        if noted is not None:
            noted.model = pool.name
        ends = Ends(respond, refuse)
        await self._calls.exchange(scope, receive, pool, call, ends, scope.get(SECONDS))

    async def _respond(self, send: Send, pool: Pool, pending: Pending, answer: Answer) -> None:
        if answer.problem:
            answer.problem = False
            answer.content_type = FORM.media_type
            answer.body = (answer.detail or answer.reason).encode()
        if not answer.stream and not answer.path:
            await self._calls.respond(send, pool, pending, answer)
            return
        if answer.stream:
            await _stream(
                send, pool, pending, answer, self._id(answer), self._calls.settings.hide_model_errors
            )
            return
        folder = self._calls.engine.spool.folder_of(answer.id)
        try:  # a message has to be whole
            answer.body = await asyncio.to_thread(Path(answer.path).read_bytes)
        finally:
            await asyncio.shield(asyncio.to_thread(self._calls.engine.spool.remove, folder))
        answer.path = ""
        await self._calls.respond(send, pool, pending, answer)

    def _id(self, answer: Answer) -> str:
        return self._calls.engine.request_id(answer.id)


class _Again:
    """Receives once more what was received already, and then what comes."""

    def __init__(self, first: Message, receive: Receive):
        self._first: Message | None = first
        self._receive = receive

    async def __call__(self) -> Message:
        first, self._first = self._first, None
        return first if first is not None else await self._receive()


def _problem(error: Problem | RunError | BadMessage) -> Problem:
    if isinstance(error, BadMessage):
        return Problem(400, str(error))
    return problem_of(error) if isinstance(error, RunError) else error


async def _stream(
    send: Send, pool: Pool, pending: Pending, answer: Answer, request_id: str, hides: bool
) -> None:
    """Send the pieces of a stream as they come. One that fails says so in its last."""
    headers: Headers = [(b"x-request-id", request_id.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    assert pending.stream is not None
    try:
        async for chunk in pending.stream.chunks(HEARTBEAT_SECONDS):
            if chunk is None:
                continue
            if chunk.data:
                await send({"type": "http.response.body", "body": chunk.data, "more_body": True})
            if chunk.end and chunk.error:
                data = error_message(_failed(chunk, hides))
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        pool.close_stream(pending)


def _failed(chunk: Chunk, hides: bool) -> str:
    return HIDDEN if hides and chunk.failure else chunk.error


def error_message(text: str, request_id: str = "") -> bytes:
    """A message of a stream that says what went wrong with the request of this id."""
    fields = {"error_message": text, "infer_response": {"id": request_id}}
    return written(PROTOCOL, STREAM_RESPONSE, fields)
