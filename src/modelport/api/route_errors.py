"""What routes answer when they cannot: errors of handlers, stores and runs, and paths that are not there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from modelport.api.endpoints.row import Endpoint
from modelport.api.exchanges import request_number
from modelport.api.job_answers import store_problem
from modelport.api.near_paths import near_path
from modelport.api.routing import EndpointRoute
from modelport.api.runs.run_routes import problem_of
from modelport.engine.ports import Engine
from modelport.problems import PROBLEM_JSON, Problem, problem_body
from modelport.runs.errors import RunError
from modelport.storage.errors import StoreError


class RouteErrors:
    """The handlers of errors, for Starlette, of these routes."""

    def __init__(self, engine: Engine, routes: Sequence[BaseRoute], base_path: str):
        self.engine = engine
        self._routes = routes
        self._base_path = base_path

    def handlers(self) -> Any:
        """What answers each class of errors."""
        return {
            HTTPException: self._on_http_exception,
            Problem: self._on_problem,
            StoreError: self._on_store_error,
            RunError: self._on_run_error,
            Exception: self._on_exception,
        }

    def _problem_response(self, problem: Problem) -> Response:
        request_id = self.engine.request_id(request_number(self.engine))
        headers = dict(problem.headers) | {"x-request-id": request_id}
        body = problem_body(problem.status, problem.detail, request_id, extra=problem.extra)
        return Response(body, problem.status, headers, media_type=PROBLEM_JSON)

    async def _on_problem(self, request: Request, error: Problem) -> Response:
        return self._problem_response(error)

    async def _on_http_exception(self, request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if error.status_code == 405 and "Allow" in headers:
            headers["Allow"] = ", ".join(sorted(self._methods(request)))
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=headers)
            detail = f"{request.method} is not possible here; possible: {headers['Allow']}"
        elif error.status_code == 404:
            path = request.scope["path"].removeprefix(self._base_path)
            known = (route.path for route in self._routes if isinstance(route, Route))
            near = near_path(path, known, self._base_path) or ";"
            detail = f"there is nothing at this path{near} {self._base_path}/openapi.json lists what there is"
        else:
            detail = error.detail
        return self._problem_response(Problem(error.status_code, detail, headers.items()))

    def _methods(self, request: Request) -> set[str]:
        """Every method that some route offers at the request's path; GET of a model only if it streams."""
        methods: set[str] = set()
        path = request.scope["path"][len(self._base_path) :]
        for route in self._routes:
            found = route.path_regex.match(path) if isinstance(route, Route) else None
            if found is None or (isinstance(route, EndpointRoute) and not self._offers(route.row, found)):
                continue
            methods |= set(cast("Route", route).methods or ())
        return methods

    def _offers(self, row: Endpoint, found: re.Match[str]) -> bool:
        if row.method != "GET" or row.calls != "predict":
            return True
        live = self.engine.pools.get(found["model"])
        return live is None or live.signature is None or live.signature.predict.streams

    async def _on_store_error(self, request: Request, error: StoreError) -> Response:
        return self._problem_response(store_problem(error))

    async def _on_run_error(self, request: Request, error: RunError) -> Response:
        return self._problem_response(problem_of(error))

    async def _on_exception(self, request: Request, error: Exception) -> Response:
        return self._problem_response(Problem(500, "the server failed; its log says more"))
