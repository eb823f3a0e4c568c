"""Routes, made from the table of endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.routing import Route, compile_path

from modelport.api.endpoints.row import AccessScope, Endpoint
from modelport.api.handlers import Handlers
from modelport.api.request_checks import CheckedEndpoint
from modelport.settings import Settings


class EndpointRoute(Route):
    """The route of one row. A GET that runs a model has no HEAD, which Starlette gives to every GET."""

    def __init__(self, endpoint: Endpoint, handlers: Handlers):
        answering: Any = CheckedEndpoint(endpoint, endpoint.handler(handlers))
        super().__init__(endpoint.route, answering, methods=[endpoint.method])
        self.row = endpoint
        if endpoint.calls:
            self.methods = {endpoint.method}


def routes_of(table: Iterable[Endpoint], handlers: Handlers, settings: Settings) -> list[Route]:
    """A route for each endpoint that these settings leave on. Raises `ValueError` for one without a scope."""
    routes: list[Route] = []
    for row in table:
        if not isinstance(row.scope, AccessScope):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{row.method} {row.path} names no scope: nobody could be let in, or everybody")
        if not row.setting or getattr(settings, row.setting):
            routes.append(EndpointRoute(row, handlers))
    return routes


def paths_of_gets_that_run(table: Iterable[Endpoint], base_path: str) -> re.Pattern[str]:
    """Matches the paths where a GET runs a model, so that it is no mere reading."""
    found = [compile_path(row.route)[0].pattern for row in table if row.calls and row.method == "GET"]
    parts = (re.sub(r"\?P<\w+>", "?:", pattern).removeprefix("^").removesuffix("$") for pattern in found)
    return re.compile(f"{re.escape(base_path)}(?:{'|'.join(parts)})/*")
