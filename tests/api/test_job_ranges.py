"""Parts of artifacts, and artifacts that the client has already, as RFC 9110 has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from job_calls import ended, train
from serving import Server, serving
from v2_target import problem

CONTENT = b"<script>alert(1)</script>"
LATER = "Sun, 29 Nov 2099 10:00:00 GMT"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("works=trainable:Works") as running:
        yield running


@pytest.fixture(scope="module")
def place(server: Server) -> str:
    """The path of an artifact."""
    job_id = train(server.client, "artifacts")
    assert ended(server.client, job_id)["state"] == "succeeded"
    return f"/v2/jobs/{job_id}/artifacts/report/index.html"


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-6", CONTENT[:7]),
        ("bytes=20-", CONTENT[20:]),
        ("bytes=-3", CONTENT[-3:]),
        ("bytes=-999", CONTENT),
        ("BYTES = 1-1", CONTENT[1:2]),
        ("bytes=0-1,999-", CONTENT[:2]),
        ("bytes=20-999999999999", CONTENT[20:]),
    ],
)
def test_a_part_of_an_artifact(server: Server, place: str, asked: str, part: bytes) -> None:
    answer = server.client.get(place, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["content-range"].endswith(f"/{len(CONTENT)}")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "asked", ["items=0-1", "bytes=5-2", "bytes=a-b", "bytes=", "bytes", "bytes=--1", "bytes=0-1,x", "bytes=1"]
)
def test_a_range_that_is_none_is_ignored(server: Server, place: str, asked: str) -> None:
    answer = server.client.get(place, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=25-", "bytes=99-100", "bytes=-0", "bytes=30-31,99-"])
def test_a_range_behind_the_end_is_a_problem(server: Server, place: str, asked: str) -> None:
    answer = server.client.get(place, headers={"Range": asked})
    assert problem(answer, 416)["detail"] == "the file has 25 bytes"
    assert answer.headers["content-range"] == "bytes */25"


def test_what_the_client_has_is_not_sent_again(server: Server, place: str) -> None:
    tag = server.client.get(place).headers["etag"]
    known = [{"If-None-Match": one} for one in (tag, f'"x", W/{tag}', "*")] + [{"If-Modified-Since": LATER}]
    for condition in known:
        for more in ({}, {"Range": "bytes=0-1"}):
            answer = server.client.get(place, headers=condition | more)
            assert (answer.status_code, answer.content) == (304, b"")
            assert answer.headers["etag"] == tag
    for condition in ({"If-None-Match": '"x"', "If-Modified-Since": LATER}, {"If-Modified-Since": "x"}):
        assert server.client.get(place, headers=condition).content == CONTENT


def test_a_range_of_another_state_of_the_file_is_not_sent(server: Server, place: str) -> None:
    first = server.client.get(place)
    asked = {"Range": "bytes=0-1"}
    for same in (first.headers["etag"], first.headers["last-modified"]):
        assert server.client.get(place, headers=asked | {"If-Range": same}).status_code == 206
    assert server.client.get(place, headers=asked | {"If-Range": '"x"'}).content == CONTENT


def test_the_document_says_what_artifacts_answer(server: Server) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    for path in ("/v2/jobs/{job}/artifacts/{name}", "/v2/jobs/{job}/result"):
        assert {"200", "206", "304", "416"} <= paths[path]["get"]["responses"].keys()


@pytest.mark.parametrize("page", ["/docs", "/api", "/ui", "/redoc"])
def test_no_page_can_be_framed(server: Server, page: str) -> None:
    headers = server.client.get(page).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
