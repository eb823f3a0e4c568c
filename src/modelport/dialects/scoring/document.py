"""What the API documents say of predictions of rows."""

from __future__ import annotations

from modelport.api.documents.dialects import DialectDocument

DOCUMENT = DialectDocument({"rows": "Predictions of rows, as KServe V1, MLflow and SageMaker ask for them"})
