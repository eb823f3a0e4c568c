"""The API documents of a server that speaks as the lesson: groups, examples, envelopes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
import serving
from lesson_site import lesson_serving
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV31SpecValidator

EXAMPLE = [
    {"text": "Transfer learning with transformers for self-supervised learning."},
    {"text": "Generative adversarial networks in both PyTorch and TensorFlow."},
]
PATHS = ["/predict", "/v2/models/Tags/predict/"]


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with lesson_serving("Tags") as server:
        yield server.client


@pytest.mark.parametrize("path", PATHS)
def test_the_example_of_the_payload_is_in_both_documents(path: str, client: httpx.Client) -> None:
    body = client.get("/openapi.json").json()["paths"][path]["post"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["examples"] == [{"texts": EXAMPLE}]
    operation = client.get("/swagger.json").json()["paths"][path]["post"]
    (given,) = (p for p in operation["parameters"] if p["in"] == "body")
    assert given["schema"]["example"] == {"texts": EXAMPLE}
    assert operation["consumes"] == ["application/json"]


def test_the_documents_are_valid(client: httpx.Client) -> None:
    assert list(OpenAPIV31SpecValidator(client.get("/openapi.json").json()).iter_errors()) == []
    errors = [e.message for e in OpenAPIV2SpecValidator(client.get("/swagger.json").json()).iter_errors()]
    assert [e for e in errors if not e.startswith("None ")] == []  # defaults of null are DEEPaaS's habit


@pytest.mark.parametrize("document", ["/openapi.json", "/swagger.json"])
def test_every_operation_is_in_a_group_that_is_described(document: str, client: httpx.Client) -> None:
    found = client.get(document).json()
    described = {tag["name"] for tag in found["tags"] if tag["description"]}
    used = {
        tag for path in found["paths"].values() for operation in path.values() for tag in operation["tags"]
    }
    assert used == described
    assert "lesson" in used
    assert "mlup" not in used
    assert all(operation["tags"] for path in found["paths"].values() for operation in path.values())


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/", None, 200),
        ("GET", "/health", None, 200),
        ("GET", "/info", None, 200),
        ("POST", "/predict", {"texts": [{"text": "a"}]}, 200),
        ("POST", "/predict", {"texts": []}, 422),
        ("POST", "/info", None, 405),
    ],
)
def test_an_answer_at_the_root_fits_its_schema(
    method: str, path: str, body: Any, status: int, client: httpx.Client
) -> None:
    document = client.get("/openapi.json").json()
    answer = client.request(method, path, json=body)
    assert answer.status_code == status
    operations = document["paths"][path]
    responses = next(iter(operations.values()))["responses"]
    schema = responses[str(status)]["content"]["application/json"]["schema"]
    assert "status-code" in document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]["required"]
    jsonschema.Draft202012Validator(document | schema).validate(answer.json())


def test_without_the_envelope_there_is_none_in_the_documents() -> None:
    with serving.serving("Tags=lesson_models:Tags") as server:
        for path in ("/openapi.json", "/swagger.json"):
            text = server.client.get(path).text
            assert "Envelope" not in text
            assert "PredictResult" in text
