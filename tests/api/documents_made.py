"""Signatures that have everything, and the documents made of them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV31SpecValidator

from modelport.api.documents.listing import Served
from modelport.api.documents.openapi import openapi_document
from modelport.api.documents.swagger import swagger_document
from modelport.contract.signature import Argument, Operation, Signature

JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

# The arguments of the reference's model `arguments`, and what DEEPaaS 2.6 showed of them.
ARGUMENTS: list[tuple[Argument, dict[str, Any]]] = [
    (
        Argument(name="text", required=True, schema={"type": "string", "description": "Any text"}),
        {"type": "string", "required": True, "description": "Any text"},
    ),
    (
        Argument(name="colour", schema={"type": "string", "default": "red", "enum": ["red", "green"]}),
        {"type": "string", "default": "red", "enum": ["red", "green"]},
    ),
    (
        Argument(name="count", schema={"type": "integer", "default": 3, "minimum": 1, "maximum": 10}),
        {"type": "integer", "format": "int32", "default": 3, "minimum": 1, "maximum": 10},
    ),
    (
        Argument(name="ratio", schema={"type": "number", "default": 0.5}),
        {"type": "number", "format": "float", "default": 0.5},
    ),
    (
        Argument(name="flag", schema={"type": "boolean", "default": False}),
        {"type": "boolean", "default": False},
    ),
    (
        Argument(name="numbers", schema={"type": "array", "items": {"type": "integer"}, "default": []}),
        {
            "type": "array",
            "items": {"type": "integer", "format": "int32"},
            "default": [],
            "collectionFormat": "multi",
        },
    ),
    (
        Argument(
            name="csv", delimiter=",", schema={"type": "array", "items": {"type": "number"}, "default": []}
        ),
        {
            "type": "array",
            "items": {"type": "number", "format": "float"},
            "default": [],
            "collectionFormat": "multi",
        },
    ),
    (Argument(name="url", schema={"type": "string", "format": "url"}), {"type": "string", "format": "url"}),
    (
        Argument(name="when", schema={"type": "string", "format": "date-time"}),
        {"type": "string", "format": "date-time"},
    ),
    (Argument(name="options", schema={"type": "object", "additionalProperties": {}}), {"type": "object"}),
    (
        Argument(name="maybe", schema={"type": ["integer", "null"], "default": None}),
        {"type": "integer", "format": "int32", "default": None, "x-nullable": True},
    ),
]


def signature(name: str = "model", **predict: Any) -> Signature:
    contract = predict.pop("contract", "deepaas")
    definitions = predict.pop("definitions", {})
    return Signature(
        name=name,
        contract=contract,
        metadata={"id": "1", "name": name, "description": f"About {name}"},
        predict=Operation(**{"implemented": True, **predict}),
        definitions=definitions,
    )


EVERYTHING = signature("arguments", arguments=[argument for argument, _ in ARGUMENTS])
UPLOAD = signature(
    "upload",
    arguments=[
        Argument(
            name="data", required=True, kind="file", location="files", schema={"description": "Data file."}
        ),
        Argument(name="more", kind="files", location="files"),
        Argument(name="note", schema={"type": "string", "default": "none"}),
        Argument(name="X-Mode", location="headers", schema={"type": "string"}),
        Argument(name="only-form", location="form", schema={"type": "integer"}),
    ],
    answer={"type": "object", "properties": {"status": {"type": "string"}, "size": {"type": "integer"}}},
    wrapped=False,
)
CHOICES = [JSON, "image/png", "application/zip", "text/plain"]
MEDIA = signature(
    "media",
    arguments=[Argument(name="accept", kind="accept", schema={"type": "string", "enum": CHOICES})],
    media_types=CHOICES,
)
NESTED = signature(
    "nested",
    contract="typed",
    arguments=[
        Argument(name="point", required=True, schema={"$ref": "#/$defs/Point"}),
        Argument(
            name="mode", schema={"anyOf": [{"$ref": "#/$defs/Mode"}, {"type": "null"}], "default": None}
        ),
        Argument(name="body", location="json", schema={"type": "array", "items": {"$ref": "#/$defs/Point"}}),
    ],
    answer={"$ref": "#/$defs/Prediction"},
    wrapped=False,
    definitions={
        "Mode": {"type": "string", "enum": ["fast", "good"], "title": "Mode"},
        "Point": {
            "type": "object",
            "properties": {"x": {"type": "number"}, "next": {"$ref": "#/$defs/Point"}},
        },
        "Prediction": {
            "type": "object",
            "properties": {"label": {"const": "a"}, "at": {"$ref": "#/$defs/Point"}},
            "required": ["label"],
        },
    },
)
EMPTY = signature("empty", implemented=False)
ALL = [EVERYTHING, UPLOAD, MEDIA, NESTED, EMPTY]


def openapi(
    *signatures: Signature, base_path: str = "", predict: bool = True, train: bool = True
) -> dict[str, Any]:
    served = Served(base_path=base_path, predict=predict, train=train, version="1.2")
    document = openapi_document(signatures, served)
    json.dumps(document, allow_nan=False)
    return document


def swagger(
    *signatures: Signature, base_path: str = "", predict: bool = True, train: bool = True
) -> dict[str, Any]:
    served = Served(base_path=base_path, predict=predict, train=train, version="1.2")
    document = swagger_document(signatures, served)
    json.dumps(document, allow_nan=False)
    return document


def predict_of(document: dict[str, Any], name: str = "model") -> dict[str, Any]:
    return document["paths"][f"/v2/models/{name}/predict/"]["post"]


def errors_of(document: dict[str, Any]) -> list[str]:
    validator = OpenAPIV2SpecValidator if "swagger" in document else OpenAPIV31SpecValidator
    return [f"{list(e.absolute_path)}: {e.message[:300]}" for e in validator(document).iter_errors()]


def without_habits(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the habits of DEEPaaS that Swagger's own rules forbid.

    They are defaults of null, objects in a query string, and defaults of another type than the argument's.
    """

    def without_null_defaults(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: without_null_defaults(v) for k, v in value.items() if (k, v) != ("default", None)}
        return [without_null_defaults(v) for v in value] if isinstance(value, list) else value

    copy = without_null_defaults(json.loads(json.dumps(document)))
    for path in copy["paths"].values():
        for parameter in (p for operation in path.values() for p in operation.get("parameters", [])):
            place = parameter
            while place.get("type") == "array":
                place = place["items"]
            if place.get("type") == "object":
                place["type"] = "string"
                parameter.pop("default", None)
            if "default" in parameter and not _fits(parameter):
                del parameter["default"]
    return copy


def _fits(parameter: dict[str, Any]) -> bool:
    """Whether the default of a parameter keeps the parameter's own rules."""
    kept = {k: v for k, v in parameter.items() if k not in ("in", "name", "required", "description")}
    return jsonschema.Draft4Validator(kept).is_valid(parameter["default"])


# Swagger 2.0
