"""What the server answers to clients of MCP: streamable HTTP at one path, where its SDK is installed."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import Delegated
from modelport.api.dialects import DialectServer, Parts
from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, ReadBody, data, with_body
from modelport.api.exchanges import exchange_of
from modelport.contract.signature import JSON
from modelport.dialects.mcp.bodies import McpError, McpMessage
from modelport.dialects.mcp.server.tools import Toolbox
from modelport.problems import Problem

PATH = "/mcp"
READ = AccessScope.READ
MISSING = "this server does not speak MCP: install the SDK beside it, pip install 'modelport[mcp]'"
RULES = (
    "Streamable HTTP without sessions: one message of JSON-RPC in each POST. A tool is a request of this "
    "API, and needs the scopes of that; `tools/list` has those that who asks may use."
)
ANSWERS = {
    200: Answer("The answer, as JSON or as an event", media_type=JSON, others=("text/event-stream",)),
    202: Answer("A notification was taken"),
    **dict.fromkeys((400, 404, 406, 413, 415), data("The message was not understood", McpError)),
}


class McpServer(DialectServer):
    """MCP in an application."""

    rows = (
        Endpoint(
            "POST", PATH, with_body(McpMessage, lambda on: on.of(McpServer).answer), READ,
            "mcp", "mcp", "Use the models as tools (Model Context Protocol)", ANSWERS, (404, 413, 415, 501),
            description=RULES, owned=True, is_unlimited=True,
        ),
    )  # fmt: skip

    def __init__(self, parts: Parts):
        super().__init__(parts)
        self._loading = asyncio.Lock()
        self._answers: Any = None

    async def answer(self, request: Request, sent: ReadBody[McpMessage]) -> Response:
        """`POST /mcp`. The SDK reads the message itself."""
        noted = exchange_of(request.scope)
        if noted is not None:
            noted.principal = ""  # what its tools ask counts, each as the request that it is
        return Delegated((await self._loaded()).answer)

    async def _loaded(self) -> Any:
        """What speaks MCP, imported beside the event loop when it is asked first. Raises `Problem` 501."""
        async with self._loading:
            if self._answers is None:
                try:
                    sdk = await asyncio.to_thread(importlib.import_module, f"{__name__}.sdk")
                except ModuleNotFoundError as error:
                    if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
                        raise
                    raise Problem(501, MISSING) from None
                parts, settings = self.parts, self.parts.calls.settings
                toolbox = Toolbox(parts.calls.engine, parts.jobs, settings)
                most = settings.json_max_size or 1 << 30
                self._answers = sdk.McpAnswers(toolbox, parts.application, parts.base_path, most)
            return self._answers


SERVER = McpServer
