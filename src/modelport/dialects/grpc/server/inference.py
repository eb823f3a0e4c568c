"""Inferences: which model a message asks, and its answer, whole or in pieces."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import NamedTuple

from modelport.api.bodies import ClientLeft
from modelport.api.calls import HEARTBEAT_SECONDS, CallHandler, Ends
from modelport.api.credentials import check, principal_of
from modelport.api.dialect_calls import say_in, version_of
from modelport.api.exchanges import note_end, request_number
from modelport.api.named_models import find_pool
from modelport.api.refusal_form import RefusalForm
from modelport.api.runs.predictions import version_in_use
from modelport.api.runs.run_routes import problem_of
from modelport.contract.calls import Answer, Call
from modelport.dialects.grpc.bodies import (
    MODEL_NAME,
    MODEL_VERSION,
    PARAMETERS,
    PROTOCOL,
    REQUEST,
    STREAM_RESPONSE,
)
from modelport.dialects.grpc.server.asked import SECONDS
from modelport.dialects.grpc.wire import BadMessage, as_text, field_of, read, read_outer, written
from modelport.dialects.oip.deadlines import TIMEOUT, has_own_timeout, is_timeout
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Headers, Message, Receive, Scope, Send
from modelport.identity.principals import AccessScope
from modelport.problems import Problem
from modelport.runs.errors import RunError
from modelport.runs.service import RunService

DIALECT = "grpc"
OUTER = (MODEL_NAME, MODEL_VERSION, PARAMETERS)
NAMES = {MODEL_NAME: "model_name", MODEL_VERSION: "model_version"}


def _words(problem: Problem, request_id: str, own_id: str) -> bytes:
    return problem.detail.encode("utf-8", "replace")


FORM = RefusalForm("text/plain", _words)


class _Asked(NamedTuple):
    """Which model a request asks, which version of it, and how long its parameter `timeout` gives that."""

    model: str
    version: str
    seconds: float | None


class Inference:
    """Answers them. One for the application; it keeps no state of a call.

    `client_memory` is the file that lists the shared memory of clients, where that may be used.
    """

    def __init__(self, calls: CallHandler, runs: RunService, client_memory: str):
        self._client_memory = client_memory
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
            asked = _asked(sent["body"])
            self._calls.check_predictions_allowed()
            by = principal_of(scope)
            model = find_pool(engine, asked.model, by).name
            check(by, AccessScope.PREDICT, model)
            again = _Again(sent, receive)
            if not has_own_timeout(engine.pools[model].signature):
                scope[SECONDS] = least(scope.get(SECONDS), asked.seconds)
            if not asked.version:
                await self._ask(scope, again, send, engine.route(model), whole=whole)
                return
            version = await self._runs.resolve(model, asked.version)
            async with version_in_use(engine, self._runs, model, version) as pool:
                await self._ask(scope, again, send, pool, whole=whole)
        except (Problem, RunError, BadMessage) as error:
            await FORM.send(send, _problem(error), engine.request_id(request_number(engine)))

    async def _ask(self, scope: Scope, receive: _Again, send: Send, pool: Pool, *, whole: bool) -> None:
        engine = self._calls.engine
        call = Call(
            request_number(engine),
            dialect=DIALECT,
            collect=whole,
            request_id=version_of(pool),
            client_memory=self._client_memory,
        )

        async def respond(pending: Pending, answer: Answer) -> None:
            await self._respond(send, pool, pending, answer)

        async def refuse(problem: Problem) -> None:
            await FORM.send(send, problem, engine.request_id(call.id))

        ends = Ends(respond, refuse)
        await self._calls.exchange(scope, receive, pool, call, ends, scope.get(SECONDS))

    async def _respond(self, send: Send, pool: Pool, pending: Pending, answer: Answer) -> None:
        say_in(FORM, answer)
        if not answer.stream and not answer.path:
            await self._calls.respond(send, pool, pending, answer)
            return
        if answer.stream:
            hides = self._calls.settings.hide_model_errors
            with contextlib.suppress(ClientLeft):  # or it does not read
                await _stream(send, pool, pending, answer, self._id(answer), hides)
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


def _asked(message: bytes) -> _Asked:
    """What the server has to know of a request. Raises `BadMessage`."""
    names, timeouts = {MODEL_NAME: "", MODEL_VERSION: ""}, list[bytes]()
    for number, data in read_outer(message, OUTER):
        if number != PARAMETERS:
            names[number] = as_text(data, NAMES[number])
        elif TIMEOUT.encode() in data:
            timeouts.append(field_of(PARAMETERS, data))
    seconds = None
    if timeouts:
        sent = read(PROTOCOL, REQUEST, b"".join(timeouts))["parameters"].get(TIMEOUT, {})
        micros = next(iter(sent.values()), 0)
        seconds = micros / 1e6 if is_timeout(micros) and micros else None  # the worker refuses others
    return _Asked(names[MODEL_NAME], names[MODEL_VERSION], seconds)


def least(one: float | None, other: float | None) -> float | None:
    """The shorter of two times, either of which may be none."""
    return min((found for found in (one, other) if found is not None), default=None)


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
            if chunk.end:
                note_end(chunk)
            if chunk.data:
                await send({"type": "http.response.body", "body": chunk.data, "more_body": True})
            if chunk.end and chunk.error:
                data = error_message(chunk.words(hidden=hides))
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        pool.close_stream(pending)


def error_message(text: str, request_id: str = "") -> bytes:
    """A message of a stream that says what went wrong with the request of this id."""
    fields = {"error_message": text, "infer_response": {"id": request_id}}
    return written(PROTOCOL, STREAM_RESPONSE, fields)
