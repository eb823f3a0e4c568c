"""What the server answers to mlup's clients: predictions at the root in its words, `/info` and `/health`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.dialects import DialectServer, Parts
from modelport.api.endpoints.root import ROOT, TAG
from modelport.api.endpoints.row import AccessScope, Endpoint, data
from modelport.api.root.dialect import RootDialect
from modelport.dialects.mlup import bodies
from modelport.dialects.mlup.server.errors import error_body, mlup_problem
from modelport.dialects.mlup.server.info import Info
from modelport.settings import Settings


def _begun(predict_id: str) -> dict[str, Any]:
    return {"predict_id": predict_id, "predict_result": {"predict_id": predict_id}}


class MlupServer(DialectServer):
    """mlup in an application. It speaks at the root unless another dialect does."""

    rows = (
        Endpoint(
            "GET", "/health", lambda on: on.of(MlupServer).health, AccessScope.OPEN,
            "health", "health", "Whether the server runs, for mlup's clients",
            {200: data("The server runs", bodies.Health)}, is_lenient=True, is_probe=True,
        ),
        Endpoint(
            "OPTIONS", "/health", lambda on: on.of(MlupServer).health, AccessScope.OPEN, is_lenient=True,
            is_probe=True,
        ),
    )  # fmt: skip
    rows_of_root = (
        Endpoint(
            "GET", "/info", lambda on: on.of(MlupServer).info.info, AccessScope.READ,
            TAG, "info", "Information about the default model",
            {200: data("The model and the application", bodies.Info)}, is_lenient=True,
        ),
        *ROOT,
    )  # fmt: skip

    def __init__(self, parts: Parts):
        super().__init__(parts)
        self.info = Info(parts.root.model, parts.calls.settings, parts.configurations.get("mlup"))

    @classmethod
    def at_root(cls, settings: Settings) -> RootDialect | None:
        return RootDialect("mlup", True, error_body, mlup_problem, _begun)

    async def health(self, request: Request) -> Response:
        """`GET /health`: the server is not frozen. mlup's page and its clients have a key each."""
        return json_response(bodies.Health(200, 200))


SERVER = MlupServer
