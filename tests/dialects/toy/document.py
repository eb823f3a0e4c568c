from __future__ import annotations

from modelport.api.documents.dialects import DialectDocument

DOCUMENT = DialectDocument({"toy": "Asking, in an envelope"})
