"""The envelope: what stands in it, what is left out of it, and that nothing has one without the setting."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import serving
from lesson_site import KEYS, lesson_serving, unwrapped


@pytest.fixture(scope="module")
def does() -> Iterator[httpx.Client]:
    with lesson_serving("Does") as server:
        yield server.client


@pytest.fixture(scope="module")
def below() -> Iterator[httpx.Client]:
    with lesson_serving("Does", "--base-path", "/ml") as server:
        server.client.base_url = server.url.removesuffix("/ml")
        yield server.client


@pytest.mark.parametrize("path", ["/", "/health", "/health/", "/info"])
def test_what_a_resource_answers_is_the_data_of_an_envelope(path: str, does: httpx.Client) -> None:
    data = unwrapped(does.get(path), 200)
    assert {"/": "versions", "/info": "model_info"}.get(path, "status") in data


def test_the_url_is_the_clients_own(does: httpx.Client, below: httpx.Client) -> None:
    url = "/health?filter=overall&a=%20%C3%BC&b=é"
    assert unwrapped(does.get(url), 200)
    assert unwrapped(below.get(f"/ml{url}"), 200)
    answer = does.get("/health", headers={"Host": "models.localhost:8080"})
    assert answer.json()["url"] == "http://models.localhost:8080/health"


def test_a_client_without_a_host_is_told_the_servers_address(does: httpx.Client) -> None:
    place = urlsplit(str(does.base_url))
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(b"GET /health?a=1 HTTP/1.0\r\n\r\n")
        answer = connection.makefile("rb").read()
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["url"] == f"http://{place.netloc}/health?a=1"


def test_the_root_below_a_base_path_has_the_envelope_too(below: httpx.Client) -> None:
    for path in ("/ml", "/ml/", "/ml/info"):
        assert unwrapped(below.get(path), 200)
    assert unwrapped(below.post("/ml/predict", json={"what": "object"}), 200) == {"label": "a", "n": 1.0}
    assert unwrapped(below.get("/ml/nowhere"), 404, "detail")
    assert below.get("/ml/v2").json()["id"] == "v2"
    assert below.get("/elsewhere").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v2", "/v2/models", "/v2/health/ready", "/openapi.json", "/swagger.json"])
def test_the_other_api_and_the_documents_have_none(path: str, does: httpx.Client) -> None:
    assert "status-code" not in does.get(path).json()


def test_their_errors_have_none(does: httpx.Client) -> None:
    for answer in (does.get("/v2/nowhere"), does.post("/docs"), does.get("/static/nothing.js")):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"]
    assert does.post("/v2/models/Does/predict", json={"ratio": 5}).json() == {
        "ratio": ["Input should be less than 2"]
    }


def test_the_pages_are_pages(does: httpx.Client) -> None:
    for path in ("/docs", "/api", "/ui", "/redoc"):
        assert does.get(path).text.startswith("<!")


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/nowhere", 404, "there is nothing at this path"),
        ("GET", "/runs/abc/def/ghi", 404, "there is nothing at this path"),
        ("GET", "/predict", 405, "GET is not possible here; possible: POST"),
        ("DELETE", "/info", 405, "DELETE is not possible here; possible: GET"),
        ("GET", "/get-predict/abc", 404, "predictions are answered at once here"),
    ],
)
def test_an_error_has_the_envelope_and_the_detail(
    method: str, path: str, status: int, words: str, does: httpx.Client
) -> None:
    answer = does.request(method, path)
    assert unwrapped(answer, status, "detail").startswith(words)
    assert answer.headers["x-request-id"]
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["/", "/health", "/info"])
def test_the_head_of_an_answer_is_that_of_its_get(path: str, does: httpx.Client) -> None:
    head, whole = does.head(path), does.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.content))


def test_the_connection_goes_on_after_the_head_of_an_error(does: httpx.Client) -> None:
    connection = http.client.HTTPConnection(urlsplit(str(does.base_url)).netloc)
    connection.request("HEAD", "/nowhere")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (404, b"")
    connection.request("GET", "/health")
    assert json.loads(connection.getresponse().read())["status-code"] == 200
    connection.close()


def test_an_answer_without_a_body_has_none(does: httpx.Client) -> None:
    answer = does.options("/info")
    assert (answer.status_code, answer.content) == (204, b"")


def test_pages_of_other_origins_are_refused_in_the_envelope(does: httpx.Client) -> None:
    answer = does.post("/predict", json={}, headers={"Origin": "http://evil.example"})
    assert unwrapped(answer, 403, "detail")


def test_origins_that_are_allowed_read_the_envelope() -> None:
    with lesson_serving("Does", "--allow-origins", "http://good.example") as server:
        headers = {"Origin": "http://good.example"}
        answer = server.client.post("/predict", json={"what": "object"}, headers=headers)
        assert unwrapped(answer, 200) == {"label": "a", "n": 1.0}
        assert answer.headers["access-control-allow-origin"] == "http://good.example"


def test_without_the_setting_nothing_has_an_envelope() -> None:
    with serving.serving("Does=lesson_models:Does") as server:
        answers: list[Any] = [
            server.client.get(path).json() for path in ("/", "/health", "/info", "/nowhere", "/get-predict/a")
        ]
        answers.append(server.client.post("/predict", json={"what": "object"}).json())
        refused = server.client.post("/predict", json={"ratio": 5})
        assert not any(key in answer for answer in answers for key in ("status-code", "timestamp", "data"))
        assert answers[1] == {"status_code": 200, "status": 200}
        assert answers[-1] == {"predict_result": {"label": "a", "n": 1.0}}
        assert refused.json() == {
            "detail": [{"loc": ["ratio"], "msg": "Input should be less than 2", "type": "less_than"}],
            "predict_id": refused.headers["x-predict-id"],
        }


def test_the_keys_are_in_the_lessons_order(does: httpx.Client) -> None:
    assert list(json.loads(does.get("/").text)) == [*KEYS, "data"]
