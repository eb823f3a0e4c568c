"""What the server answers to the lesson's clients: the runs of the model at the root, all in an envelope."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request

from modelport.api.credentials import principal_of
from modelport.api.dialects import ASGI, DialectServer, Parts
from modelport.api.endpoints.runs import runs_below
from modelport.api.quick_refusals import Wrap
from modelport.api.root.dialect import RootDialect
from modelport.api.runs.run_routes import RunRoutes
from modelport.dialects.lesson.server.envelope import AtRoot, Envelope, enveloped_error
from modelport.http.asgi import Scope
from modelport.problems import Problem
from modelport.settings import Settings


def _error_body(status: int, words: str, predict_id: str | None) -> bytes:
    return json.dumps({"detail": words}).encode()


def _as_it_is(problem: Problem) -> Problem:
    return problem


def _begun(predict_id: str) -> dict[str, Any]:
    return {"predict_id": predict_id}


REFUSED = Wrap("application/json", enveloped_error)


class LessonServer(DialectServer):
    """The lesson in an application. Its resources are there for everybody, its envelope if that is set."""

    rows_of_root = tuple(runs_below("", lambda on: on.of(LessonServer).runs))

    def __init__(self, parts: Parts):
        super().__init__(parts)
        self.runs = RunRoutes(
            parts.runs, parts.run_predictions, parts.listings, self._model, parts.base_path, at_root=True
        )

        self._is_enveloped = parts.calls.settings.envelope
        self._at_root = AtRoot(parts.base_path, parts.own_routes)

    def _model(self, request: Request) -> str:
        return self.parts.root.model.known_name(principal_of(request.scope))

    @classmethod
    def at_root(cls, settings: Settings) -> RootDialect | None:
        if not settings.envelope:
            return None
        return RootDialect("lesson", False, _error_body, _as_it_is, _begun, wraps=True)

    def around(self, app: ASGI) -> ASGI:
        if not self._is_enveloped:
            return app
        return Envelope(app, self._at_root)

    def around_refusal(self, scope: Scope) -> Wrap | None:
        return REFUSED if self._is_enveloped and self._at_root(scope) else None


SERVER = LessonServer
