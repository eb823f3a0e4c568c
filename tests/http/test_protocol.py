"""The HTTP border against a real server: rows F1-F15 of the bad input table, limits, H3, and manners."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from http_site import BIG, GOOD, HOST, SMUGGLED, Site, problem, read_all, read_one, serve, statuses

from modelport.http.protocol import HttpLimits


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def shared(request: pytest.FixtureRequest) -> Iterator[Site]:
    with serve(HttpLimits(), request.param) as site:
        yield site


@pytest.fixture(scope="module")
def fast() -> Iterator[Site]:
    """For what no event loop can change, so once is enough."""
    with serve(HttpLimits()) as site:
        yield site


@pytest.fixture
def site(shared: Site) -> Iterator[Site]:
    yield from checked(shared)


@pytest.fixture
def fast_site(fast: Site) -> Iterator[Site]:
    yield from checked(fast)


def checked(shared: Site) -> Iterator[Site]:
    """A shared server; after each case it still answers a good request."""
    shared.app.seen.clear()
    shared.app.bodies.clear()
    shared.app.scopes.clear()
    yield shared
    with shared.client() as sock:
        sock.sendall(GOOD)
        assert read_one(sock) == (200, b"/good ")


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def hasty(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server with short deadlines."""
    limits = HttpLimits(header_deadline_s=0.3, body_idle_s=0.3, write_idle_s=0.3)
    with serve(limits, request.param, timeout_keep_alive=1) as site:
        yield site


def post(*headers: bytes, body: bytes = b"", version: bytes = b"1.1", target: bytes = b"/post") -> bytes:
    return b"POST %b HTTP/%b\r\n%b%b\r\n%b" % (
        target,
        version,
        HOST,
        b"".join(h + b"\r\n" for h in headers),
        body,
    )


def get(target: bytes = b"/get", *headers: bytes, method: bytes = b"GET", host: bytes = HOST) -> bytes:
    return b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, target, host, b"".join(h + b"\r\n" for h in headers))


def chunked(body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked", body=body)


TE = b"Transfer-Encoding: "
CL = b"Content-Length: "
ONE_CHUNK = b"1\r\nx\r\n0\r\n\r\n"

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


CLOSE = b"Connection: close"
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


def test_keep_alive_serves_many_requests(site: Site) -> None:
    with site.client() as sock:
        for i in range(50):
            sock.sendall(post(CL + b"2", body=b"%02d" % i))
            assert read_one(sock) == (200, b"/post %02d" % i)


def test_f12_many_tiny_chunks(site: Site) -> None:
    size = 100_000
    answer = site.talk(post(CLOSE, TE + b"chunked", body=b"1\r\nx\r\n" * size + b"0\r\n\r\n"))
    assert statuses(answer) == [200]
    assert site.app.bodies == [b"x" * size]


def test_f12_pipelined_requests_are_answered_in_order_and_held_back(site: Site) -> None:
    count = 2_000
    flood = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % i for i in range(count))
    with site.client() as sock:
        writer = threading.Thread(target=sock.sendall, args=(flood + get(b"/last", CLOSE),))
        writer.start()
        answers = read_all(sock)
        writer.join()
    assert re.findall(rb"\n/(\d+) ", answers) == [b"%d" % i for i in range(count)]
    assert answers.endswith(b"/last ")


def test_pipelining_before_a_bad_request_is_answered_first(site: Site) -> None:
    answer = site.talk(get(b"/slow/1") + get(b"/slow/2") + get(host=b"") + SMUGGLED)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"400"]
    assert site.app.seen == ["/slow/1", "/slow/2"]


def test_bad_body_of_a_waiting_request_is_answered_in_its_turn(site: Site) -> None:
    answer = site.talk(get(b"/slow/1") + chunked(b"+1\r\n") + SMUGGLED)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"400"]
    assert site.app.seen == ["/slow/1"]


def test_f13_no_100_when_the_app_does_not_read(site: Site) -> None:
    request = post(CL + b"99999999", b"Expect: 100-continue", target=b"/unread")
    with site.client() as sock:
        sock.sendall(request)
        answer = read_all(sock)  # closed, for the client may send the body or the next request
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_f13_100_when_the_app_reads(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(post(CL + b"3", b"Expect: 100-continue"))
        assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        assert read_one(sock) == (200, b"/post abc")


def test_an_early_answer_reaches_a_client_that_is_still_sending(site: Site) -> None:
    answer = site.talk(post(CL + b"%d" % (2 << 20), target=b"/unread", body=bytes(2 << 20)))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


def test_f14_short_body_then_fin(site: Site) -> None:
    answer = site.talk(post(CL + b"10", body=b"abc"), end=True)
    assert problem(answer)["status"] == 400
    assert site.app.disconnects.acquire(timeout=5)
    assert site.app.seen == []


def test_f14_short_body_then_reset(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(post(CL + b"10", body=b"abc"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert site.app.disconnects.acquire(timeout=5)
    assert site.app.seen == []


def test_short_head_then_fin(site: Site) -> None:
    assert problem(site.talk(b"GET / HT", end=True))["status"] == 400
    assert site.talk(b"", end=True) == b""


def test_bad_chunk_after_the_response_began_cuts_it_short(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(post(TE + b"chunked", target=b"/late"))
        received = b""
        while b"first" not in received:
            received += sock.recv(1000)
        sock.sendall(b"zz\r\n" + SMUGGLED)
        assert read_all(sock).strip() == b""  # no last chunk: the client can tell
    assert site.app.disconnects.acquire(timeout=5)
    assert site.app.seen == []


# --- responses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "line"),
    [
        ("My Own", b"HTTP/1.1 400 My Own"),
        ("", b"HTTP/1.1 400 Bad Request"),
        (None, b"HTTP/1.1 400 Bad Request"),
        (7, b"HTTP/1.1 400 Bad Request"),
        ("a\r\nX: b\0\x1b\x85", b"HTTP/1.1 400 aX: b"),
        ("é € x", b"HTTP/1.1 400 \xe9 ? x"),
        ("y" * 300, b"HTTP/1.1 400 " + b"y" * 200),
    ],
)
def test_reason_phrase(site: Site, reason: Any, line: bytes) -> None:
    body = json.dumps(reason).encode()
    answer = site.talk(post(CLOSE, CL + b"%d" % len(body), body=body, target=b"/reason"))
    assert answer.split(b"\r\n")[0] == line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-y", "a\r\nX-Evil: 1"),
        ("x-y", "a\nX-Evil: 1"),
        ("x-y", "a\r"),
        ("x-y", "a\0"),
        ("x-y\r\nx-evil", "1"),
        ("x y", "1"),
        ("content-length", "1"),
        ("transfer-encoding", "chunked"),
        ("", "1"),
    ],
)
def test_h3_a_response_is_never_split(site: Site, name: str, value: str) -> None:
    body = json.dumps([name, value]).encode()
    answer = site.talk(post(CL + b"%d" % len(body), body=body, target=b"/header"))
    assert problem(answer)["status"] == 500
    assert b"evil" not in answer.lower()


def test_an_app_that_fails_says_nothing_inner(site: Site) -> None:
    answer = site.talk(get(b"/fail"))
    assert problem(answer)["status"] == 500
    assert b"secret" not in answer


def test_an_app_that_fails_after_its_answer_keeps_the_connection_and_is_logged_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    with site.client() as sock:
        sock.sendall(get(b"/afterwards"))
        assert read_one(sock) == (500, b"the server failed")
        sock.sendall(get(b"/slow"))
        assert read_one(sock) == (200, b"/slow")
    (logged,) = [record for record in caplog.records if record.exc_info]
    assert "inner secret" in caplog.text
    assert logged.levelno == logging.ERROR


def test_head_and_http_1_0(site: Site) -> None:
    assert site.talk(get(b"/x", CLOSE, method=b"HEAD")).endswith(b"\r\n\r\n")
    answer = site.talk(b"GET /big HTTP/1.0\r\n\r\n")  # no length: the close ends it, for 1.0 has no chunks
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert len(body) == BIG


# --- the client leaves -----------------------------------------------------------------------------


def test_on_disconnect_is_called_once(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(get(b"/hang"))
        assert site.app.started.acquire(timeout=5)
    assert site.app.left.acquire(timeout=5)
    assert not site.app.left.acquire(blocking=False)


def test_on_disconnect_is_not_called_after_the_response(site: Site) -> None:
    site.app.release.set()
    with site.client() as sock:
        sock.sendall(get(b"/hang"))
        assert read_one(sock) == (200, b"hung")
    site.app.release.clear()
    assert site.app.started.acquire(timeout=5)
    assert not site.app.left.acquire(timeout=0.05)


# --- deadlines -------------------------------------------------------------------------------------


def timed(act: Callable[[], bytes]) -> tuple[float, bytes]:
    start = time.monotonic()
    answer = act()
    return time.monotonic() - start, answer


def test_a_silent_connection_is_closed(hasty: Site) -> None:
    took, answer = timed(lambda: hasty.talk())
    assert answer == b""
    assert 0.3 <= took < 1.5


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_slow_head_gets_408(hasty: Site, start: bytes) -> None:
    took, answer = timed(lambda: hasty.talk(start))
    assert problem(answer)["status"] == 408
    assert 0.3 <= took < 1.5


def test_a_dripping_head_gets_408(hasty: Site) -> None:
    with hasty.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        sock.settimeout(0.03)
        answer = b""
        for _ in range(100):  # each byte comes in time, the head does not
            with contextlib.suppress(ConnectionError):
                sock.sendall(b"X")
            with contextlib.suppress(TimeoutError):
                answer = sock.recv(4096)
                break
    assert problem(answer)["status"] == 408


def test_the_head_deadline_is_for_each_request(hasty: Site) -> None:
    with hasty.client() as sock:
        sock.sendall(GOOD)
        assert read_one(sock)[0] == 200
        sock.sendall(b"GET / HT")
        took, answer = timed(lambda: read_all(sock))
    assert problem(answer)["status"] == 408
    assert 0.3 <= took < 1.0  # not the keep-alive time


def test_an_idle_keep_alive_connection_is_closed(hasty: Site) -> None:
    with hasty.client() as sock:
        sock.sendall(GOOD)
        assert read_one(sock)[0] == 200
        took, answer = timed(lambda: read_all(sock))
    assert answer == b""
    assert 1.0 <= took < 2.5


def test_an_idle_body_gets_408(hasty: Site) -> None:
    took, answer = timed(lambda: hasty.talk(post(CL + b"10", body=b"abc")))
    assert problem(answer)["status"] == 408
    assert 0.3 <= took < 1.5
    assert hasty.app.disconnects.acquire(timeout=5)


def test_a_slow_answer_is_not_the_clients_fault(hasty: Site) -> None:
    with hasty.client() as sock:
        sock.sendall(get(b"/hang"))
        assert hasty.app.started.acquire(timeout=5)
        sock.settimeout(0.6)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        hasty.app.release.set()
        sock.settimeout(5)
        assert read_one(sock) == (200, b"hung")
    hasty.app.release.clear()


def test_a_client_that_does_not_read_is_cut_off(hasty: Site) -> None:
    with hasty.client(receive_buffer=4096) as sock:
        sock.sendall(get(b"/big"))
        assert hasty.app.left.acquire(timeout=5)
        assert len(read_all(sock)) < BIG


def test_other_limits_are_settings() -> None:
    with serve(HttpLimits(request_line=100, header_bytes=200, header_count=3)) as site:
        assert problem(site.talk(get(b"/" + b"a" * 100)))["status"] == 414
        assert problem(site.talk(get(b"/", b"X: " + b"a" * 200)))["status"] == 431
        assert problem(site.talk(get(b"/", *[b"X: y"] * 3)))["status"] == 431
        assert site.talk(get(b"/x", CLOSE)).endswith(b"/x ")


def test_too_many_connections_get_503() -> None:
    with serve(HttpLimits(), limit_concurrency=1) as site:
        answer = site.talk(get(b"/x"))
        assert problem(answer)["status"] == 503
        assert b"\r\nretry-after: 1\r\n" in answer


def test_shutdown_lets_the_running_request_finish() -> None:
    with serve(HttpLimits()) as site, site.client() as sock, site.client() as idle:
        sock.sendall(get(b"/hang"))
        assert site.app.started.acquire(timeout=5)
        idle.sendall(GOOD)
        assert read_one(idle)[0] == 200
        site.app.release.set()
        assert read_one(sock) == (200, b"hung")
