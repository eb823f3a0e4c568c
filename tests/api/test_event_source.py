"""Predictions by GET, for a browser's EventSource: of models that stream, by the same door as a POST."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from serving import Server
from v2_target import problem

COUNTS = "/v2/models/counts/predict"
EVENTS = {"Accept": "text/event-stream"}
END = "event: end\nid: modelport-end\ndata:\n\n"
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
)


def get(site: Server, path: str, **headers: str) -> httpx.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return site.client.get(path, headers=EVENTS | fields)


@pytest.mark.parametrize("path", [COUNTS, f"{COUNTS}/", "/v2/models/counts/versions/0/predict"])
def test_a_stream_can_be_had_by_get(site: Server, path: str) -> None:
    answer = get(site, f"{path}?n=2")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.text == "data: 0\n\ndata: 1\n\n" + END
    posted = site.client.post(path, params={"n": "2"}, headers=EVENTS)
    assert posted.text + END == answer.text


def test_an_event_source_that_asks_again_is_told_to_stop(site: Server) -> None:
    answer = get(site, f"{COUNTS}?n=2", Last_Event_ID="modelport-end")
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_stream_that_fails_ends_too(site: Server) -> None:
    text = get(site, f"{COUNTS}?n=9").text
    assert "event: error\ndata: " in text
    assert text.endswith(END)


def test_other_forms_of_the_stream_have_no_such_end(site: Server) -> None:
    assert get(site, f"{COUNTS}?n=2", Accept="application/x-ndjson").text == "0\n1\n"
    assert get(site, f"{COUNTS}?n=2", Accept="application/json").json() == [0, 1]


@pytest.mark.parametrize("path", [COUNTS, "/v2/models/counts/versions/0/predict"])
def test_errors_of_a_get_are_those_of_a_post(site: Server, path: str) -> None:
    assert get(site, path).json() == {"n": ["Missing data for required field."]}
    assert get(site, f"{path}?n=x").status_code == 422
    assert get(site, f"{path}?n=1&m=2").json() == {"m": ["Unknown argument; there is: n."]}
    answer = site.client.request("GET", path, json={"n": 2}, headers=EVENTS)
    assert "send a body by POST" in problem(answer, 400)["detail"]


def test_a_get_never_becomes_a_job(site: Server) -> None:
    before = site.client.get("/v2/jobs").json()["jobs"]
    answer = get(site, f"{COUNTS}?n=1", Prefer="respond-async", Idempotency_Key="a")
    assert answer.text == "data: 0\n\n" + END
    assert get(site, f"{COUNTS}?n=1&priority=5").status_code == 422
    assert site.client.get("/v2/jobs").json()["jobs"] == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
@pytest.mark.parametrize("version", ["", "/versions/0"])
def test_only_a_model_that_streams_is_asked_so(site: Server, method: str, version: str) -> None:
    answer = site.client.request(method, f"/v2/models/measures{version}/predict?number=1")
    assert answer.status_code == (204 if method == "OPTIONS" else 405)
    allowed = answer.headers["allow"].split(", ")
    assert "POST" in allowed
    assert "HEAD" not in allowed
    assert "GET" not in allowed
    with_body = site.client.request(method, f"/v2/models/measures{version}/predict", json={"number": 1})
    assert with_body.status_code == answer.status_code
    if method != "GET":
        answer = site.client.request(method, f"/v2/models/counts{version}/predict?n=1")
        assert (answer.headers["allow"], answer.status_code) == (
            "GET, POST",
            204 if method == "OPTIONS" else 405,
        )


@pytest.mark.parametrize("path", [COUNTS, f"{COUNTS}//", "/v2/models/counts/versions/0/predict/"])
@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Referer": "http://evil.example/page", "User_Agent": CHROME},
        {"User_Agent": CHROME},
        {"User_Agent": CHROME, "Referer": "about:blank"},
    ],
    ids=repr,
)
def test_a_page_of_another_origin_may_not_ask(site: Server, path: str, page: dict[str, str]) -> None:
    problem(get(site, f"{path}?n=1", **page), 403)


def test_pages_of_this_server_may_ask(site: Server) -> None:
    for page in (
        {"Sec_Fetch_Site": "same-origin", "User_Agent": CHROME},
        {"Sec_Fetch_Site": "none", "User_Agent": CHROME},
        {"Origin": site.url, "User_Agent": CHROME},
        {"Referer": f"{site.url}/a/page?x=http://evil.example/", "User_Agent": CHROME},
    ):
        assert get(site, f"{COUNTS}?n=1", **page).status_code == 200, page
    reads: dict[str, Any] = {"User-Agent": CHROME, "Referer": "http://evil.example/"}
    assert site.client.get("/v2/models/counts/", headers=reads).status_code == 200


def test_the_document_says_so(site: Server) -> None:
    paths = site.client.get("/openapi.json").json()["paths"]
    for path in ("/v2/models/counts/predict/", "/v2/models/counts/versions/{version}/predict/"):
        found = paths[path]["get"]
        [n] = [parameter for parameter in found["parameters"] if parameter["name"] == "n"]
        assert (n["in"], n["required"]) == ("query", True)
        assert "requestBody" not in found
        assert "text/event-stream" in found["responses"]["200"]["content"]
        assert "204" in found["responses"]
    assert "get" not in paths["/v2/models/measures/predict/"]
    names = {parameter["name"] for parameter in paths["/v2/models/reads/predict/"]["get"]["parameters"]}
    assert names == {"text"}
