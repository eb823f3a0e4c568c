"""What the API documents say of the Open Inference Protocol."""

from __future__ import annotations

from modelport.api.documents.dialects import DialectDocument

DOCUMENT = DialectDocument({"open inference": "Predictions with tensors, by the Open Inference Protocol"})
