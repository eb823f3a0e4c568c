"""What clients of MCP send, as the documents have it. It is read by the SDK."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from modelport.api.resources.described import words


class McpMessage(msgspec.Struct):
    """A message of JSON-RPC 2.0, as MCP has it."""

    jsonrpc: Annotated[str, words("2.0")]
    method: Annotated[str, words("Such as initialize, tools/list or tools/call")]
    id: Annotated[int | str | None, words("What the answer repeats; a notification has none")] = None
    params: dict[str, Any] | None = None


class McpFault(msgspec.Struct):
    """What was wrong with a message, as JSON-RPC has it."""

    code: int
    message: str
    data: Any = None


class McpError(msgspec.Struct):
    """The answer to a message that was not understood."""

    jsonrpc: str
    error: McpFault
    id: Annotated[int | str | None, words("That of the message, if it could be read")] = None
