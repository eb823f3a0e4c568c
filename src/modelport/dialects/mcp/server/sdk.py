"""MCP as the official SDK speaks it. To import that takes more than a second: nobody does before it is asked.

Each request is answered by itself, without a session: nothing is kept that could run full or has to be found
by another server of the same service, and a key that is revoked has nothing left to use. So what a session is
for is not there: messages that a server begins, such as that the list of tools has changed.
"""

from __future__ import annotations

import base64
import json
import logging
from functools import partial
from typing import Any, cast

from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import (
    INVALID_PARAMS,
    AudioContent,
    BlobResourceContents,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    ToolAnnotations,
)
from mcp.types import Tool as ToolOfSdk

import modelport
from modelport.api.credentials import principal_of
from modelport.api.exchanges import exchange_of
from modelport.contract.errors import flat_messages
from modelport.contract.signature import JSON
from modelport.dialects.mcp.server.forms import WrongArgument
from modelport.dialects.mcp.server.own_requests import MOST_BYTES, Answered, TooLarge, ask_own
from modelport.dialects.mcp.server.tools import NDJSON, RESULT, Tool, Toolbox
from modelport.http.asgi import Message, Receive, Scope, Send, send_problem
from modelport.problems import Problem

PAGE = 100  # tools
NOT_SO = "a message of MCP is a POST that accepts application/json and text/event-stream"
MOST_MESSAGE = 1000  # characters of a piece of a stream, told as progress
INSTRUCTIONS = (
    "Each tool predict_… asks a model of this server. Tools train_… begin jobs; job_status and job_result "
    "tell what has become of one by its id. Files go in and come out as base64."
)
Context = ServerRequestContext[Any, Any]

logging.getLogger("mcp").setLevel(logging.WARNING)  # it has a line for each request


class McpAnswers:
    """Answers requests of MCP. One for the application; `app` answers what tools ask."""

    def __init__(self, toolbox: Toolbox, app: Any, base_path: str, most_bytes: int):
        self._toolbox = toolbox
        self._app = app
        self._base_path = base_path
        self._most_bytes = most_bytes
        self._server = Server[Any](
            "modelport",
            version=modelport.__version__,
            instructions=INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, which has come in by the door."""
        manager = StreamableHTTPSessionManager(
            self._server, stateless=True, max_request_body_size=self._most_bytes
        )
        refusal = _Refusal(send)
        async with manager.run():
            await manager.handle_request(scope, receive, refusal.send)
        if refusal.status:
            noted = exchange_of(scope)
            request_id = noted.request_id if noted is not None else ""
            await send_problem(send, Problem(refusal.status, refusal.words), request_id)

    async def _list(self, context: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        tools = self._toolbox.of(principal_of(_scope_of(context)))
        cursor = (params.cursor if params is not None else None) or "0"
        if not cursor.isdecimal() or len(cursor) > 9:
            raise MCPError(INVALID_PARAMS, "the cursor is none that this server has given")
        start = int(cursor)
        end = start + PAGE
        shown = [_shown(tool) for tool in tools[start:end]]
        return ListToolsResult(tools=shown, next_cursor=str(end) if end < len(tools) else None)

    async def _call(self, context: Context, params: CallToolRequestParams) -> CallToolResult:
        scope = _scope_of(context)
        tools = {tool.name: tool for tool in self._toolbox.of(principal_of(scope))}
        tool = tools.get(params.name)
        if tool is None:
            name = params.name[:MOST_MESSAGE]
            raise MCPError(
                INVALID_PARAMS, f"you have no tool {name!r} here: tools/list has those that you may use"
            )
        told = partial(_tell, context, [0]) if tool.lines else None
        try:
            asked = tool.ask(params.arguments or {})
        except WrongArgument as error:
            return _failed(str(error))
        try:
            answered = await ask_own(self._app, self._base_path, scope, asked, told)
        except TooLarge:
            said = f"the answer has more than {MOST_BYTES} bytes; ask for less"
            return _failed(f"{said}, or by HTTP: {asked.method} {self._base_path}{asked.path}")
        if answered.status >= 400 or not answered.is_whole:
            return _failed(_words(answered))
        return _result(tool, answered)


class _Refusal:
    """Passes an answer on, unless it refuses a request in no JSON: then it keeps `status` and `words`."""

    def __init__(self, send: Send):
        self._send = send
        self._body = b""
        self.status = 0

    @property
    def words(self) -> str:
        return self._body.decode(errors="replace") or NOT_SO

    async def send(self, message: Message) -> None:
        """The ASGI `send` of the SDK."""
        if message["type"] == "http.response.start" and message["status"] >= 400:
            fields = {name.lower(): value for name, value in message.get("headers", ())}
            if not fields.get(b"content-type", b"").startswith(JSON.encode()):
                self.status = message["status"]
        if not self.status:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")


def _scope_of(context: Context) -> Scope:
    """That of the request which has brought a message."""
    assert context.request is not None  # it has come by HTTP
    return context.request.scope


async def _tell(context: Context, count: list[int], line: bytes) -> None:
    """Tell the client of a piece, as progress, if it wants to know."""
    count[0] += 1
    message = line[:MOST_MESSAGE].decode(errors="replace")
    await context.session.report_progress(count[0], message=message)


def _shown(tool: Tool) -> ToolOfSdk:
    hints = ToolAnnotations(read_only_hint=tool.is_reading, destructive_hint=False, open_world_hint=False)
    return ToolOfSdk(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.takes,
        output_schema=tool.gives,
        annotations=hints,
    )


def _failed(words: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=words)], is_error=True)


def _words(answered: Answered) -> str:
    """What an answer that is no good one says, in words."""
    body = answered.body if answered.is_whole else answered.body.rstrip(b"\n").rpartition(b"\n")[2]
    try:
        found: Any = json.loads(body)
    except ValueError:
        return body.decode(errors="replace") or f"the answer was {answered.status}"
    if not isinstance(found, dict):
        return str(found)
    said = cast("dict[str, Any]", found)
    detail = said.get("detail")
    return detail if isinstance(detail, str) else "; ".join(flat_messages(said))


def _result(tool: Tool, answered: Answered) -> CallToolResult:
    media_type = answered.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == NDJSON:
        lines = [json.loads(line) for line in answered.body.splitlines() if line]
        return _structured({RESULT: lines})
    if media_type == JSON or media_type.endswith("+json"):
        found: Any = json.loads(answered.body) if answered.body else None
        return _structured(cast("dict[str, Any]", found) if isinstance(found, dict) else {RESULT: found})
    return CallToolResult(content=[_content(media_type, answered)])


def _structured(value: dict[str, Any]) -> CallToolResult:
    text = json.dumps(value, ensure_ascii=False)
    return CallToolResult(content=[TextContent(text=text)], structured_content=value)


def _content(media_type: str, answered: Answered) -> ContentBlock:
    if media_type.startswith("text/"):
        return TextContent(text=answered.body.decode(errors="replace"))
    data = base64.b64encode(answered.body).decode()
    if media_type.startswith("image/"):
        return ImageContent(data=data, mime_type=media_type)
    if media_type.startswith("audio/"):
        return AudioContent(data=data, mime_type=media_type)
    uri = f"modelport://answers/{answered.headers.get('x-request-id', 'unknown')}"
    return EmbeddedResource(resource=BlobResourceContents(uri=uri, mime_type=media_type, blob=data))
