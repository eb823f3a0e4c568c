"""The DEEPaaS V2 resources that are read: versions, models and their metadata, debug.

Source: the recorded exchanges of DEEPaaS 2.6. What a client parses keeps its keys and their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modelport.api.credentials import principal_of
from modelport.api.dialects import Parts
from modelport.api.endpoints.models import path_of_model
from modelport.api.named_models import asked_pool
from modelport.contract.metadata import metadata_body
from modelport.dialects.oip.bodies import extensions_of
from modelport.dialects.oip.described import PLATFORM, with_tensors
from modelport.engine.ports import Pool, PoolState
from modelport.identity.principals import AccessScope
from modelport.siblings import LONG_SECONDS

PRINTED = "printed"  # what server processes ask each other
Loaded = Callable[[str], Iterable[int]]  # the versions of a model that are in memory


class Resources:
    """The handlers, one method a resource."""

    def __init__(self, parts: Parts):
        self.engine = parts.calls.engine
        self._loaded: Loaded = parts.runs.versions.loaded
        self.settings = parts.calls.settings
        self.base_path = parts.base_path
        self._siblings = parts.jobs.storage.siblings
        if self._siblings is not None:
            self._siblings.answer(PRINTED, self._printed)

    async def versions(self, request: Request) -> Response:
        """`GET /`: the versions of the API, and where its documents are."""
        links: list[dict[str, str]] = []
        if self.settings.doc_endpoint:
            links.append({"rel": "help", "type": "text/html", "href": f"{self.base_path}/api"})
        links.append(
            {"rel": "describedby", "type": "application/json", "href": f"{self.base_path}/swagger.json"}
        )
        return JSONResponse({"versions": [self._version()], "links": links})

    async def version(self, request: Request) -> Response:
        """`GET /v2/`."""
        return JSONResponse(self._version() | {"name": PLATFORM, "extensions": extensions_of(self.settings)})

    def _version(self) -> dict[str, Any]:
        link = {"rel": "self", "type": "application/json", "href": f"{self.base_path}/v2/"}
        return {"version": "stable", "id": "v2", "links": [link]}

    async def models(self, request: Request) -> Response:
        """`GET /v2/models/`: every model that one may read of, also those that failed."""
        asks = principal_of(request.scope)
        shown = [pool for pool in self.engine.pools.values() if asks.may(AccessScope.READ, pool.name)]
        return JSONResponse({"models": [self.metadata(pool) for pool in shown]})

    async def model(self, request: Request) -> Response:
        """`GET /v2/models/{model}/`."""
        return JSONResponse(self.metadata(self.pool_of(request)))

    def pool_of(self, request: Request) -> Pool:
        """The model that the path names. Raises `Problem` 404 with the names that exist."""
        return asked_pool(self.engine, request)

    def metadata(self, pool: Pool) -> dict[str, Any]:
        """What is told of a model, also of one that failed."""
        href = path_of_model(self.base_path, pool.name)
        if pool.signature is not None and pool.state is not PoolState.FAILED:
            versions = sorted({pool.version, *self._loaded(pool.name)})
            known = with_tensors(metadata_body(pool.signature.metadata, href), pool.signature, versions)
            return known if pool.state is PoolState.READY else known | {"state": pool.state}
        shown = metadata_body({"id": pool.name, "name": pool.name}, href)
        shown["description"] = f"This model is not served: {pool.error or pool.state}"
        return shown | {"state": pool.state} | ({"error": pool.error} if pool.error else {})

    async def debug(self, request: Request) -> Response:
        """`GET /v2/debug/`: what the models printed, if the server was started to show it."""
        if not self.settings.debug_endpoint:
            return Response(status_code=204)
        of_all = self._siblings
        told = (
            [await self._printed(b"")]
            if of_all is None
            else (await of_all.ask(PRINTED, seconds=LONG_SECONDS)).bodies
        )
        marker = f"--- DEBUG MARKER {datetime.now()} ---\n"
        return Response(b"\n".join([*filter(None, told), marker.encode()]), media_type="text/plain")

    async def _printed(self, _: bytes) -> bytes:
        """What models have printed in this process."""
        lines = (line for pool in self.engine.pools.values() for line in pool.output.lines)
        return "\n".join(lines).encode("utf-8", "replace")
