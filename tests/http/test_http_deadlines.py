"""How long a client may take, and how much it may send."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest
from http_site import BIG, CL, CLOSE, GOOD, SECONDS, Site, get, post, problem, read_all, read_one, serve

from modelport.http.limits import HttpLimits

# --- deadlines -------------------------------------------------------------------------------------


def timed(act: Callable[[], bytes]) -> tuple[float, bytes]:
    start = time.monotonic()
    answer = act()
    return time.monotonic() - start, answer


def test_a_silent_connection_is_closed(hasty: Site) -> None:
    took, answer = timed(lambda: hasty.talk())
    assert answer == b""
    assert took >= 1.0


@pytest.mark.parametrize("start", [b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_slow_head_gets_408(hasty: Site, start: bytes) -> None:
    took, answer = timed(lambda: hasty.talk(start))
    assert problem(answer)["status"] == 408
    assert took >= 1.0


def test_a_dripping_head_gets_408(hasty: Site) -> None:
    with hasty.client() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n")
        sock.settimeout(0.03)
        answer, end = b"", time.monotonic() + 30
        while time.monotonic() < end:  # each byte comes in time, the head does not
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
        begun = time.monotonic()  # before the server can have begun
        sock.sendall(b"GET / HT")
        answer = read_all(sock)
    assert problem(answer)["status"] == 408  # which the keep-alive time does not answer
    assert time.monotonic() - begun >= 1.0


def test_an_idle_keep_alive_connection_is_closed(hasty: Site) -> None:
    begun = time.monotonic()
    with hasty.client() as sock:
        sock.sendall(GOOD)
        assert read_one(sock)[0] == 200
        assert read_all(sock) == b""
    assert time.monotonic() - begun >= 2.0


def test_an_idle_body_gets_408(hasty: Site) -> None:
    took, answer = timed(lambda: hasty.talk(post(CL + b"10", body=b"abc")))
    assert problem(answer)["status"] == 408
    assert took >= 0.3
    assert hasty.app.disconnects.acquire(timeout=30)


def test_a_slow_answer_is_not_the_clients_fault(hasty: Site) -> None:
    with hasty.client() as sock:
        sock.sendall(get(b"/hang"))
        assert hasty.app.started.acquire(timeout=30)
        sock.settimeout(1.3)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        hasty.app.release.set()
        sock.settimeout(SECONDS)
        assert read_one(sock) == (200, b"hung")
    hasty.app.release.clear()


def test_a_client_that_does_not_read_is_cut_off(hasty: Site) -> None:
    with hasty.client(receive_buffer=4096) as sock:
        sock.sendall(get(b"/big"))
        assert hasty.app.left.acquire(timeout=30)
        assert len(read_all(sock)) < BIG


def test_other_limits_are_settings() -> None:
    with serve(HttpLimits(request_line=100, header_bytes=200, header_count=3)) as site:
        assert problem(site.talk(get(b"/" + b"a" * 100)))["status"] == 414
        assert problem(site.talk(get(b"/", b"X: " + b"a" * 200)))["status"] == 431
        assert problem(site.talk(get(b"/", *[b"X: y"] * 3)))["status"] == 431
        assert site.talk(get(b"/x", CLOSE)).endswith(b"/x ")


def test_too_many_connections_get_503() -> None:
    with serve(HttpLimits(connections=1)) as site, site.client():
        answer = site.talk(get(b"/x"))
        assert problem(answer)["status"] == 503
        assert b"\r\nretry-after: 1\r\n" in answer
