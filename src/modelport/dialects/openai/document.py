"""What the API documents say of OpenAI's API."""

from __future__ import annotations

from modelport.api.documents.dialects import DialectDocument

DOCUMENT = DialectDocument({"openai": "Chats, completions and embeddings, as OpenAI's clients ask for them"})
