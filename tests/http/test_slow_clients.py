"""Clients that take their time or come in crowds: how long they are waited for, and how many there may be."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator

import pytest
from http_site import GOOD, SECONDS, Site, chunked, problem, read_all, read_one, serve

from modelport.http.crowd import Crowd, origin_of
from modelport.http.limits import HttpLimits
from modelport.http.sweep import cut_slow_readers
from modelport.http.watches import SentWatch

POST = b"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
SHORT = b"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


def statuses(said: bytes) -> list[int]:
    """Of all answers, whatever their bodies end with; there is none of this text in them."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    limits = HttpLimits(
        header_deadline_s=2,
        body_grace_s=0.5,
        body_rate=1000,
        connections=6,
        connections_of_one=5,
        keep_alive_s=1,
    )
    with serve(limits, request.param) as running:
        yield running


def trickle(sock: socket.socket, piece: bytes, seconds: float = 30.0) -> bytes:
    """Send `piece` again and again, and never stop; what the server says to it in the end."""
    end = time.monotonic() + seconds
    sock.settimeout(0.05)
    said = b""
    while time.monotonic() < end:
        try:
            part = sock.recv(65536)
        except TimeoutError:
            with contextlib.suppress(ConnectionError):
                sock.sendall(piece)
            continue
        except ConnectionResetError:  # the end, too: a piece crossed it on the way, and nobody will read it
            return said
        if not part:
            return said
        said += part
    raise AssertionError(f"the connection is still open, and said {said!r}")


def test_a_body_that_drips_is_given_up(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(POST)
        assert "too slowly" in problem(trickle(sock, b"x"))["detail"]
    with site.client() as sock:
        sock.sendall(POST.replace(b"Content-Length: 100000", b"Transfer-Encoding: chunked"))
        assert problem(trickle(sock, b"1\r\nx\r\n"))["status"] == 408
    assert site.app.seen == []


def test_a_body_that_is_fast_enough_may_take_longer_than_the_grace(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(POST)
        for _ in range(10):
            sock.sendall(bytes(10_000))
            time.sleep(0.1)  # the client's own pace
        assert read_one(sock)[0] == 200
    site.app.seen.clear()


@pytest.mark.parametrize("loop", ["uvloop"])
def test_a_whole_body_has_a_deadline(loop: str) -> None:
    with serve(HttpLimits(body_deadline_s=0.4, body_rate=0, keep_alive_s=1), loop) as site:
        with site.client() as sock:
            sock.sendall(POST)
            assert "in time" in problem(trickle(sock, b"x" * 100))["detail"]


def test_empty_lines_keep_no_connection(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(GOOD)
        assert read_one(sock)[0] == 200
        assert trickle(sock, b"\r\n") == b""


def test_the_one_too_many_is_told_so_and_whoever_comes_later_is_served(site: Site) -> None:
    with contextlib.ExitStack() as busy:
        held = [busy.enter_context(site.client()) for _ in range(5)]
        for sock in held:
            sock.sendall(POST)
            sock.sendall(b"x" * 90_000)
        assert problem(site.talk(GOOD))["status"] == 429
        assert problem(site.talk())["detail"].startswith("There are too many connections from your address")
    deadline = time.monotonic() + 60
    while statuses(answer := site.talk(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) != [200]:
        assert time.monotonic() < deadline, answer
    site.app.seen.clear()


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_idle_connections_give_way_to_new_ones(loop: str) -> None:
    with (
        serve(HttpLimits(connections=3, keep_alive_s=60), loop) as site,
        contextlib.ExitStack() as open_ones,
    ):
        idle = [open_ones.enter_context(site.client()) for _ in range(3)]
        for sock in idle:
            sock.sendall(GOOD)
            assert read_one(sock)[0] == 200
        deadline = time.monotonic() + 60
        while statuses(answer := site.talk(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) != [
            200
        ]:
            assert problem(answer)["status"] == 503
            assert time.monotonic() < deadline, answer
        gone = 0
        for sock in idle:
            with contextlib.suppress(ConnectionError):
                sock.sendall(GOOD)
                gone += not sock.recv(1)
        assert gone == 1


def test_an_answer_goes_no_further_than_it_is_read(site: Site) -> None:
    with site.client(receive_buffer=4096) as reads_nothing, site.client() as sock:
        reads_nothing.sendall(b"GET /pieces HTTP/1.1\r\nHost: a\r\n\r\n")
        for _ in range(50):
            sock.sendall(GOOD)
            assert read_one(sock)[0] == 200
        assert 1 <= site.app.pieces < 300  # kB, of which the kernel would take some thousands


def test_a_crowd_counts_addresses_and_forgets_them() -> None:
    crowd = Crowd(most=3, most_of_one=2)

    def enter(origin: str, now: float = 0.0, room: bool = False) -> int:
        refused = crowd.enter(origin, now, lambda: room)
        return refused.status if refused else 200

    assert [enter("a"), enter("a"), enter("a"), enter("b"), enter("c", 1.0)] == [200, 200, 429, 200, 503]
    assert enter("c", 1.05, room=True) == 503  # somebody has just looked for room
    assert enter("c", 2.0, room=True) == 200
    for origin in ("a", "a", "b", "c"):
        crowd.leave(origin)
    assert [enter("a"), enter("a")] == [200, 200]


@pytest.mark.parametrize(
    ("client", "origin"),
    [
        (None, ""), (("10.1.2.3", 5), "10.1.2.3"), (("::ffff:10.1.2.3", 5), "10.1.2.3"),
        (("strange", 5), "strange"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"), (("fe80::1%eth0", 5), "fe80::/64"),
    ],
)  # fmt: skip
def test_whom_a_connection_is_counted_for(client: tuple[str, int] | None, origin: str) -> None:
    assert origin_of(client) == origin


class Reader:
    """A connection with so much unsent since a time."""

    def __init__(self, unsent: int, since: float):
        self.sent = SentWatch()
        self.sent.bytes, self.sent.since = unsent, since
        self.why = ""

    def on_tick(self, now: float) -> None: ...

    def cut(self, why: str) -> None:
        self.why = why


def test_who_has_owed_for_longest_is_cut_first() -> None:
    readers = [Reader(200_000, 3.0), Reader(300_000, 1.0), Reader(1000, 0.0), Reader(100_000, 2.0)]
    cut_slow_readers(readers, 700_000)
    assert not any(reader.why for reader in readers)
    cut_slow_readers(readers, 301_000)
    assert [bool(reader.why) for reader in readers] == [False, True, False, False]


class TestHalfClose:
    """A client that closes its sending half after its request waits for the answer."""

    @pytest.mark.parametrize("request_bytes", [GOOD, SHORT, GOOD + SHORT + GOOD])
    def test_what_it_asked_for_is_answered_and_the_connection_ends(
        self, site: Site, request_bytes: bytes
    ) -> None:
        assert statuses(site.talk(request_bytes, end=True)) == [200] * request_bytes.count(b"HTTP/1.1")

    def test_slow_answers_come_too(self, site: Site) -> None:
        slow = GOOD.replace(b"/good", b"/slow") * 20
        assert [code for code in statuses(site.talk(slow, end=True)) if code != 100] == [200] * 20

    def test_one_that_waits_long_is_asked_whether_it_is_there(self, site: Site) -> None:
        site.app.release.clear()
        with site.client() as sock:
            sock.sendall(GOOD.replace(b"/good", b"/hang"))
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
            site.app.release.set()
            assert statuses(read_all(sock)) == [200]

    def test_one_of_http_1_0_is_not(self, site: Site) -> None:
        site.app.release.clear()
        with site.client() as sock:
            sock.sendall(b"GET /hang HTTP/1.0\r\n\r\n")
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(0.5)
            with pytest.raises(TimeoutError):
                sock.recv(1)
            site.app.release.set()
            sock.settimeout(SECONDS)
            assert statuses(read_all(sock)) == [200]

    def test_one_that_is_gone_is_noticed(self, site: Site) -> None:
        site.app.release.clear()
        with site.client() as sock:
            sock.sendall(GOOD.replace(b"/good", b"/hang"))
            assert site.app.started.acquire(timeout=30)
        assert site.app.left.acquire(timeout=30)
        site.app.release.set()

    def test_half_a_request_is_told_so(self, site: Site) -> None:
        answer = site.talk(GOOD + POST + b"half", end=True)
        assert statuses(answer) == [200, 400]

    @pytest.mark.parametrize("bad", [b"nonsense\r\n\r\n", chunked(b"z\r\n")])
    def test_what_it_asked_for_before_a_bad_request_is_answered(self, site: Site, bad: bytes) -> None:
        slow = GOOD.replace(b"/good", b"/slow") * 3
        answer = site.talk(slow + bad, end=True)
        assert [code for code in statuses(answer) if code != 100] == [200, 200, 200, 400]
