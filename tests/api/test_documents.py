"""The API documents: complete from the signatures, valid, and as DEEPaaS's clients parse them."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV31SpecValidator

from modelport.api.documents import STATIC_DIR
from modelport.api.documents.openapi import openapi_document
from modelport.api.documents.pages import CONTENT_SECURITY_POLICY, redoc_page, swagger_page
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
    enabled = {"predict": predict, "train": train}
    document = openapi_document(signatures, base_path=base_path, version="1.2", **enabled)
    json.dumps(document, allow_nan=False)
    return document


def swagger(
    *signatures: Signature, base_path: str = "", predict: bool = True, train: bool = True
) -> dict[str, Any]:
    enabled = {"predict": predict, "train": train}
    document = swagger_document(signatures, base_path=base_path, version="1.2", **enabled)
    json.dumps(document, allow_nan=False)
    return document


def predict_of(document: dict[str, Any], name: str = "model") -> dict[str, Any]:
    return document["paths"][f"/v2/models/{name}/predict/"]["post"]


def errors_of(document: dict[str, Any]) -> list[str]:
    validator = OpenAPIV2SpecValidator if "swagger" in document else OpenAPIV31SpecValidator
    return [f"{list(e.absolute_path)}: {e.message[:300]}" for e in validator(document).iter_errors()]


def without_habits(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the two habits of DEEPaaS that Swagger's own rules forbid."""

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
    return copy


# Swagger 2.0


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


def test_every_path_stands_in_both_documents() -> None:
    expected = {"/", "/v2/", "/v2/health/live", "/v2/health/ready", "/v2/models/", "/v2/debug/"}
    own = ("", "ready", "predict/", "train/", "train/{uuid}", "validate/", "validate/{uuid}")
    expected |= {f"/v2/models/upload/{path}" for path in own}
    of_jobs = ("", "/events", "/log", "/metrics", "/artifacts/", "/artifacts/{name}", "/result", "/retry")
    of_runs = ("runs", "runs/{run_id}", "runs/{run_id}/predict", "params", "params/{param}", "performance")
    of_versions = ("versions", "versions/{version}", "versions/{version}/predict/", "aliases")
    of_live = ("aliases/{alias}", "rollback", "promotions", "traffic")
    expected |= {f"/v2/models/upload/{path}" for path in (*of_runs, *of_versions, *of_live)}
    expected |= {"/v2/jobs", *(f"/v2/jobs/{{job}}{path}" for path in of_jobs)}
    assert set(openapi(UPLOAD)["paths"]) == set(swagger(UPLOAD)["paths"]) == expected


def test_paths_stand_under_the_base_path_as_deepaas_has_them() -> None:
    for document in (openapi(UPLOAD, base_path="/base/"), swagger(UPLOAD, base_path="base")):
        assert all(path == "/base" or path.startswith("/base/v2/") for path in document["paths"])
        assert "/base" in document["paths"]


def test_every_argument_stands_in_the_query_and_in_every_body() -> None:
    operation = predict_of(openapi(EVERYTHING), "arguments")
    names = [argument.name for argument, _ in ARGUMENTS]
    from_text = [name for name in names if name != "options"]  # webargs reads no mapping from text
    assert [p["name"] for p in operation["parameters"]] == from_text
    content = operation["requestBody"]["content"]
    assert list(content[JSON]["schema"]["properties"]) == names
    assert list(content[URLENCODED]["schema"]["properties"]) == from_text
    assert list(content[MULTIPART]["schema"]["properties"]) == from_text
    assert content[JSON]["schema"]["required"] == ["text"]
    assert operation["requestBody"]["required"] is False  # `text` may come by the query string


def test_files_stand_in_multipart_only_and_make_it_required() -> None:
    operation = predict_of(openapi(UPLOAD), "upload")
    body = operation["requestBody"]
    assert body["required"] is True
    assert list(body["content"]) == [MULTIPART]  # no other body can hold the file that is needed
    properties = body["content"][MULTIPART]["schema"]["properties"]
    assert list(properties) == ["data", "more", "note", "only-form"]
    assert properties["data"] == {"type": "string", "format": "binary", "description": "Data file."}
    assert properties["more"]["items"] == {"type": "string", "format": "binary"}
    places = {p["name"]: p["in"] for p in operation["parameters"]}
    assert places == {"note": "query", "X-Mode": "header"}


def test_a_default_is_not_sent_twice() -> None:
    operation = predict_of(openapi(UPLOAD), "upload")
    (note,) = (p for p in operation["parameters"] if p["name"] == "note")
    assert note["schema"] == {"type": "string"}
    assert note["description"] == '(default: "none")'
    assert operation["requestBody"]["content"][MULTIPART]["schema"]["properties"]["note"]["default"] == "none"


def test_answers_stand_under_their_media_types() -> None:
    content = predict_of(openapi(MEDIA), "media")["responses"]["200"]["content"]
    assert list(content) == CHOICES
    assert content[JSON]["schema"] == {"$ref": "#/components/schemas/Prediction"}
    bare = predict_of(openapi(NESTED), "nested")["responses"]["200"]["content"][JSON]["schema"]
    assert bare == {"$ref": "#/components/schemas/Prediction_nested"}


def test_answers_fit_what_the_document_says() -> None:
    document = openapi(NESTED)
    answers = predict_of(document, "nested")["responses"]["200"]["content"][JSON]["schema"]
    validator = jsonschema.Draft202012Validator(document | answers)
    assert validator.is_valid({"label": "a", "at": {"x": 1, "next": {"x": 2}}})
    assert not validator.is_valid({"label": "b"})
    errors = jsonschema.Draft202012Validator(document | {"$ref": "#/components/schemas/ArgumentErrors"})
    assert errors.is_valid({"text": ["Missing."], "numbers": {"1": ["Not a valid integer."]}})
    assert not errors.is_valid({"text": "Missing."})


@pytest.mark.parametrize("make", [openapi, swagger])
def test_every_error_is_told(make: Any) -> None:
    answers = predict_of(make(UPLOAD), "upload")["responses"]
    told = {"400", "404", "405", "406", "408", "413", "414", "415", "422", "431", "500", "501", "503"}
    told |= {"504", "507"}
    assert set(answers) == told | {"200"}
    disabled = predict_of(make(UPLOAD, predict=False), "upload")["responses"]
    assert "402" in disabled
    assert "200" not in disabled
    assert "200" not in predict_of(make(EMPTY), "empty")["responses"]


def test_errors_are_problems_and_field_maps() -> None:
    answers = openapi(UPLOAD)["components"]["responses"]
    problem = {"schema": {"$ref": "#/components/schemas/Failure"}}
    assert answers["InternalError"]["content"] == {"application/problem+json": problem}
    assert list(answers["InvalidArguments"]["content"]) == [JSON]
    assert "Retry-After" in answers["Unavailable"]["headers"]
    assert "Allow" in answers["MethodNotAllowed"]["headers"]


@pytest.mark.parametrize("make", [openapi, swagger])
def test_trainings_take_the_arguments_of_train_and_answer_with_a_training(make: Any) -> None:
    train = Operation(implemented=True, arguments=[Argument(name="epochs", schema={"type": "integer"})])
    model = Signature(name="m", contract="deepaas", metadata={}, train=train)
    paths = make(model)["paths"]
    start = paths["/v2/models/m/train/"]["post"]
    assert {"epochs", "Idempotency-Key"} <= {parameter["name"] for parameter in start["parameters"]}
    assert "Training" in str(start["responses"]["200"])
    assert set(paths["/v2/models/m/train/{uuid}"]) == {"get", "delete"}
    for method in paths["/v2/models/m/train/{uuid}"].values():
        assert [p["name"] for p in method["parameters"] if p["in"] == "path"] == ["uuid"]
    disabled = make(model, train=False)["paths"]["/v2/models/m/train/"]["post"]["responses"]
    assert "402" in disabled
    assert "200" not in disabled


# Both


@pytest.mark.parametrize("signatures", [[s] for s in ALL] + [ALL, []], ids=lambda s: str(len(s)))
def test_both_documents_are_valid(signatures: list[Signature]) -> None:
    assert errors_of(openapi(*signatures)) == []
    assert errors_of(without_habits(swagger(*signatures))) == []


def test_two_models_may_give_one_name_to_two_things() -> None:
    def model(name: str, kind: str) -> Signature:
        answer = {"type": "object", "properties": {"x": {"$ref": "#/$defs/X"}}}
        return signature(name, answer=answer, definitions={"X": {"type": kind}}, contract="typed")

    for document in (
        openapi(model("a", "string"), model("b", "integer")),
        swagger(model("a", "string"), model("b", "integer")),
    ):
        schemas = document.get("definitions") or document["components"]["schemas"]
        assert schemas["X"] == {"type": "string"}
        assert schemas["X_b"] == {"type": "integer"}


def test_definitions_within_a_schema_are_found() -> None:
    schema = {
        "$defs": {"In ner": {"type": "array", "items": {"$ref": "#/$defs/In ner"}}},
        "$ref": "#/$defs/In%20ner",
    }
    model = signature(arguments=[Argument(name="tree", location="json", schema=schema)])
    document = openapi(model)
    assert document["components"]["schemas"]["In_ner"]["items"] == {"$ref": "#/components/schemas/In_ner"}
    assert errors_of(document) == []
    assert errors_of(without_habits(swagger(model))) == []


def test_odd_model_names_make_valid_paths_and_ids() -> None:
    models = [signature(name) for name in ("a b", "a/b", "ż{x}", "a_b")]
    for document in (openapi(*models), swagger(*models)):
        assert errors_of(document) == []
        assert "/v2/models/a%2Fb/predict/" in document["paths"]


def test_a_reference_that_turns_in_a_circle_constrains_nothing() -> None:
    model = signature(
        arguments=[Argument(name="a", schema={"$ref": "#/$defs/A"})], definitions={"A": {"$ref": "#/$defs/A"}}
    )
    openapi(model)
    assert predict_of(swagger(model))["parameters"][0]["type"] == "string"


NAMES = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=8)
DEFINED = ("One", "Prediction", "Un·named")
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.booleans(),
    st.sampled_from([{"$ref": f"#/$defs/{name}"} for name in (*DEFINED, "missing")]),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number", ["integer", "null"], "file", ["number", "string"]])},
        optional={
            "minimum": st.floats(),
            "exclusiveMaximum": st.integers(),
            "multipleOf": st.integers(-1, 3),
            "default": st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=2)),
            "description": st.one_of(st.text(max_size=5), st.integers()),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", ["string", "null"], "null"])},
        optional={
            "enum": st.lists(
                st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.integers()), max_size=4
            ),
            "const": st.text(max_size=2),
            "minLength": st.integers(-1, 3),
            "maxLength": st.floats(),
            "examples": st.lists(st.text(max_size=2), max_size=2),
            "default": st.one_of(st.none(), st.text(max_size=3), st.lists(st.integers(), max_size=1)),
        },
    ),
)


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arrays = {"type": st.just("array"), "items": inner}
    objects = {"type": st.just("object"), "properties": st.dictionaries(NAMES, inner, max_size=2)}
    return st.one_of(
        st.fixed_dictionaries(arrays, optional={"minItems": st.integers(0, 2), "uniqueItems": st.booleans()}),
        st.fixed_dictionaries(objects, optional={"additionalProperties": inner, "required": st.lists(NAMES)}),
        st.fixed_dictionaries({"anyOf": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"oneOf": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries(
            {"anyOf": st.tuples(inner, st.just({"type": "null"})).map(list), "default": st.none()}
        ),
        st.fixed_dictionaries({"allOf": st.lists(inner, max_size=2), "not": inner}),
        st.fixed_dictionaries({"prefixItems": st.lists(inner, max_size=2), "items": st.booleans()}),
        st.fixed_dictionaries({"patternProperties": st.dictionaries(st.just("^a"), inner), "if": inner}),
        st.fixed_dictionaries({"$defs": st.dictionaries(st.sampled_from(DEFINED), inner), "items": inner}),
    )


SCHEMAS = st.recursive(LEAVES, _deeper, max_leaves=4).map(lambda s: s if isinstance(s, dict) else {"not": s})
SIGNATURES = st.builds(
    Signature,
    name=NAMES,
    contract=st.sampled_from(["deepaas", "typed"]),
    metadata=st.dictionaries(st.sampled_from(["name", "description"]), st.one_of(st.none(), st.text())),
    predict=st.builds(
        Operation,
        implemented=st.booleans(),
        arguments=st.lists(
            st.builds(
                Argument,
                name=NAMES,
                schema=SCHEMAS,
                required=st.booleans(),
                kind=st.sampled_from(["value", "value", "file", "files", "accept"]),
                location=st.sampled_from(["any", "any", "query", "form", "json", "headers", "files"]),
                delimiter=st.sampled_from([None, None, ","]),
            ),
            max_size=4,
            unique_by=lambda a: a.name,
        ),
        answer=st.one_of(st.none(), SCHEMAS),
        wrapped=st.booleans(),
        media_types=st.lists(st.sampled_from([JSON, "*/*", "image/png", "text/event-stream"]), max_size=3),
        streams=st.booleans(),
    ),
    # A definition may hold itself, but only inside an object: otherwise it never ends.
    definitions=st.dictionaries(
        st.sampled_from(DEFINED),
        SCHEMAS.map(lambda s: {"type": "object", "properties": {"p": s}}),
        max_size=2,
    ),
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(SIGNATURES, max_size=2, unique_by=lambda s: s.name), st.booleans())
def test_any_signature_gives_valid_documents(signatures: list[Signature], predict: bool) -> None:
    assert errors_of(openapi(*signatures, predict=predict)) == []
    assert errors_of(without_habits(swagger(*signatures, predict=predict))) == []


# The pages


@pytest.mark.parametrize("page", [swagger_page, redoc_page])
@pytest.mark.parametrize("base_path", ["", "/base", "base/"])
def test_a_page_asks_for_nothing_outside_and_runs_nothing_inline(page: Any, base_path: str) -> None:
    html = page(base_path=base_path, document="/openapi.json", title="<b>&")
    base = f"/{base_path.strip('/')}" if base_path else ""
    assert f'data-url="{base}/openapi.json"' in html
    assert "<title>&lt;b&gt;&amp;</title>" in html
    assert "//" not in html.replace("<!DOCTYPE html>", "")
    assert not re.search(r"<script[^>]*>[^<]|<style|\son\w+=|\sstyle=", html)
    assets = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(assets) >= 4
    for asset in assets:
        assert asset.startswith(f"{base}/static/")
        assert (STATIC_DIR / asset.removeprefix(f"{base}/static/")).is_file()
    assert "'unsafe-inline'" not in CONTENT_SECURITY_POLICY.split("style-src")[0]


def test_the_vendored_scripts_fetch_nothing_from_outside() -> None:
    redoc = (STATIC_DIR / "redoc" / "redoc.standalone.js").read_text(encoding="utf-8")
    assert "cdn.redoc" not in redoc
    assert "fonts.googleapis" not in redoc
    assert "validatorUrl: null" in (STATIC_DIR / "swagger" / "page.js").read_text(encoding="utf-8")
    for licence in ("swagger/LICENSE", "swagger/NOTICE", "redoc/LICENSE", "README.md"):
        assert (STATIC_DIR / licence).stat().st_size > 0
