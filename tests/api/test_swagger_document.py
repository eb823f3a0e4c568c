"""The Swagger 2.0 document: as DEEPaaS's clients parse it."""

from __future__ import annotations

import math
from typing import Any

import jsonschema
import pytest
from documents_made import (
    ARGUMENTS,
    CHOICES,
    EVERYTHING,
    JSON,
    MEDIA,
    MULTIPART,
    NESTED,
    UPLOAD,
    openapi,
    predict_of,
    signature,
    swagger,
)


def test_parameters_are_those_that_deepaas_showed() -> None:
    parameters = {p["name"]: p for p in predict_of(swagger(EVERYTHING), "arguments")["parameters"]}
    assert list(parameters) == [argument.name for argument, _ in ARGUMENTS]
    for argument, shown in ARGUMENTS:
        expected = {"in": "query", "name": argument.name, "required": False} | shown
        assert parameters[argument.name] == expected


def test_a_file_is_a_form_parameter_of_type_file() -> None:
    operation = predict_of(swagger(UPLOAD), "upload")
    parameters = {p["name"]: p for p in operation["parameters"]}
    assert parameters["data"] == {
        "in": "formData",
        "name": "data",
        "required": True,
        "type": "file",
        "description": "Data file.",
    }
    assert parameters["more"]["type"] == "file"
    assert parameters["note"]["in"] == "query"
    assert parameters["X-Mode"]["in"] == "header"
    assert parameters["only-form"]["in"] == "formData"
    assert operation["consumes"] == [MULTIPART]


def test_accept_offers_anything_and_the_first_choice_by_default() -> None:
    operation = predict_of(swagger(MEDIA), "media")
    assert operation["produces"] == [*CHOICES, "*/*"]
    (accept,) = operation["parameters"]
    assert accept["enum"] == [*CHOICES, "*/*"]
    assert accept["default"] == JSON
    assert operation["responses"]["200"]["schema"] == {"$ref": "#/definitions/Prediction"}


def test_the_answer_of_the_only_model_has_the_plain_name() -> None:
    document = swagger(UPLOAD)
    schema = {"$ref": "#/definitions/ModelPredictionResponse"}
    assert predict_of(document, "upload")["responses"]["200"]["schema"] == schema
    assert document["definitions"]["ModelPredictionResponse"]["properties"] == {
        "status": {"type": "string"},
        "size": {"type": "integer", "format": "int32"},
    }


def test_answers_of_several_models_have_their_own_names() -> None:
    document = swagger(MEDIA, UPLOAD, NESTED)
    names = {n: predict_of(document, n)["responses"]["200"]["schema"]["$ref"] for n in ("upload", "nested")}
    assert names == {
        "upload": "#/definitions/ModelPredictionResponse",
        "nested": "#/definitions/ModelPredictionResponse_nested",
    }
    nested = document["definitions"]["ModelPredictionResponse_nested"]
    assert nested["properties"]["label"] == {"enum": ["a"]}
    assert nested["properties"]["at"] == {"$ref": "#/definitions/Point"}
    assert "predictions" in document["definitions"]["Prediction"]["properties"]


def test_a_model_without_answer_schema_answers_a_prediction() -> None:
    document = swagger(EVERYTHING)
    assert "ModelPredictionResponse" not in document["definitions"]
    known = {"Prediction", "ModelMeta", "Version", "Versions", "Failure", "Location"}
    assert known <= set(document["definitions"])


def test_a_wrapped_answer_shows_its_envelope() -> None:
    document = swagger(signature(answer={"type": "string"}))
    answer = document["definitions"]["ModelPredictionResponse"]
    assert answer["properties"]["predictions"] == {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": ["string", "null"]}, {"type": "string", "x-nullable": True}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "integer", "x-nullable": True}),
        (
            {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            {"x-anyOf": [{"type": "integer"}, {"type": "string"}]},
        ),
        ({"type": ["integer", "string"]}, {}),
        ({"const": 3}, {"enum": [3]}),
        ({"type": "string", "enum": ["a", None]}, {"type": "string", "enum": ["a"], "x-nullable": True}),
        (
            {"type": "number", "exclusiveMinimum": 0},
            {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        ),
        ({"exclusiveMaximum": 5, "maximum": 3}, {"maximum": 3}),
        ({"exclusiveMaximum": 3, "maximum": 3}, {"maximum": 3, "exclusiveMaximum": True}),
        ({"maximum": math.inf, "minimum": 0}, {"minimum": 0}),
        ({"examples": [1, 2]}, {"example": 1}),
        (
            {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
            {"type": "array", "items": {}, "maxItems": 1, "x-prefixItems": [{"type": "integer"}]},
        ),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"type": "array", "items": True}, {"type": "array", "items": {}}),
        ({"patternProperties": {"^a": {"type": "integer"}}}, {"additionalProperties": {"type": "integer"}}),
        ({"if": {"type": "integer"}, "then": {"minimum": 1}, "$comment": "x"}, {}),
        ({"$ref": "#/$defs/Gone", "description": "d"}, {"description": "d"}),
        ({"$ref": "#/$defs/A"}, {"$ref": "#/definitions/A"}),
        (
            {"$ref": "#/$defs/A", "description": "d"},
            {"allOf": [{"$ref": "#/definitions/A"}], "description": "d"},
        ),
        (
            {"anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}], "default": None},
            {"allOf": [{"$ref": "#/definitions/A"}], "x-nullable": True, "default": None},
        ),
        ({"type": "string", "contentEncoding": "base64"}, {"type": "string", "format": "byte"}),
        ({"type": "file"}, {}),
        ({"type": "integer", "default": "no"}, {"type": "integer"}),
        (True, {}),
    ],
)
def test_schemas_are_written_down_in_draft_4(schema: Any, expected: dict[str, Any]) -> None:
    answer = {"type": "object", "properties": {"value": schema}}
    model = signature(contract="typed", answer=answer, wrapped=False, definitions={"A": {"type": "string"}})
    document = swagger(model)
    assert document["definitions"]["ModelPredictionResponse"]["properties"]["value"] == expected
    jsonschema.Draft202012Validator.check_schema(
        predict_of(openapi(model))["responses"]["200"]["content"][JSON]["schema"]
    )


def test_an_enumeration_by_reference_is_inline_in_a_parameter() -> None:
    parameters = {p["name"]: p for p in predict_of(swagger(NESTED), "nested")["parameters"]}
    assert parameters["mode"] == {
        "in": "query",
        "name": "mode",
        "required": False,
        "type": "string",
        "enum": ["fast", "good"],
        "default": None,
        "x-nullable": True,
    }
    assert "point" not in parameters  # an object is no parameter of a query
    assert parameters["body"]["schema"]["properties"]["point"] == {"$ref": "#/definitions/Point"}
    assert parameters["body"]["in"] == "body"
    assert parameters["body"]["schema"]["properties"]["body"]["items"] == {"$ref": "#/definitions/Point"}


# OpenAPI 3.1
