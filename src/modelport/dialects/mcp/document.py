"""What the API documents say of MCP."""

from __future__ import annotations

from modelport.api.documents.dialects import DialectDocument

DOCUMENT = DialectDocument({"mcp": "Models as tools of assistants, as the Model Context Protocol has them"})
