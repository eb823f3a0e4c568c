"""Requests on their way to the model that their bodies name, and back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

from modelport.api.calls import CallHandler, Ends
from modelport.api.credentials import check, principal_of
from modelport.api.dialect_calls import DialectCalls
from modelport.api.exchanges import request_number
from modelport.api.named_models import find_pool
from modelport.api.refusal_form import RefusalForm
from modelport.api.runs.predictions import version_in_use
from modelport.api.runs.run_routes import problem_of
from modelport.contract.calls import Answer, Call
from modelport.contract.signature import JSON, OF_TEXT, Signature
from modelport.dialects.openai.errors import NO_MODEL, error_body
from modelport.dialects.openai.routes import ROUTES, Route
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Receive, Scope, Send
from modelport.identity.principals import AccessScope, Principal
from modelport.problems import Problem
from modelport.runs.errors import RunError
from modelport.runs.service import RunService

DIALECT = "openai"
SHOWN = 100  # characters of a name in a message
PARAM, CODE = "param", "code"  # members of a problem that its error has, too


def _error(problem: Problem, request_id: str = "", own_id: str = "") -> bytes:
    said = problem.extra
    return error_body(problem.status, problem.detail, said.get(PARAM), said.get(CODE))


def _event(problem: Problem) -> bytes:
    return b"data: %b\n\n" % _error(problem)


FORM = RefusalForm(JSON, _error, event=_event)


class Named(msgspec.Struct):
    """What the server reads of a request: all else is the worker's."""

    model: str = ""
    stream: bool | None = None


class Found(NamedTuple):
    """A model, as it is live, and the version of it that is asked; `None` for what is live."""

    live: Pool
    version: int | None


class OpenAiCalls:
    """Answers them. One for the application; it keeps no state of a request."""

    def __init__(self, calls: CallHandler, runs: RunService):
        self.engine = calls.engine
        self._calls = calls
        self._runs = runs
        self._dialect = DialectCalls(calls, runs, DIALECT, FORM)

    def told(self) -> contextlib.AbstractContextManager[None]:
        """Say of problems what is wrong in OpenAI's words, too."""
        return self._dialect.told()

    async def answer(self, scope: Scope, receive: Receive, send: Send, route: Route) -> None:
        """Answer a request. Raises nothing."""
        call = Call(request_number(self.engine), route.verb, dialect=DIALECT, request_id=route.form)
        pools: list[Pool] = []

        @asynccontextmanager
        async def choose(call: Call) -> AsyncGenerator[Pool]:
            async with self._chosen(call, principal_of(scope), route) as pool:
                pools.append(pool)
                yield pool

        async def respond(pending: Pending, answer: Answer) -> None:
            await self._dialect.respond(send, pools[0], pending, answer)

        async def refuse(problem: Problem) -> None:
            await FORM.send(send, problem, self.engine.request_id(call.id))

        await self._calls.exchange_by_body(scope, receive, call, Ends(respond, refuse), choose)

    @asynccontextmanager
    async def _chosen(self, call: Call, by: Principal, route: Route) -> AsyncGenerator[Pool]:
        """The workers that a request asks for. Raises `Problem`."""
        if call.query:
            name = next(iter(parse_qsl(call.query.decode("latin-1"), keep_blank_values=True)), ("",))[0]
            raise Problem(422, f"there is no query option {name[:SHOWN]!r}: all stands in the body")
        asked = await _named_in(call)
        check(by, AccessScope.PREDICT, self.divided(asked.model)[0])  # before it is told what there is
        found = await self.named(asked.model, by)
        name = found.live.name
        call.collect = not asked.stream
        try:
            async with contextlib.AsyncExitStack() as stack:
                if found.version is None:
                    pool = self.engine.route(name)
                else:
                    in_use = version_in_use(self.engine, self._runs, name, found.version)
                    pool = await stack.enter_async_context(in_use)
                pool.check_open()
                if pool.signature is not None:
                    _check_verb(pool.signature, name, route)
                yield pool
        except RunError as error:
            raise problem_of(error) from None

    def divided(self, text: str) -> tuple[str, str | None]:
        """A name, and the version behind its last `@`, if it has one."""
        name, at, version = text.rpartition("@")
        return (name, version) if at and text not in self.engine.pools else (text, None)

    async def named(self, text: str, by: Principal) -> Found:
        """The model of a name, or of `name@version`, which somebody names. Raises `Problem`."""
        name, version = self.divided(text)
        try:
            live = find_pool(self.engine, name, by)
        except Problem as problem:
            problem.extra |= {PARAM: "model", CODE: NO_MODEL}
            raise
        if version is None:
            return Found(live, None)
        try:
            number = await self._runs.resolve(name, version)
            await self._runs.check_version(name, number)
        except RunError as error:
            problem = problem_of(error)
            problem.extra |= {PARAM: "model", CODE: NO_MODEL} if problem.status == 404 else {}
            raise problem from None
        return Found(live, number)


async def _named_in(call: Call) -> Named:
    """What the body of a request says of whom it asks. Raises `Problem`."""
    decode = partial(msgspec.json.decode, type=Named)
    try:
        if call.body_path:  # a large one, such as with pictures in it
            named = await asyncio.to_thread(lambda: decode(Path(call.body_path).read_bytes()))
        else:
            named = decode(call.body)
    except msgspec.ValidationError as error:
        raise Problem(400, f"the body does not fit: {error}", extra={CODE: "invalid_value"}) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Problem(400, f"the body is not valid JSON: {error}") from None
    if not named.model:
        words = "model is missing: say which model is asked"
        raise Problem(400, words, extra={PARAM: "model", CODE: "missing_required_parameter"})
    return named


def _check_verb(signature: Signature, name: str, route: Route) -> None:
    """Raise `Problem` 404, as OpenAI's API does, if the model does something else."""
    if signature.operation(route.verb).implemented:
        return
    does = [one.path for one in ROUTES if signature.operation(one.verb).implemented]
    instead = f"ask it at {' or '.join(does)}" if does else f"ask it at /v2/models/{name}/predict"
    is_of_text = any(signature.operation(verb).implemented for verb in OF_TEXT)
    what = {"chat": "does not chat", "complete": "completes no texts", "embed": "makes no embeddings"}
    said = f"the model {name!r} {what[route.verb]}: {instead}"
    raise Problem(404, said, extra={PARAM: "model", CODE: None if is_of_text else NO_MODEL})
