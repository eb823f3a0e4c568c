"""Request headers that lie, and response headers made of a client's words (rows H1-H5, F16)."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from bad_target import INNER, PREDICT, Target

SERVED = ("values", "headers", "fails", "loud")
EVIL = "evil.example"
OWN_ID = re.compile(r"[0-9a-z]+-[0-9a-f]+")


@pytest.mark.parametrize(
    "given",
    ["x" * 10_240, '{"a":"b"}', "\x1b[31mred\x1b[0m", "../../etc", "a b", "\xff\xfe", "id\ttab", ""],
    ids=lambda value: ascii(value[:30]),
)
def test_a_request_is_known_by_an_id_of_our_own(site: Target, given: str) -> None:
    """Nothing of the client's id comes back; a control character is bad framing."""
    for model, status in (("values", 200), ("fails", 422)):
        fields = [f"X-Request-ID: {given}", "Content-Type: application/json"]
        reply = site.post_raw(PREDICT.format(model), b"{}", fields)
        if "\x1b" in given:
            assert reply.status == 400
        else:
            assert reply.status == status
            assert OWN_ID.fullmatch(reply.headers["x-request-id"])
            assert reply.headers["x-request-id"] != given


@pytest.mark.parametrize(
    "value", ["", "00-0-0-0", "ff-" + "0" * 32 + "-" + "0" * 16 + "-01", "00-" + "é" * 32, "x" * 9000]
)
def test_a_bad_traceparent_is_nobodys_problem(site: Target, value: str) -> None:
    fields = [f"traceparent: {value}", f"tracestate: {value}", f"baggage: {value}"]
    assert site.post_raw(PREDICT.format("values"), b"", fields).status == 200


@pytest.mark.log_lines(40)
@pytest.mark.parametrize(
    "words",
    [
        "a\n2026-01-01 00:00:00,000 ERROR   some.log: forged",
        "a\r2026-01-01 00:00:00,000 ERROR   some.log: forged",
        "a\u2028b\x85c\x0bd",
        "\x1b[2J\x1b]0;title\x07",
        "\u202eright to left",
        "%s %d {0} {x}",
        "\x7f\x9b31m",
    ],
    ids=lambda value: ascii(value[:30]),
)
def test_no_words_of_a_client_forge_a_log_record(site: Target, words: str) -> None:
    """The oracle looks at each new line of the log; here, what it would take for one of ours."""
    start = len(site.server.lines)
    assert site.predict("loud", json={"words": words}).status == 200
    reply = site.predict("fails", json={"words": words})
    assert (reply.status, reply.json["detail"]) == (500, words)
    site.server.wait_for_log("ValueError", start=start)
    assert not [line for line in site.server.lines[start:] if line.startswith("2026-01-01 00:00:00,000")]


@pytest.mark.log_lines(40)
def test_a_model_that_fails_with_megabytes_of_words_says_a_little(site: Target) -> None:
    reply = site.predict("fails", json={"words": "x" * 5_000_000})
    assert reply.status == 500
    assert len(reply.body) < 5000
    assert sum(map(len, site.server.lines[-40:])) < 200_000


@pytest.mark.parametrize("path", ["/", "/v2/", "/v2/models/", "/openapi.json", "/swagger.json", "/docs"])
def test_what_a_client_says_of_a_proxy_is_ignored(site: Target, path: str) -> None:
    lies = [
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Forwarded-For", "127.0.0.1, 10.0.0.2"),
        ("X-Forwarded-Host", EVIL),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Prefix", f"//{EVIL}"),
        ("X-Forwarded-Port", "99999"),
        ("X-Original-URL", "/v2/debug/"),
        ("X-Rewrite-URL", "/v2/debug/"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("Forwarded", f"for=127.0.0.1;host={EVIL};proto=https"),
    ]
    honest = site.send("GET", path)
    assert honest.status == 200
    lied = site.send("GET", path, headers=lies)
    assert lied.body == honest.body
    assert EVIL not in str(lied.headers)


def test_a_host_of_the_clients_choice_is_not_repeated(site: Target) -> None:
    for path in ("/", "/openapi.json", "/swagger.json", "/docs", "/v2/none", "/v2/models/none/"):
        reply = site.raw(f"GET {path} HTTP/1.1\r\nHost: {EVIL}\r\n\r\n".encode())
        assert EVIL not in reply.text + str(reply.headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "b\r\nSet-Cookie: a=b"),
        ("X-A", "b\nSet-Cookie: a=b"),
        ("X-A", "b\rSet-Cookie: a=b"),
        ("X-A", "b\x01c"),
        ("X-A\r\nSet-Cookie: a=b\r\nX-B", "c"),
        ("X-A: b\r\n\r\n<html>", "c"),
        ("Set-Cookie: a=b;", "c"),
        ("", "empty"),
        ("X A", "space"),
        ("X-Ä", "letters"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "upgrade"),
        ("Content-Type", "text/html"),
    ],
    ids=lambda value: ascii(value[:30]),
)
def test_a_header_out_of_a_models_exception_splits_no_response(site: Target, name: str, value: str) -> None:
    body = json.dumps({"name": name, "value": value}).encode()
    head = (
        f"POST {PREDICT.format('headers')} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    )
    with site.connection() as sock:
        sock.sendall(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        with sock.makefile("rb") as file:
            said = file.read()
    assert said.startswith(b"HTTP/1.1 418 ")
    fields, _, rest = said.partition(b"\r\n\r\n")
    assert b"\nset-cookie:" not in fields.lower()
    assert fields.lower().count(b"content-length") == 1
    assert b"\r\ncontent-type: application/problem+json\r\n" in fields
    assert b"transfer-encoding" not in fields.lower()
    assert json.loads(rest)["status"] == 418
    assert site.json("headers", body).status == 418


def test_a_good_header_out_of_a_models_exception_arrives(site: Target) -> None:
    reply = site.predict("headers", json={"name": "X-Tea", "value": "green"})
    assert (reply.status, reply.headers["x-tea"]) == (418, "green")


@pytest.mark.parametrize(
    "value", ["日本", "\u202e", "é" * 3000, "'\"<script>"], ids=lambda value: ascii(value[:30])
)
def test_a_header_beyond_ascii_is_made_harmless(site: Target, value: str) -> None:
    reply = site.predict("headers", json={"name": "X-Tea", "value": value})
    assert reply.status == 418
    assert reply.json["detail"].startswith("no tea for ")


@pytest.mark.parametrize(
    "value",
    [
        "bytes=" + "0-0," * 10_000 + "0-0",
        "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 10_000, 2)),
        "bytes=5-2",
        "bytes=0-9,5-14,0-9",
        "bytes=99999999999-",
        "bytes=--1",
        "bytes=a-b",
        "lines=0-1",
        "bytes=" + "9" * 5000 + "-",
    ],
    ids=lambda value: value[:24],
)
def test_ranges_are_answered_in_proportion(site: Target, value: str) -> None:
    whole = site.send("GET", "/static/swagger/swagger-ui.css")
    assert whole.status == 200
    part = site.server.client.get("/static/swagger/swagger-ui.css", headers={"Range": value})
    assert part.status_code in (200, 206, 400, 416)
    assert len(part.content) <= len(whole.body) + 1_000_000
    assert part.status_code < 400 or not INNER.search(part.text)
    assert site.predict("values", json={}, headers={"Range": value}).status == 200


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "file://", "http://localhost", "x" * 5000],
    ids=lambda text: text[:20],
)
def test_a_page_of_another_origin_may_not_post(site: Target, origin: str) -> None:
    before = site.runs()
    for path in (PREDICT.format("values"), "/v2/models/values/train/"):
        reply = site.send("POST", path, headers={"Origin": origin})
        assert reply.status == 403
        assert not [name for name in reply.headers if name.startswith("access-control-")]
    assert site.runs() == before + 1
    read = site.send("GET", "/v2/models/", headers={"Origin": origin})
    assert not [name for name in read.headers if name.startswith("access-control-")]


def test_a_preflight_allows_nothing(site: Target) -> None:
    asked = {
        "Origin": "http://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, x-anything, authorization",
    }
    for path in (PREDICT.format("values"), "/v2/models/", "/v2/none"):
        reply = site.send("OPTIONS", path, headers=asked)
        assert not [name for name in reply.headers if name.startswith("access-control-")]


def test_a_page_of_this_server_may_post(site: Target) -> None:
    assert site.predict("values", json={}, headers={"Origin": site.server.url}).status == 200


@pytest.mark.parametrize(
    "coding", ["gzip", "deflate", "br", "foo", "gzip, gzip", "identity, gzip", "GZIP", "x" * 5000]
)
def test_a_body_in_a_coding_is_refused_unread(site: Target, coding: str) -> None:
    bomb = gzip.compress(bytes(1 << 20))
    before = site.runs()
    for content_type in (
        "application/json",
        "multipart/form-data; boundary=b",
        "application/x-www-form-urlencoded",
    ):
        fields = [f"Content-Type: {content_type}", f"Content-Encoding: {coding}"]
        assert site.post_raw(PREDICT.format("values"), bomb, fields).status == 415
    assert site.runs() == before + 1
