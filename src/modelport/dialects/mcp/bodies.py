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
