"""The resources of the V2 API, its methods and paths, and the settings that change it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from serving import Server, serving
from v2_target import Predict, predictions, problem

from modelport.contract.kinds import NOT_A_FILE

VERSION = {
    "version": "stable",
    "id": "v2",
    "links": [{"rel": "self", "type": "application/json", "href": "/v2/"}],
}
READ = ["/", "/v2/", "/v2/models/", "/v2/models/old/", "/v2/debug/", "/health", "/v2/health/live",
        "/v2/health/ready", "/v2/models/old/ready", "/openapi.json", "/swagger.json", "/docs", "/api", "/ui",
        "/redoc", "/v2/models/old/train/"]  # fmt: skip


def test_versions(site: Server) -> None:
    answer = site.client.get("/")
    assert answer.json() == {
        "versions": [VERSION],
        "links": [
            {"rel": "help", "type": "text/html", "href": "/api"},
            {"rel": "describedby", "type": "application/json", "href": "/swagger.json"},
        ],
    }
    shown = site.client.get("/v2/").json()
    assert shown.pop("name") == "modelport"
    assert "binary_tensor_data" in shown.pop("extensions")
    assert shown == VERSION


def test_models_are_listed_in_order_with_their_metadata(site: Server) -> None:
    listed = site.client.get("/v2/models/").json()["models"]
    assert [model["name"] for model in listed][:3] == ["old", "new", "whole"]
    for model in listed:
        name = model["name"]
        assert list(model)[:3] == ["id", "name", "links"]
        assert model["links"] == [{"rel": "self", "href": f"/v2/models/{name}"}]
        assert site.client.get(f"/v2/models/{name}/").json() == model


@pytest.mark.parametrize("path", READ)
def test_slashes_head_and_options(site: Server, path: str) -> None:
    """A trailing slash never matters, HEAD is GET without its body, OPTIONS says what is possible."""
    bare = path.rstrip("/") or "/"
    answers = [site.client.get(p) for p in (bare, bare.rstrip("/") + "/", bare.rstrip("/") + "//")]
    first = answers[0]
    assert first.status_code == (204 if "debug" in path else 200)
    assert {a.status_code for a in answers} == {first.status_code}
    if "debug" not in path and "health" not in path:
        assert {a.content for a in answers} == {first.content}
    head = site.client.head(bare)
    assert (head.status_code, head.content) == (first.status_code, b"")
    assert head.headers.get("content-type") == first.headers.get("content-type")
    options = site.client.options(bare)
    if path == "/health":  # as mlup has it, OPTIONS is a probe too
        assert options.json() == {"status_code": 200, "status": 200}
        return
    assert (options.status_code, options.content) == (204, b"")
    assert {"GET", "HEAD"} <= set(options.headers["allow"].split(", "))


@pytest.mark.parametrize(
    "path", ["/v2/models/old/predict", "/v2/models/old/predict/", "/v2/models/old/predict//"]
)
def test_a_prediction_is_never_redirected(site: Server, path: str) -> None:
    answer = site.client.post(path, json={"count": 4})
    assert predictions(answer)["count"] == "int 4"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v2/models/old/predict/", {"POST"}),
        ("PUT", "/v2/models/old/predict/", {"POST"}),
        ("HEAD", "/v2/models/old/predict/", {"POST"}),
        ("POST", "/v2/models/", {"GET", "HEAD"}),
        ("DELETE", "/v2/models/old/", {"GET", "HEAD"}),
        ("PUT", "/v2/models/old/train/", {"GET", "HEAD", "POST"}),
        ("POST", "/v2/models/old/train/abc", {"GET", "HEAD", "DELETE"}),
        ("POST", "/health", {"GET", "HEAD", "OPTIONS"}),
        ("PATCH", "/", {"GET", "HEAD"}),
    ],
)
def test_a_wrong_method_is_405_with_allow(site: Server, method: str, path: str, allowed: set[str]) -> None:
    answer = site.client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed
    if method == "HEAD":
        assert answer.content == b""
    else:
        problem(answer, 405)


def test_options_of_a_prediction(site: Server) -> None:
    answer = site.client.options("/v2/models/old/predict/")
    assert (answer.status_code, answer.headers["allow"]) == (204, "POST")


@pytest.mark.parametrize("path", ["/nothing", "/v2/nothing", "/v2/models/nobody/", "/v2/models/nobody/train/",
                                  "/v2/models/nobody/ready", "/v2/models/old/nothing"])  # fmt: skip
def test_what_is_not_there_is_404(site: Server, path: str) -> None:
    problem(site.client.get(path), 404)


def test_probes(site: Server) -> None:
    assert site.client.get("/health").json() == {"status_code": 200, "status": 200}
    assert site.client.get("/v2/health/live").json() == {"live": True}
    body = site.client.get("/v2/health/ready").json()
    assert body["ready"] is True
    assert body["models"]["old"]["state"] == "ready"
    assert site.client.get("/v2/models/old/ready").json() == {"name": "old", "ready": True}


def test_trainings_before_there_are_any(site: Server) -> None:
    assert site.client.get("/v2/models/old/train/").json() == []
    problem(site.client.post("/v2/models/old/train/"), 501)
    problem(site.client.get("/v2/models/old/train/00000000-0000-0000-0000-000000000005"), 404)


def test_the_debug_endpoint_is_off(site: Server) -> None:
    answer = site.client.get("/v2/debug/")
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_page_of_another_origin_may_not_call(predict: Predict) -> None:
    problem(predict("old", headers={"Origin": "http://elsewhere.example"}), 403)


def test_a_url_is_no_file_where_urls_are_not_allowed_and_text_where_it_is_text(predict: Predict) -> None:
    link = "http://127.0.0.1:1/x"
    assert predict("files", data={"file": link}).json() == {"file": [NOT_A_FILE]}
    assert predictions(predict("new", json={"text": "a", "link": link}))["link"] == f"str {link}"


# -- other settings --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def closed() -> Iterator[Server]:
    options = ("--base-path", "/base/", "--no-predict-endpoint", "--no-train-endpoint", "--no-doc-endpoint")
    with serving("first=webargs_models:FirstVersion", *options) as server:
        server.client.base_url = re.sub("/base/?$", "", server.url)
        yield server


def test_a_base_path(closed: Server) -> None:
    assert closed.client.get("/base").json() == closed.client.get("/base/").json()
    version = closed.client.get("/base/v2/").json()
    assert version["links"][0]["href"] == "/base/v2/"
    [model] = closed.client.get("/base/v2/models/").json()["models"]
    assert model["links"] == [{"rel": "self", "href": "/base/v2/models/first"}]
    for path in ("/v2/models/", "/health", "/", "/basement/v2"):
        problem(closed.client.get(path), 404)
    for path in ("model", "v2/model"):
        said = closed.client.get(f"/base/{path}").json()["detail"]
        assert said.endswith("; did you mean '/base/v2/models'? /base/openapi.json lists what there is"), path
    swagger = closed.client.get("/base/swagger.json").json()
    paths = [swagger.get("basePath", "").rstrip("/") + path for path in swagger["paths"]]
    assert "/base/v2/models/first/" in paths
    assert all(path == "/base" or path.startswith("/base/") for path in paths)


@pytest.mark.parametrize("path", ["predict/", "train/"])
def test_an_endpoint_that_is_switched_off_is_402(closed: Server, path: str) -> None:
    problem(closed.client.post(f"/base/v2/models/first/{path}"), 402)
    if path == "train/":
        problem(closed.client.get("/base/v2/models/first/train/"), 402)


def test_pages_that_are_switched_off_are_404(closed: Server) -> None:
    for page in ("docs", "api", "ui", "redoc"):
        problem(closed.client.get(f"/base/{page}"), 404)
    assert "help" not in [link["rel"] for link in closed.client.get("/base/").json()["links"]]
    assert closed.client.get("/base/openapi.json").status_code == 200


RETURNS = ("returns=returning_models:Returns", "raises=returning_models:Raises")


@pytest.fixture(scope="module")
def open_server() -> Iterator[Server]:
    models = (*RETURNS, "measures=typed_models:Measures", "events=returning_models:Events")
    options = (
        "--allow-nan",
        "--hide-model-errors",
        "--debug-endpoint",
        "--allow-origins",
        "http://a.example",
    )
    with serving(*models, *options) as server:
        yield server


def test_nan_where_it_is_allowed(open_server: Server) -> None:
    answer = open_server.client.post("/v2/models/returns/predict/", params={"what": "nan"})
    assert answer.text == '{"status":"OK","predictions":{"a":NaN,"b":[Infinity,-Infinity]}}'
    answer = open_server.client.post("/v2/models/returns/predict/", params={"what": "keys"})
    assert list(answer.json()["predictions"]) == ["1", "(1, 2)", "null", "2020-02-29"]
    answer = open_server.client.post("/v2/models/measures/predict/", json={"number": -1})
    assert answer.text == "NaN"


def test_messages_that_are_hidden(open_server: Server) -> None:
    answer = open_server.client.post("/v2/models/raises/predict/", params={"how": "value"})
    assert problem(answer, 500)["detail"] == "the model failed"
    open_server.wait_for_log("a secret is 42")
    answer = open_server.client.post("/v2/models/raises/predict/", params={"how": "ours"})
    assert answer.reason_phrase == "no tea"


def test_messages_in_a_stream_are_hidden_too(open_server: Server) -> None:
    answer = open_server.client.post("/v2/models/events/predict/", params={"fail": "true"})
    assert "event: error\n" in answer.text
    assert "secret" not in answer.text


def test_the_debug_endpoint_shows_what_the_models_print(open_server: Server) -> None:
    open_server.client.post("/v2/models/raises/predict/", params={"how": "broken"})
    open_server.wait_for_log("about to raise broken")
    answer = open_server.client.get("/v2/debug/")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "about to raise broken\n" in answer.text
    assert "to stderr\n" in answer.text
    assert "--- DEBUG MARKER" in answer.text


def test_cors(open_server: Server) -> None:
    origin = {"Origin": "http://a.example"}
    path = "/v2/models/returns/predict/"
    preflight = open_server.client.options(path, headers=origin | {"Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "http://a.example"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    answer = open_server.client.post(path, params={"what": "str"}, headers=origin)
    assert predictions(answer) == "just text"
    assert answer.headers["access-control-allow-origin"] == "http://a.example"
    answer = open_server.client.post(path, params={"what": "str"}, headers={"Origin": "http://b.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("what", "text"),
    [("dict", "{'a': 1, 'b': [1.5, None, True], 'c': {'d': 'é ☃'}}"), ("str", "just text"), ("none", "None")],
)
def test_stringified_predictions(stringifying: Server, what: str, text: str) -> None:
    answer = stringifying.client.post("/v2/models/returns/predict/", params={"what": what})
    assert answer.json() == {"status": "OK", "predictions": text}


@pytest.fixture(scope="module")
def stringifying() -> Iterator[Server]:
    options = ("--stringify-predictions", "--allow-url-inputs", "--queue-size", "1", "--timeout", "1.5")
    models = ("returns=returning_models:Returns", "slow=returning_models:Slow", "files=typed_models:Files")
    with serving(*models, *options) as server:
        yield server


def test_a_private_address_is_refused_where_urls_are_allowed(stringifying: Server) -> None:
    path = "/v2/models/files/predict/"
    address = stringifying.url + "/v2/"
    for request in ({"params": {"file": address}}, {"data": {"file": address}}, {"json": {"file": address}}):
        answer = stringifying.client.post(path, **request)
        assert answer.status_code == 422, answer.text
        assert list(answer.json()) == ["file"]


def test_a_full_queue_is_503_and_a_passed_deadline_504(stringifying: Server, tmp_path: Path) -> None:
    mark = tmp_path / "begun"
    os.mkfifo(mark)
    path = "/v2/models/slow/predict/"

    def call(**arguments: str) -> httpx.Response:
        return httpx.post(f"{stringifying.url}{path}", params=arguments, timeout=60)

    def crowd() -> list[httpx.Response]:
        with ThreadPoolExecutor(4) as threads:
            first = threads.submit(call, seconds="60", mark=str(mark))
            mark.read_text()  # it has begun, so the queue is empty again
            others = [threads.submit(call) for _ in range(3)]
            assert first.result().status_code == 504
            return [first.result(), *(other.result() for other in others)]

    for _ in range(10):  # until they have come before the deadline of the first
        answers = crowd()
        if 503 in [answer.status_code for answer in answers]:
            break
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[:2] in ([200, 503], [503, 503])
    for answer in answers:
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
            problem(answer, 503)
        elif answer.status_code == 504:
            problem(answer, 504)
    stringifying.client.post(path).raise_for_status()
