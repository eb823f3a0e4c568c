"""`POST /predict`: every end of a request is an answer with an id, in the header and in an error's body."""

from __future__ import annotations

import uuid

from modelport.api.asgi import Receive, Scope, Send
from modelport.api.calls import CallHandler, Ends
from modelport.api.mlup.errors import TOO_MANY, send_error, shaped
from modelport.api.mlup.long_predictions import LongPredictions
from modelport.api.mlup.model import RootModel
from modelport.api.origins import foreign_origin, is_foreign
from modelport.api.problems import Problem
from modelport.contract.calls import Answer, Call
from modelport.engine.pending import Pending
from modelport.engine.pool import ModelPool


class Predictions:
    """Answers requests to /predict. One for the application."""

    def __init__(self, model: RootModel, calls: CallHandler, long: LongPredictions):
        self.model = model
        self.calls = calls
        self.long = long

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its method. Raises nothing."""
        await self._answer(scope, receive, send, None)

    async def answer_by(self, scope: Scope, receive: Receive, send: Send, pool: ModelPool) -> None:
        """Answer one request by a version of the model that is not live. Raises nothing."""
        await self._answer(scope, receive, send, pool)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, given: ModelPool | None) -> None:
        predict_id = uuid.uuid4()
        call = Call(self.calls.engine.next_id(), collect=True, dialect="mlup", request_id=str(predict_id))
        request_id = self.calls.engine.request_id(call.id)
        try:
            pool = self._checked(scope)
            pool = given or pool
        except Problem as problem:
            await send_error(send, problem, str(predict_id), request_id)
            return
        self.model.in_work += 1
        try:
            if self.calls.settings.is_long_predict:
                await self.long.begin(scope, receive, send, pool, predict_id)
            else:
                await self._wait(scope, receive, send, pool, call)
        finally:
            self.model.in_work -= 1

    def _checked(self, scope: Scope) -> ModelPool:
        settings = self.calls.settings
        if scope["method"] != "POST":
            raise Problem(405, f"{scope['method']} is not possible here; possible: POST", [("Allow", "POST")])
        if not settings.allow_origins and is_foreign(scope):
            raise foreign_origin()
        pool = self.model.pool()
        if not settings.predict_endpoint:
            raise Problem(402, "predictions are switched off on this server")
        if self.model.is_busy:
            raise Problem(429, TOO_MANY)
        return pool

    async def _wait(self, scope: Scope, receive: Receive, send: Send, pool: ModelPool, call: Call) -> None:
        async def respond(pending: Pending, answer: Answer) -> None:
            hide = self.calls.settings.hide_model_errors
            await self.calls.respond(send, pool, pending, shaped(answer, call.request_id, hide=hide))

        async def refuse(problem: Problem) -> None:
            await send_error(send, problem, call.request_id, self.calls.engine.request_id(call.id))

        ends = Ends(respond, refuse)
        await self.calls.exchange(scope, receive, pool, call, ends, self.model.wait_seconds)
