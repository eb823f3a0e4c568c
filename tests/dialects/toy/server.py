from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated
from modelport.api.calls import Ends
from modelport.api.dialects import DialectServer
from modelport.api.direct_dialect import DirectDialect
from modelport.api.endpoints.row import AccessScope, Endpoint, data
from modelport.api.named_models import asked_pool
from modelport.contract.calls import Answer, Call
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Receive, Scope, Send, send_problem
from modelport.problems import Problem


class ToyAnswer(msgspec.Struct):
    toy: dict[str, Any]


class ToyServer(DialectServer):
    apart = frozenset({"toy"})
    rows = (
        Endpoint(
            "POST", "/toy/{model}", lambda on: on.of(ToyServer).ask, AccessScope.PREDICT,
            "toy", "ask", "Ask a model", {200: data("Its answer", ToyAnswer)}, calls="predict",
        ),
    )  # fmt: skip

    def direct(self) -> Iterable[DirectDialect]:
        calls = self.parts.calls
        names = [source.name for source in calls.engine.sources]
        paths = {f"{self.parts.base_path}/toy/{name}": name for name in names}
        is_json = "application/json".__eq__
        return (DirectDialect(paths, calls.engine.route, is_json, calls.respond, name="toy"),)

    async def ask(self, request: Request) -> Response:
        pool = asked_pool(self.parts.calls.engine, request)
        return Delegated(partial(self._answer, pool=pool))

    async def _answer(self, scope: Scope, receive: Receive, send: Send, pool: Pool) -> None:
        """The long way; a field of the answer tells that it was taken."""
        calls = self.parts.calls
        call = Call(calls.engine.next_id(), dialect="toy")

        async def respond(pending: Pending, answer: Answer) -> None:
            answer.headers = [*answer.headers, ("toy-way", "long")]
            await calls.respond(send, pool, pending, answer)

        async def refuse(problem: Problem) -> None:
            await send_problem(send, problem, calls.engine.request_id(call.id))

        await calls.exchange(scope, receive, pool, call, Ends(respond, refuse))


SERVER = ToyServer
