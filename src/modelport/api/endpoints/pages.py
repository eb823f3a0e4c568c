"""The API documents, the pages that show them, and the page for people; they stand in no document."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from modelport.api.endpoints.row import AccessScope, Endpoint, Handler

if TYPE_CHECKING:
    from modelport.api.handlers import Handlers


def _document(path: str, handler: Callable[[Handlers], Handler], setting: str = "") -> Endpoint:
    return Endpoint("GET", path, handler, AccessScope.READ, is_lenient=True, setting=setting)


def _page(path: str, handler: Callable[[Handlers], Handler]) -> Endpoint:
    return _document(path, handler, "doc_endpoint")


PAGES = (
    _document("/openapi.json", lambda on: on.documents.openapi),
    _document("/swagger.json", lambda on: on.documents.swagger),
    *(_page(path, lambda on: on.documents.swagger_page) for path in ("/docs", "/api", "/ui")),
    _page("/redoc", lambda on: on.documents.redoc_page),
    _page("/static/{path:path}", lambda on: on.documents.asset),
)

# Open: who logs in must see it. What it shows, the API gives, to who may have it.
ROOMS = (
    Endpoint(
        "GET", "/ui/assets/{file:path}", lambda on: on.page.asset, AccessScope.OPEN,
        is_lenient=True, setting="page_endpoint",
    ),
    Endpoint(
        "GET", "/ui/{room:path}", lambda on: on.page.room, AccessScope.OPEN,
        is_lenient=True, setting="page_endpoint",
    ),
)  # fmt: skip
