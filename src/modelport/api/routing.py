"""Routes, made from the table of endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.routing import Route, compile_path

from modelport.api.endpoints.pages import PAGES
from modelport.api.endpoints.row import Endpoint
from modelport.api.endpoints.server import METRICS
from modelport.api.endpoints.table import OF_ROOT
from modelport.api.handlers import Handlers
from modelport.api.request_checks import CheckedEndpoint, Entry
from modelport.identity.principals import AccessScope
from modelport.settings import Settings


class EndpointRoute(Route):
    """The route of one row. A GET that runs a model has no HEAD, which Starlette gives to every GET."""

    def __init__(self, endpoint: Endpoint, handlers: Handlers, scope: AccessScope):
        at_root = handlers.root.model.name if endpoint in OF_ROOT else None
        note = handlers.identity.note if handlers.identity.is_on else None
        entry = Entry(scope, handlers.health.engine.pools, at_root, note)
        answering: Any = CheckedEndpoint(endpoint, endpoint.handler(handlers), entry)
        super().__init__(_routed(endpoint), answering, methods=[endpoint.method])
        self.path = endpoint.route  # without the convertor of Starlette
        self.row = endpoint
        if endpoint.calls:
            self.methods = {endpoint.method}


class _NameConvertor(StringConvertor):
    """A name before a colon, as in `/v1/models/{model}:predict`."""

    regex = "[^/:]+"


register_url_convertor("name", _NameConvertor())


def _routed(endpoint: Endpoint) -> str:
    """Its path in the words of Starlette. A verb after the name of a model is no part of it."""
    return endpoint.route.replace("{model}", "{model:name}") if endpoint.has_verbs else endpoint.route


def routes_of(table: Iterable[Endpoint], handlers: Handlers, settings: Settings) -> list[Route]:
    """A route for each endpoint that these settings leave on. Raises `ValueError` for one without a scope."""
    routes: list[Route] = []
    for row in table:
        if not isinstance(row.scope, AccessScope):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ValueError(f"{row.method} {row.path} names no scope: nobody could be let in, or everybody")
        if not row.setting or getattr(settings, row.setting):
            routes.append(EndpointRoute(row, handlers, scope_of(row, settings)))
    return routes


def scope_of(row: Endpoint, settings: Settings) -> AccessScope:
    """What who asks for this must be allowed to do on this server."""
    is_open = (settings.open_documents and row in PAGES) or (settings.open_metrics and row is METRICS)
    return AccessScope.OPEN if is_open else row.scope


def open_rows(table: Iterable[Endpoint], settings: Settings) -> dict[str, list[Endpoint]]:
    """What anybody may ask, by its method."""
    found: dict[str, list[Endpoint]] = {}
    for row in table:
        if scope_of(row, settings) is AccessScope.OPEN:
            found.setdefault(row.method, []).append(row)
    return found


def gets_that_run(table: Iterable[Endpoint]) -> list[Endpoint]:
    """The GETs that run a model, and so are no mere reading."""
    return [row for row in table if row.calls and row.method == "GET"]


def paths_of(rows: Iterable[Endpoint], base_path: str) -> re.Pattern[str]:
    """Matches the paths of these."""
    found = [compile_path(row.route)[0].pattern for row in rows]
    parts = (re.sub(r"\?P<\w+>", "?:", pattern).removeprefix("^").removesuffix("$") for pattern in found)
    return re.compile(f"{re.escape(base_path)}(?:{'|'.join(parts)})/*")
