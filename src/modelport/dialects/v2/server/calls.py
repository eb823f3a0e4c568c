"""Calls of a model that its path names."""

from __future__ import annotations

from functools import lru_cache, partial

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated
from modelport.api.calls import CallHandler
from modelport.api.direct_dialect import DirectDialect
from modelport.api.event_source import answer_get
from modelport.api.job_answers import JobAnswers
from modelport.api.job_fields import JOB_FIELDS
from modelport.api.named_models import asked_pool
from modelport.api.preferences import preferences
from modelport.contract.signature import JSON, VerbName
from modelport.dialects.v2.server.bodies import training_body
from modelport.dialects.v2.server.trainings import check_trainings_allowed
from modelport.engine.ports import Engine
from modelport.http.asgi import Receive, Scope, Send, header


def direct_predictions(calls: CallHandler, paths: dict[str, str], route: str) -> DirectDialect:
    """Predictions of the models at these paths by the shortest way: those of plain JSON."""
    fields = JOB_FIELDS | {b"idempotency-key"}
    return DirectDialect(
        paths, calls.engine.route, _is_json, calls.respond, fields, has_versions=True, route=route
    )


@lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    return len(content_type) < 100 and content_type.partition(";")[0].strip().lower() == JSON


class ModelCalls:
    """The handlers, one method a resource."""

    def __init__(self, engine: Engine, calls: CallHandler, answers: JobAnswers):
        self.engine = engine
        self._calls = calls
        self._answers = answers

    async def predict_now(self, scope: Scope, receive: Receive, send: Send, model: str) -> None:
        """Answer a POST for a prediction of a model that there is. Raises nothing."""
        pool = self.engine.route(model)
        prefer = preferences(header(scope, b"prefer"))
        if prefer:
            await self._answers.predict(scope, receive, send, pool, prefer)
        else:
            await self._answers.predict_at_once(scope, receive, send, pool)

    async def predict(self, request: Request) -> Response:
        """Predictions that the hot path does not take: by GET, unknown models, a disabled endpoint."""
        pool = asked_pool(self.engine, request)
        self._calls.check_predictions_allowed()
        if request.method == "GET":
            return Delegated(partial(answer_get, self._calls, pool=self.engine.route(pool.name)))
        prefer = preferences(header(request.scope, b"prefer"))
        if prefer:
            return Delegated(partial(self._answers.predict, pool=pool, prefer=prefer))
        return Delegated(partial(self._answers.predict_at_once, pool=pool))

    async def train(self, request: Request) -> Response:
        """`POST …/train`: a training, as a job."""
        return self._begin(request, "train")

    async def validate(self, request: Request) -> Response:
        """`POST …/validate`: a validation, as a job."""
        return self._begin(request, "validate")

    def _begin(self, request: Request, verb: VerbName) -> Response:
        pool = asked_pool(self.engine, request)
        check_trainings_allowed(self._calls.settings)
        return Delegated(partial(self._answers.begin, pool=pool, verb=verb, body=training_body))
