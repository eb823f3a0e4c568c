"""What the server answers to the platform: an action that is one of its models, in its own container.

What can go wrong, and what answers it:

- *A variable of the action comes after the model was loaded.* `/init` has the variables; if some are the
  action's own, the model is loaded once more, with them.
- *A log is cut off, or told to be another activation's.* Both streams end with the sentinel, when all that
  the model has printed until its answer was read and written.
- *The platform gives up a container that answers late.* A call ends at the deadline of its activation. One
  that is over when it comes says nothing: clocks of two machines differ.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from time import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.calls import Ends
from modelport.api.credentials import principal_of
from modelport.api.dialects import DialectServer, Parts
from modelport.api.endpoints.row import AccessScope, Endpoint, ReadBody, with_body
from modelport.api.exchanges import request_number
from modelport.api.refusal_form import INFERENCE_ERROR, RefusalForm
from modelport.api.small_bodies import raw_body
from modelport.contract.calls import Answer, Call
from modelport.dialects.openwhisk.activations import (
    JSON,
    NO_DICTIONARY,
    PREFIX,
    SENTINEL,
    Asked,
    activation_of,
    is_variable,
    object_of,
    said_in_web,
    text_of,
)
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Message
from modelport.identity.principals import Principal
from modelport.problems import Problem
from modelport.settings.reading import PREFIX as OF_SETTINGS

log = logging.getLogger("modelport.openwhisk")

TWICE = "Cannot initialize the action more than once."
NOT_YET = "Cannot run the action before it is initialized."
HAS_CODE = (
    "the model of this action is in its image: create the action with --docker IMAGE, and without a file"
)
MAIN = ("", "main")  # the default model
FAILED = 502
MOST_BYTES = 64 << 20  # of an answer; platforms take one megabyte


class Sent(msgspec.Struct):
    """A body that is read as it comes."""


class OpenWhiskServer(DialectServer):
    """The one action of a container."""

    apart = frozenset({"init", "run"})
    rows = (
        Endpoint(
            "POST", "/init", with_body(Sent, lambda on: on.of(OpenWhiskServer).init), AccessScope.ADMIN,
            summary="Initialize the action of OpenWhisk that this server is, once",
            setting="openwhisk",
        ),
        Endpoint(
            "POST", "/run", with_body(Sent, lambda on: on.of(OpenWhiskServer).run), AccessScope.PREDICT,
            summary="Run an activation of it",
            setting="openwhisk",
        ),
    )  # fmt: skip

    def __init__(self, parts: Parts):
        super().__init__(parts)
        self._is_initialized = False
        self._model = ""

    def form_at(self, path: str) -> RefusalForm | None:
        """What is wrong is told as an object with an `error`."""
        at = {f"{self.parts.base_path}{row.route}" for row in self.rows}
        return INFERENCE_ERROR if self.parts.calls.settings.openwhisk and path in at else None

    async def init(self, request: Request, sent: ReadBody[Sent]) -> Response:
        """`POST /init`: the variables first, then the model is loaded."""
        try:
            if self._is_initialized:
                log.error(TWICE)
                raise Problem(403, TWICE)
            await self._initialize(await self._body(request), principal_of(request.scope))
        except Problem as problem:
            return _failed(problem)
        return Response(b'{"ok":true}', media_type=JSON)

    async def _initialize(self, body: bytes, by: Principal) -> None:
        sent = object_of(body)
        about = object_of(bytes(sent.get("value", b"{}")))
        said: dict[str, Any] = {name: msgspec.json.decode(raw) for name, raw in about.items()}
        if said.get("code"):
            raise Problem(FAILED, HAS_CODE)
        main = text_of(said.get("main"))
        model = self.parts.root.model.known_name(by) if main in MAIN else main
        engine = self.parts.calls.engine
        if model not in engine.pools:
            raise Problem(FAILED, f"there is no model {model[:100]!r}; there is: {', '.join(engine.pools)}")
        variables = _variables(said.get("env") or {})
        self._is_initialized, self._model = True, model
        os.environ.update(variables)
        pool = engine.pools[model]
        if any(not name.startswith(PREFIX) for name in variables):
            await pool.unload(0.0)
            pool.load()
        await pool.settled.wait()  # which load_timeout bounds
        if not pool.state.answers:
            raise Problem(FAILED, f"the model {model!r} cannot be loaded: {pool.error}")

    async def run(self, request: Request, sent: ReadBody[Sent]) -> Response:
        """`POST /run`: one activation, with the sentinel after all that it has printed."""
        try:
            if not self._is_initialized:
                raise Problem(403, NOT_YET)
            return await self._activated(request)
        except Problem as problem:
            return _failed(problem)
        finally:
            await self._end_logs()

    async def _activated(self, request: Request) -> Response:
        asked, variables, deadline = activation_of(await self._body(request))
        calls = self.parts.calls
        pool = calls.engine.route(self._model)
        calls.check_predictions_allowed()
        told = msgspec.json.encode(variables).decode()
        call = Call(request_number(calls.engine), dialect="openwhisk", collect=True, request_id=told)
        found: list[Response] = []

        async def respond(pending: Pending, answer: Answer) -> None:
            found.append(await self._result(pool, answer, asked))

        async def refuse(problem: Problem) -> None:
            found.append(_failed(problem))

        left = None if deadline is None else deadline - time()
        seconds = left if left is not None and left > 0 else None
        scope = dict(request.scope) | {
            "query_string": asked.query,
            "headers": [
                (b"content-type", asked.content_type.encode("latin-1", "replace")),
                (b"content-length", str(len(asked.body)).encode()),
                *([(b"accept", asked.accept.encode("latin-1", "replace"))] if asked.accept else []),
            ],
        }
        await calls.exchange(
            scope, _received(asked.body, request), pool, call, Ends(respond, refuse), seconds
        )
        return found[0] if found else Response(status_code=FAILED)

    async def _result(self, pool: Pool, answer: Answer, asked: Asked) -> Response:
        """What an answer of a model is as the result of an activation."""
        engine = self.parts.calls.engine
        if answer.failure:
            name = engine.request_id(answer.id)
            log.error("%s: %s failed: %s\n%s", name, pool.name, answer.detail, answer.failure)
        body = bytes(answer.body)
        if answer.path:
            body = await asyncio.to_thread(_read, answer.path)
            await asyncio.to_thread(engine.spool.remove, engine.spool.folder_of(answer.id))
        if answer.problem:
            raise Problem(answer.status, answer.detail or answer.reason)
        if answer.status >= 500 or (answer.status >= 400 and not asked.is_web):
            return Response(body, FAILED, media_type=JSON)
        if asked.is_web or answer.content_type != JSON:
            return Response(said_in_web(answer.status, answer.content_type, body), media_type=JSON)
        if body.lstrip()[:1] not in (b"{", b"["):
            raise Problem(FAILED, NO_DICTIONARY)
        return Response(body, media_type=JSON)

    async def _body(self, request: Request) -> bytes:
        return await raw_body(request, self.parts.calls.settings.json_max_size or sys.maxsize)

    async def _end_logs(self) -> None:
        """Say on both streams that this activation's log is whole."""
        for pool in self.parts.readings.all_pools():
            for worker in pool.workers:
                worker.drain_output(to_end=True)
        for stream in (sys.stdout, sys.stderr):
            print(SENTINEL, file=stream, flush=True)


def _variables(sent: Any) -> dict[str, str]:
    """The variables of an action. Raises `Problem` for what cannot be one."""
    if not isinstance(sent, dict):
        raise Problem(FAILED, "env is no JSON object")
    variables: dict[str, str] = {name: text_of(value) for name, value in sent.items()}  # pyright: ignore
    for name, text in variables.items():
        if name.startswith(OF_SETTINGS) or not is_variable(name, text):
            raise Problem(FAILED, f"env: {name[:100]!r} cannot be set here; settings belong to the image")
    return variables


def _failed(problem: Problem) -> Response:
    status = problem.status if problem.status in (403, 404) else FAILED
    return Response(msgspec.json.encode({"error": problem.detail}), status, media_type=JSON)


def _received(body: bytes, request: Request) -> Any:
    """What the exchange receives: this body, and then what the connection tells."""
    left: list[Message] = [{"type": "http.request", "body": body}]

    async def receive() -> Message:
        return left.pop() if left else await request.receive()

    return receive


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        body = file.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise Problem(FAILED, f"the answer is larger than {MOST_BYTES} bytes")
    return body


SERVER = OpenWhiskServer
