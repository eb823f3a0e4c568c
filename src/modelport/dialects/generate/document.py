"""What the API documents say of the generate extension."""

from __future__ import annotations

from modelport.api.documents.dialects import DialectDocument

DOCUMENT = DialectDocument({"generate": "Texts and values without tensors, by Triton's generate extension"})
