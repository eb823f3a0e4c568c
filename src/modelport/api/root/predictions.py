"""`POST /predict`: every end of a request is an answer with an id in the header, in the root's dialect."""

from __future__ import annotations

import os
import uuid

from modelport.api.calls import SWITCHED_OFF, CallHandler, Ends
from modelport.api.credentials import principal_of
from modelport.api.direct_dialect import DirectDialect
from modelport.api.endpoints.root import PREDICT_ROOT
from modelport.api.exchanges import request_number
from modelport.api.root.dialect import HEADER, TOO_MANY, RootDialect
from modelport.api.root.long_predictions import LongPredictions
from modelport.api.root.model import RootModel
from modelport.contract.calls import Answer, Call
from modelport.contract.signature import JSON
from modelport.engine.pending import Pending
from modelport.engine.ports import Pool
from modelport.http.asgi import Receive, Scope, Send
from modelport.problems import Problem

VARIANT = {digit: "89ab"[number & 3] for number, digit in enumerate("0123456789abcdef")}  # of RFC 9562


class Predictions:
    """Answers requests to /predict, and to others of its kind. One for the application."""

    def __init__(self, dialect: RootDialect, model: RootModel, calls: CallHandler, long: LongPredictions):
        self.dialect = dialect
        self.form = dialect.form(_new_id)
        self.model = model
        self.calls = calls
        self.long = long

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever its method. Raises nothing."""
        predict_id = uuid.uuid4()
        try:
            pool = self._checked(scope)
        except Problem as problem:
            await self._refuse(send, problem, self._call(predict_id))
            return
        self.model.begin()
        try:
            if self.calls.settings.is_long_predict:
                await self.long.begin(scope, receive, send, pool, predict_id)
            else:
                await self._wait(scope, receive, send, pool, self._call(predict_id))
        finally:
            self.model.end()

    async def predict(self, scope: Scope, receive: Receive, send: Send, pool: Pool) -> None:
        """Answer a request for a prediction by these workers, as /predict does by the model's own.

        It is always waited for, and counts for none of the limits of /predict. Raises nothing.
        """
        call = self._call(uuid.uuid4())
        if not self.calls.settings.predict_endpoint:
            await self._refuse(send, Problem(402, SWITCHED_OFF), call)
            return
        await self._wait(scope, receive, send, pool, call)

    def direct(self, path: str) -> DirectDialect:
        """Those at this path by the shortest way; none where each has its own way."""
        settings = self.calls.settings
        name = None if settings.is_long_predict or self.dialect.wraps else self.model.name
        return DirectDialect(
            {} if name is None else {path: name},
            self._free_pool,
            _is_no_form,
            self._respond,
            name=self.dialect.name,
            collects=self.dialect.collects,
            seconds=self.model.wait_seconds,
            id_field=HEADER.decode(),
            route=PREDICT_ROOT.path,
            new_id=_new_id,
            began=self.model.begin,
            ended=self.model.end,
        )

    def _free_pool(self, name: str) -> Pool | None:
        engine = self.model.engine
        return None if self.model.is_busy or name not in engine.pools else engine.route(name)

    async def _respond(self, send: Send, pool: Pool, pending: Pending, answer: Answer) -> None:
        """Send an answer of the model, or of the server for it, in the words of the dialect."""
        hide = self.calls.settings.hide_model_errors
        shaped = self.dialect.shaped(answer, pending.call.request_id, hide=hide)
        await self.calls.respond(send, pool, pending, shaped)

    def _call(self, predict_id: uuid.UUID) -> Call:
        return Call(
            request_number(self.calls.engine),
            collect=self.dialect.collects,
            dialect=self.dialect.name,
            request_id=str(predict_id),
        )

    async def _refuse(self, send: Send, problem: Problem, call: Call) -> None:
        request_id = self.calls.engine.request_id(call.id)
        await self.form.send(send, problem, request_id, call.request_id)

    def _checked(self, scope: Scope) -> Pool:
        if scope["method"] != "POST":
            raise Problem(405, f"{scope['method']} is not possible here; possible: POST", [("Allow", "POST")])
        pool = self.model.pool(principal_of(scope))
        self.calls.check_predictions_allowed()
        if self.model.is_busy:
            raise Problem(429, TOO_MANY)
        return pool

    async def _wait(self, scope: Scope, receive: Receive, send: Send, pool: Pool, call: Call) -> None:
        async def respond(pending: Pending, answer: Answer) -> None:
            await self._respond(send, pool, pending, answer)

        async def refuse(problem: Problem) -> None:
            await self._refuse(send, problem, call)

        ends = Ends(respond, refuse)
        await self.calls.exchange(scope, receive, pool, call, ends, self.model.wait_seconds)


def _new_id() -> str:
    """`str(uuid.uuid4())`, at a fifth of its cost."""
    h = os.urandom(16).hex()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{VARIANT[h[16]]}{h[17:20]}-{h[20:]}"


def _is_no_form(content_type: str) -> bool:
    """False for bodies that are read by their media type, such as forms with files: no other matters here."""
    return content_type == JSON or content_type[:10].lower() != "multipart/"
