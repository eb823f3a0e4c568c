"""The API documents and the pages that show them.

What makes them is imported when the first is asked for: most servers start more often than that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

import modelport
from modelport.api.credentials import principal_of
from modelport.api.dialects import root_dialect
from modelport.api.documents import STATIC_DIR
from modelport.api.root.model import RootModel
from modelport.engine.ports import Engine
from modelport.identity.principals import AccessScope, Principal
from modelport.settings import Settings
from modelport.settings.groups.access import Auth

if TYPE_CHECKING:
    from modelport.api.documents.listing import Served


MOST_KEPT = 16  # documents, since not everybody may read of the same models
_Kind = Literal["openapi", "swagger"]


class _Told(NamedTuple):
    """What a document tells of: the model at the root, and the models with their versions."""

    kind: _Kind
    root: str | None
    models: tuple[tuple[str, int], ...]


class DocumentRoutes:
    """`/openapi.json`, `/swagger.json` and their pages. A document tells of the models that somebody may
    read, and, with `open_documents`, of all. It is made anew when a model gets ready or another version of it
    becomes live."""

    def __init__(self, engine: Engine, settings: Settings, base_path: str):
        self.engine = engine
        self.settings = settings
        self.base_path = base_path
        self._root = RootModel(engine, settings)
        self._assets = StaticFiles(directory=STATIC_DIR)
        self._kept: dict[_Told, bytes] = {}  # whose bytes many readers share

    async def openapi(self, request: Request) -> Response:
        return await self._answer("openapi", request)

    async def swagger(self, request: Request) -> Response:
        return await self._answer("swagger", request)

    async def _answer(self, kind: _Kind, request: Request) -> Response:
        document = await asyncio.to_thread(self._document, kind, principal_of(request.scope))
        return Response(document, media_type=JSONResponse.media_type)

    def _document(self, kind: _Kind, by: Principal) -> bytes:
        pools = [pool for pool in self.engine.pools.values() if pool.signature is not None]
        root, is_open = self._root.name, self.settings.open_documents
        if not is_open:
            pools = [pool for pool in pools if by.may(AccessScope.READ, pool.name)]
        if not (is_open or by.may(AccessScope.READ, root)):
            root = None
        told = _Told(kind, root, tuple((pool.name, pool.version) for pool in pools))
        document = self._kept.get(told)
        if document is None:
            made = _maker(kind)([pool.signature for pool in pools], self._served(root))
            document = bytes(JSONResponse(made).body)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[told] = document
        return document

    def _served(self, root: str | None) -> Served:
        from modelport.api.documents.listing import Served
        from modelport.api.documents.root import RootApi
        from modelport.api.documents.security import Security

        settings = self.settings
        is_asked = settings.auth == Auth.ON
        return Served(
            base_path=self.base_path,
            predict=settings.predict_endpoint,
            train=settings.train_endpoint,
            root=RootApi(root, root_dialect(settings).name, settings.is_long_predict),
            stringify_predictions=settings.stringify_predictions,
            version=modelport.__version__,
            security=Security(settings.oidc_issuer, settings.tls_client_ca is not None) if is_asked else None,
        )

    async def swagger_page(self, request: Request) -> Response:
        from modelport.api.documents.pages import swagger_page

        return _page(swagger_page(base_path=self.base_path))

    async def redoc_page(self, request: Request) -> Response:
        from modelport.api.documents.pages import redoc_page

        return _page(redoc_page(base_path=self.base_path))

    async def asset(self, request: Request) -> Response:
        """The pages' assets, always whole: a Range header may be ignored (RFC 9110, 14.2)."""
        found = await self._assets.get_response(request.path_params["path"], request.scope)
        if isinstance(found, FileResponse):
            return _WholeFile(found.path, stat_result=found.stat_result)
        return found


class _WholeFile(FileResponse):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [field for field in scope["headers"] if field[0] != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


def _maker(kind: _Kind) -> Callable[..., dict[str, Any]]:
    if kind == "openapi":
        from modelport.api.documents.openapi import openapi_document

        return openapi_document
    from modelport.api.documents.swagger import swagger_document

    return swagger_document


def _page(html: str) -> Response:
    from modelport.api.documents.pages import CONTENT_SECURITY_POLICY

    headers = {"content-security-policy": CONTENT_SECURITY_POLICY, "x-frame-options": "DENY"}
    return HTMLResponse(html, headers=headers)
