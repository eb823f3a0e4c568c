"""What the resources of the mlup API answer, as JSON Schema."""

from __future__ import annotations

from modelport.api.documents.schemas import Schema


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


_TEXT: Schema = {"type": "string"}
_DETAIL = _object(
    loc={"type": "array", "items": {}, "description": "Where: an argument, an index, a column"},
    msg=_TEXT,
    type=_TEXT,
)


def mlup_schemas() -> dict[str, Schema]:
    """The named schemas."""
    status: Schema = {"type": "integer"}
    columns: Schema = {"type": ["array", "null"], "items": {"type": "object"}}
    return {
        "Health": _object(status_code=status, status=status),
        "Info": _object(
            model_info=_object(name=_TEXT, version=_TEXT, type=_TEXT, columns=columns),
            web_app_info=_object(version=_TEXT),
        ),
        "PredictResult": _object(predict_result={"description": "What the model answered"}),
        "LongPrediction": _object(
            predict_id=_TEXT, predict_result=_object(predict_id={**_TEXT, "description": "The same"})
        ),
        "PredictError": _object(
            detail={"type": "array", "items": _DETAIL}, predict_id={"type": ["string", "null"]}
        ),
    }
