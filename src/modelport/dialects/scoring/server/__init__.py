"""What the server answers to clients of KServe's V1, TensorFlow Serving, MLflow and SageMaker."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

import modelport
from modelport.api.answers import Delegated
from modelport.api.credentials import principal_of
from modelport.api.dialect_calls import DialectCalls
from modelport.api.dialects import DialectServer, Parts
from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, ReadBody, data, with_body
from modelport.api.endpoints.statuses import FOUND, in_own_words
from modelport.api.health import can_answer
from modelport.api.refusal_form import RefusalForm
from modelport.api.taken import Taken
from modelport.contract.signature import JSON
from modelport.dialects.scoring import bodies
from modelport.dialects.scoring.errors import error_body
from modelport.problems import Problem

OPEN, PREDICT, READ = AccessScope.OPEN, AccessScope.PREDICT, AccessScope.READ
TAG = "rows"
MODEL = "/v1/models/{model}"
ANSWERS = in_own_words(data("The predictions", bodies.Predictions), bodies.RowsError)
TEXT = {200: Answer("Yes", media_type="text/plain")}


def _error(problem: Problem, request_id: str, own_id: str) -> bytes:
    return error_body(problem.status, problem.detail)


FORM = RefusalForm(JSON, _error)
PREDICT_V1 = Endpoint(
    "POST", f"{MODEL}:predict", with_body(bodies.Rows, lambda on: on.of(ScoringServer).predict), PREDICT,
    TAG, "v1_predict", "Make predictions of rows (KServe V1, TensorFlow Serving)",
    ANSWERS, FOUND, parameters=(of.MODEL,), has_verbs=True,
)  # fmt: skip
INVOCATIONS = Endpoint(
    "POST", "/invocations", with_body(bodies.Rows, lambda on: on.of(ScoringServer).invocations), PREDICT,
    TAG, "invocations", "Make predictions of rows by the default model (MLflow, SageMaker)",
    ANSWERS, FOUND,
)  # fmt: skip


class ScoringServer(DialectServer):
    """Predictions of rows in an application."""

    apart = frozenset({"v1", "invocations", "ping", "version"})
    rows = (
        PREDICT_V1,
        Endpoint(
            "POST", f"{MODEL}:explain", with_body(bodies.Rows, lambda on: on.of(ScoringServer).explain),
            PREDICT, TAG, "v1_explain", "No model here explains its predictions (KServe V1)",
            errors=(501, *FOUND), parameters=(of.MODEL,), has_verbs=True,
        ),
    )  # fmt: skip
    rows_of_root = (
        INVOCATIONS,
        Endpoint(
            "GET", "/ping", lambda on: on.of(ScoringServer).ping, OPEN,
            TAG, "ping", "Whether the default model can answer (MLflow, SageMaker)", TEXT, (503,),
            is_probe=True,
        ),
        Endpoint(
            "GET", "/version", lambda on: on.of(ScoringServer).version, OPEN,
            TAG, "version", "The version of the server (MLflow)", TEXT,
        ),
    )  # fmt: skip

    def __init__(self, parts: Parts):
        super().__init__(parts)
        self.calls = DialectCalls(parts.calls, parts.runs, "scoring", FORM)
        models = parts.paths_of_models(PREDICT_V1)
        self._paths = {path: (model, PREDICT_V1.path) for path, model in models.items()}
        root = parts.root.model.name
        if root is not None and not parts.is_replaced(INVOCATIONS.route):
            self._paths[f"{parts.base_path}{INVOCATIONS.route}"] = (root, INVOCATIONS.path)

    def taken(self, path: str, method: str) -> Taken | None:
        found = self._paths.get(path)
        if found is None or method != "POST" or not self.parts.calls.settings.predict_endpoint:
            return None
        model, route = found
        return Taken(partial(self.calls.live, model=model), FORM, model, route)

    async def predict(self, request: Request, sent: ReadBody[bodies.Rows]) -> Response:
        """`POST /v1/models/{model}:predict`, where it is not taken before."""
        with self.calls.told():
            return Delegated(partial(self.calls.live, model=self.calls.pool(request).name))

    async def explain(self, request: Request, sent: ReadBody[bodies.Rows]) -> Response:
        """`POST /v1/models/{model}:explain`."""
        with self.calls.told():
            self.calls.pool(request)
            await sent()
            raise Problem(501, "no model here explains its predictions")

    async def invocations(self, request: Request, sent: ReadBody[bodies.Rows]) -> Response:
        """`POST /invocations`, where it is not taken before."""
        with self.calls.told():
            model = self.parts.root.model.known_name(principal_of(request.scope))
            return Delegated(partial(self.calls.live, model=model))

    async def ping(self, request: Request) -> Response:
        """`GET /ping`: 200 once the default model answers."""
        engine, by = self.parts.calls.engine, principal_of(request.scope)
        pool = engine.pools[self.parts.root.model.known_name(by)]
        if not can_answer(engine, pool):
            if not by.may(READ, pool.name):
                raise Problem(503, f"the model cannot answer now: {pool.state}")
            raise Problem(503, f"the model {pool.name!r} cannot answer now: {pool.error or pool.state}")
        return Response("\n", media_type="text/plain")

    async def version(self, request: Request) -> Response:
        """`GET /version`."""
        return Response(modelport.__version__, media_type="text/plain")


SERVER = ScoringServer
