"""Both API documents: complete from the signatures, and valid."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from documents_made import (
    ALL,
    ARGUMENTS,
    CHOICES,
    EMPTY,
    EVERYTHING,
    JSON,
    MEDIA,
    MULTIPART,
    NESTED,
    UPLOAD,
    URLENCODED,
    errors_of,
    openapi,
    predict_of,
    signature,
    swagger,
    without_habits,
)

from modelport.api.documents.listing import Served
from modelport.api.documents.openapi import openapi_document
from modelport.api.documents.root import RootApi
from modelport.contract.signature import Argument, Operation, Signature


def test_every_path_stands_in_both_documents() -> None:
    expected = {
        "/",
        "/health",
        "/mcp",
        "/v2/",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/",
        "/v2/debug/",
    }
    own = ("", "ready", "predict/", "predict/batch", "train/", "train/{uuid}", "validate/", "validate/{uuid}")
    expected |= {f"/v2/models/upload/{path}" for path in own}
    of_jobs = ("", "/events", "/log", "/metrics", "/artifacts/", "/artifacts/{name}", "/result", "/retry")
    of_runs = ("runs", "runs/{run_id}", "runs/{run_id}/predict", "params", "params/{param}", "performance")
    of_versions = ("versions", "versions/{version}", "versions/{version}/predict/", "aliases")
    of_live = ("aliases/{alias}", "rollback", "promotions", "traffic", "feedback", "monitoring", "payloads")
    of_any = ("signature", "log", "infer", "stats", "config", "trace/setting", "generate", "generate_stream")
    of_versions += tuple(
        f"versions/{{version}}/{path}"
        for path in ("infer", "stats", "config", "ready", "generate", "generate_stream")
    )
    expected |= {f"/v2/models/upload/{path}" for path in (*of_runs, *of_versions, *of_live, *of_any)}
    expected |= {"/v2/jobs", *(f"/v2/jobs/{{job}}{path}" for path in of_jobs)}
    of_repository = ("index", "models/{model}/load", "models/{model}/unload")
    expected |= {f"/v2/repository/{path}" for path in of_repository}
    expected |= {"/v2/audit", *(f"/v2/keys{path}" for path in ("", "/{key}", "/{key}/rotate"))}
    expected |= {f"/v2/{path}" for path in ("users", "users/{user}", "token", "login", "logout", "usage")}
    expected |= {f"/v2/{path}" for path in ("me", "me/password", "me/limits", "statistics")}
    of_memory = (
        "status",
        "unregister",
        *(f"region/{{region}}/{what}" for what in ("status", "register", "unregister")),
    )
    expected |= {f"/v2/{place}sharedmemory/{path}" for place in ("system", "cuda") for path in of_memory}
    expected |= {f"/v2/{path}" for path in ("models/stats", "trace/setting", "logging")}
    expected |= {f"/v1/{path}" for path in ("chat/completions", "completions", "embeddings", "responses")}
    expected |= {"/v1/models", *(f"/v1/models/{{model}}{verb}" for verb in ("", ":predict", ":explain"))}
    assert set(swagger(UPLOAD)["paths"]) == expected
    verbs = [verb for verb in ("train", "validate") if not getattr(UPLOAD, verb).implemented]
    idle = tuple(f"/v2/models/upload/{verb}/" for verb in verbs)  # DEEPaaS's document has them all the same
    assert set(openapi(UPLOAD)["paths"]) == {path for path in expected if not path.startswith(idle)}


def test_paths_stand_under_the_base_path_as_deepaas_has_them() -> None:
    for document in (openapi(UPLOAD, base_path="/base/"), swagger(UPLOAD, base_path="base")):
        at_root = {"/base", "/base/health", "/base/mcp"}
        beside = ("/base/v1/", "/base/v2/")
        assert all(path in at_root or path.startswith(beside) for path in document["paths"])
        assert "/base" in document["paths"]


def test_every_argument_stands_in_the_query_and_in_every_body() -> None:
    operation = predict_of(openapi(EVERYTHING), "arguments")
    names = [argument.name for argument, _ in ARGUMENTS]
    from_text = [name for name in names if name != "options"]  # webargs reads no mapping from text
    assert [p["name"] for p in operation["parameters"] if p["in"] == "query"] == from_text
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
    of_jobs = dict.fromkeys(("Prefer", "Idempotency-Key", "Job-Priority", "Job-Callback-Url"), "header")
    assert places == of_jobs | {"note": "query", "X-Mode": "header"}


def test_a_default_is_not_sent_twice() -> None:
    operation = predict_of(openapi(UPLOAD), "upload")
    (note,) = (p for p in operation["parameters"] if p["name"] == "note")
    assert note["schema"] == {"type": "string"}
    assert note["description"] == '(default: "none")'
    assert operation["requestBody"]["content"][MULTIPART]["schema"]["properties"]["note"]["default"] == "none"


def test_accept_stands_in_no_body_where_it_would_win_over_the_header_that_a_page_sends() -> None:
    operation = predict_of(openapi(MEDIA), "media")
    (accept,) = (p for p in operation["parameters"] if p["in"] == "query")
    assert (accept["name"], accept["in"], accept["required"]) == ("accept", "query", False)
    assert "default" not in accept["schema"]
    for body in operation.get("requestBody", {"content": {}})["content"].values():
        assert "accept" not in body["schema"]["properties"]


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
    told |= {"403", "417", "421", "429", "504", "507"}
    assert set(answers) - {"202"} == told | {"200"}
    assert ("202" in answers) == (make is openapi)  # by Prefer, which is not DEEPaaS's
    disabled = predict_of(make(UPLOAD, predict=False), "upload")["responses"]
    assert "402" in disabled
    assert "200" not in disabled
    assert "200" not in predict_of(make(EMPTY), "empty")["responses"]


def test_what_comes_before_a_request_is_looked_at_is_told_of_every_resource() -> None:
    root = RootApi("upload", "mlup", is_long=False)
    paths = openapi_document([UPLOAD], Served(root=root))["paths"]
    for path in paths.values():
        for method, one in path.items():
            assert {"408", "417", "421", "429", "431", "503"} <= set(one["responses"])
            assert ("403" in one["responses"]) == (method != "get")
    ready = paths["/v2/health/ready"]["get"]["responses"]["503"]
    assert list(ready["content"]) == ["application/problem+json", JSON]
    assert "Retry-After" in ready["headers"]
    predict = paths["/predict"]["post"]["responses"]
    own = {"schema": {"$ref": "#/components/schemas/PredictError"}}
    assert predict["403"]["content"] == {JSON: own}
    assert predict["503"]["content"][JSON] == own
    lesson = openapi_document([UPLOAD], Served(root=root._replace(dialect="lesson")))
    enveloped = lesson["paths"]["/predict"]["post"]["responses"]
    assert enveloped["421"]["content"] == {JSON: {"schema": {"$ref": "#/components/schemas/ErrorEnvelope"}}}
    assert "application/problem+json" in enveloped["503"]["content"]


def test_errors_are_problems_and_field_maps() -> None:
    answers = openapi(UPLOAD)["components"]["responses"]
    problem = {"schema": {"$ref": "#/components/schemas/Failure"}}
    assert answers["InternalError"]["content"] == {"application/problem+json": problem}
    assert list(answers["InvalidArguments"]["content"]) == [JSON, "application/problem+json"]
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
