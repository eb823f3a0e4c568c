"""Which requests are read, and which are refused: rows F1 to F15 of the bad input table."""

from __future__ import annotations

import contextlib
import logging
import socket

import pytest
from http_site import (
    CL,
    CLOSE,
    GOOD,
    HOST,
    ONE_CHUNK,
    SMUGGLED,
    TE,
    Site,
    chunked,
    get,
    post,
    problem,
    read_all,
    read_one,
)

REFUSED: dict[str, tuple[int, bytes]] = {
    "F1 CL then TE": (400, post(CL + b"4", TE + b"chunked", body=b"0\r\n\r\n")),
    "F1 TE then CL": (400, post(TE + b"chunked", CL + b"4", body=b"0\r\n\r\n")),
    "F2 different": (400, post(CL + b"1", CL + b"2", body=b"x")),
    "F2 equal": (400, post(CL + b"1", CL + b"1", body=b"x")),
    "F2 list": (400, post(CL + b"5, 5", body=b"xxxxx")),
    **{
        f"F3 {value!r}": (400, post(CL + value, body=b"x"))
        for value in (b"+1_0", b"-1", b"0x10", b"1Z", b"", b"9" * 20, b"\xb2", b"1 1", b"1.0")
    },
    **{
        f"F4 {size[:12]!r}": (400, chunked(size + b"\r\nx\r\n0\r\n\r\n"))
        for size in (
            b"0x1",
            b"0_2e",
            b"+1",
            b"-1",
            b"",
            b"1" * 17,
            b"1;" + b"a" * 65536,
            b"1;a\rb",
            b"1 ",
            b"1;\0",
        )
    },
    "F4 bare LF": (400, chunked(b"1\nx\r\n0\r\n\r\n")),
    "F4 long trailers": (400, chunked(b"1\r\nx\r\n0\r\n" + b"X: y\r\n" * 9000)),
    "F5 data": (400, chunked(b"1\r\nxXX0\r\n\r\n")),
    "F5 bare LF": (400, chunked(b"1\r\nx\n0\r\n\r\n")),
    **{
        f"F6 {coding!r}": (status, post(TE + coding, body=ONE_CHUNK))
        for coding, status in (
            (b"chunked, chunked", 400),
            (b",chunked", 400),
            (b"\xa0chunked", 400),
            (b"\x0bchunked", 400),
            (b"identity", 400),
            (b"", 400),
            (b"chunked, identity", 400),
            (b"chunked;q=1", 400),
            (b"gzip, chunked", 501),
            (b"foo", 501),
            (b"xchunked", 501),
        )
    },
    "F6 two lines": (400, post(TE + b"chunked", TE + b"chunked", body=ONE_CHUNK)),
    "F6 two kinds": (400, post(TE + b"chunked", TE + b"identity", body=ONE_CHUNK)),
    "F6 on 1.0": (400, post(TE + b"chunked", body=ONE_CHUNK, version=b"1.0")),
    "F7 NUL": (400, get(b"/", b"X: a\0b")),
    "F7 bare CR": (400, get(b"/", b"X: a\rb")),
    "F7 bare LF in a value": (400, get(b"/", b"X: a\nY: b")),
    "F7 bare LF everywhere": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "F7 bare LF at the end": (400, b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
    "F7 control": (400, get(b"/", b"X: a\x01b")),
    "F8 space before colon": (400, get(b"/", b"X : a")),
    "F8 obs-fold": (400, get(b"/", b"X: a\r\n b")),
    "F8 obs-fold first": (400, b"GET / HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n"),
    "F8 empty name": (400, get(b"/", b": a")),
    "F8 not a token": (400, get(b"/", b"X(: a")),
    "F8 0x85": (400, get(b"/", b"X\x85: a")),
    "F8 no colon": (400, get(b"/", b"Xabc")),
    "F9 no Host": (400, get(host=b"")),
    "F9 two Hosts": (400, get(host=HOST + HOST)),
    **{
        f"F9 {host!r}": (400, get(host=b"Host: " + host + b"\r\n"))
        for host in (
            b"a/b?c",
            b"a b",
            b"",
            b"a,b",
            b"u@a",
            b"a:b",
            b"a#b",
            b"[::1",
            b"a\\b",
            b"\xe9",
            b"a:123456",
        )
    },
    **{
        f"F10 {target!r}": (400, get(target))
        for target in (
            b"@google.com",
            b"!",
            b"*",
            b"a/b",
            b"/a#b",
            b"/\xff",
            b"/\x7f",
            b"/a b",
            b"ftp://a/b",
            b"http:///b",
            b"http://u@a/b",
            b"http://a b/",
            b"http://a/#b",
            b"?x",
        )
    },
    "F10 CONNECT": (405, get(b"a:80", method=b"CONNECT")),
    "F10 TRACE": (405, get(b"/", method=b"TRACE")),
    "F10 method": (400, get(b"/", method=b'G=":<')),
    "F10 lower case": (400, get(b"/", method=b"get")),
    "F11 target": (414, get(b"/" + b"a" * (9 << 10))),
    "F11 header": (431, get(b"/", b"X: " + b"a" * (65 << 10))),
    "F11 headers": (431, get(b"/", *[b"X: a"] * 10_000)),
    "F11 101 headers": (431, get(b"/", *[b"X: a"] * 100)),
    "F13 expect": (417, post(CL + b"1", b"Expect: foo", body=b"x")),
    "F15 0.9 named": (505, b"GET / HTTP/0.9\r\n\r\n"),
    "F15 1.32": (505, b"GET / HTTP/1.32\r\n\r\n"),
    "F15 2.0": (505, b"GET / HTTP/2.0\r\n\r\n"),
    "F15 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "F15 TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)),
    "line end": (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_framing_gets_one_answer_and_nothing_after_it_runs(
    fast_site: Site, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    site = fast_site
    status, request = REFUSED[case]
    with caplog.at_level(logging.INFO):
        answer = site.talk(request + SMUGGLED)
    assert problem(answer)["status"] == status, answer
    assert site.app.seen == []
    records = [r for r in caplog.records if not r.name.startswith(("asyncio", "uvicorn.access"))]
    assert len(records) == 1
    assert len(records[0].getMessage()) < 300


@pytest.mark.parametrize(
    "case", ["F1 CL then TE", "F3 b'-1'", "F4 b'+1'", "F5 data", "F7 NUL", "F9 two Hosts"]
)
def test_bad_framing_is_seen_byte_by_byte(fast_site: Site, case: str) -> None:
    site = fast_site
    status, request = REFUSED[case]
    with site.client() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(ConnectionError):
            for i in range(len(request)):
                sock.send(request[i : i + 1])
        assert problem(read_all(sock))["status"] == status
    assert site.app.seen == []


@pytest.mark.parametrize(
    ("status", "request_start"),
    [
        (414, b"GET /" + b"a" * (9 << 10)),
        (431, b"GET / HTTP/1.1\r\nX: " + b"a" * (96 << 10)),
        (431, b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 102),
        (505, b"GET /\r\n"),
        (400, b"\x16\x03\x01"),
    ],
)
def test_a_head_need_not_end_to_be_refused(site: Site, status: int, request_start: bytes) -> None:
    assert problem(site.talk(request_start))["status"] == status


def test_head_refusal_has_no_body(site: Site) -> None:
    answer = site.talk(get(b"/", method=b"HEAD", host=b""))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"\r\n\r\n")


def test_not_allowed_methods_come_with_allow(site: Site) -> None:
    assert b"\r\nallow: GET, " in site.talk(get(b"/", method=b"TRACE"))


SERVED: dict[str, tuple[bytes, bytes]] = {
    "plain": (get(b"/p?q=1", CLOSE), b"/p "),
    "double slash": (get(b"//proc/x", CLOSE), b"//proc/x "),
    "absolute": (get(b"http://evil/v1?x", CLOSE), b"/v1 "),
    "absolute, no path": (get(b"http://evil", CLOSE), b"/ "),
    "absolute, query": (get(b"http://evil?x=/y", CLOSE), b"/ "),
    "host with port": (get(b"/", CLOSE, host=b"Host: a.b-c_d:8080 \r\n"), b"/ "),
    "IPv6 host": (get(b"/", CLOSE, host=b"Host: [::1]:80\r\n"), b"/ "),
    "1.0 without Host": (b"GET /old HTTP/1.0\r\n\r\n", b"/old "),
    "length": (post(CLOSE, CL + b"3", body=b"abc"), b"/post abc"),
    "length 010 is ten": (post(CLOSE, CL + b"010", body=b"x" * 10), b"/post " + b"x" * 10),
    "chunked": (post(CLOSE, TE + b"Chunked", body=b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"), b"/post abc"),
    "9000 bytes of header": (get(b"/", CLOSE, b"X: " + b"a" * 9000), b"/ "),
    "100 headers": (get(b"/", CLOSE, *[b"X: a"] * 98), b"/ "),
    "8 KiB line": (get(b"/" + b"a" * 8000, CLOSE), b"/" + b"a" * 8000 + b" "),
    "leading CRLF": (b"\r\n" + get(b"/", CLOSE), b"/ "),
    "h2c is ignored": (
        post(b"Upgrade: h2c", CL + b"3", b"Connection: upgrade, close", body=b"abc"),
        b"/post abc",
    ),
    "websocket is ignored": (get(b"/w", b"Upgrade: websocket", b"Connection: upgrade, close"), b"/w "),
}


@pytest.mark.parametrize("case", SERVED)
def test_good_requests_are_served(fast_site: Site, case: str) -> None:
    site = fast_site
    request, body = SERVED[case]
    answer = site.talk(request + SMUGGLED)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    assert answer.partition(b"\r\n\r\n")[2] == body
    assert len(site.app.seen) == 1  # what follows `Connection: close` is not run


def test_upgrade_is_ignored_and_the_body_is_not_run_as_a_request(site: Site) -> None:
    request = post(b"Upgrade: h2c", b"Connection: upgrade", CL + b"%d" % len(SMUGGLED))
    with site.client() as sock:
        sock.sendall(request)
        sock.sendall(SMUGGLED)
        assert read_one(sock)[0] == 200
        sock.sendall(GOOD)
        assert read_one(sock) == (200, b"/good ")
    assert site.app.seen == ["/post", "/good"]
    assert site.app.bodies[0] == SMUGGLED
    assert b"upgrade" not in dict(site.app.scopes[0]["headers"])


def test_trailers_do_not_become_headers(site: Site) -> None:
    site.talk(post(CLOSE, TE + b"chunked", body=b"1\r\nx\r\n0\r\nX-Evil: y\r\n\r\n"))
    assert b"x-evil" not in dict(site.app.scopes[0]["headers"])


def test_header_values_come_without_white_space(site: Site) -> None:
    site.talk(get(b"/", CLOSE, b"X-Y: \t v \t"))
    assert dict(site.app.scopes[0]["headers"])[b"x-y"] == b"v"


@pytest.mark.parametrize("method", [b"OPTIONS"])
def test_options_for_the_server_is_answered_here(site: Site, method: bytes) -> None:
    with site.client() as sock:
        sock.sendall(get(b"*", method=method))
        assert read_one(sock) == (204, b"")
        sock.sendall(GOOD)
        assert read_one(sock)[0] == 200
    assert len(site.app.scopes) == 1
