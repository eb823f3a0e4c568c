"""What the API documents say of mlup at the root."""

from __future__ import annotations

from modelport.api.documents.dialects import DialectDocument, RootDocument
from modelport.dialects.mlup.bodies import LongPrediction, PredictError, PredictResult

DOCUMENT = DialectDocument(
    {"mlup": "The default model, as clients of mlup ask for it"},
    (PredictResult, LongPrediction, PredictError),
    RootDocument(
        "mlup",
        PredictResult,
        LongPrediction,
        PredictError,
        {408: "The prediction took too long", 429: "Too many requests or rows"},
    ),
)
