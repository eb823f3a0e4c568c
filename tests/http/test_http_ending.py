"""The end of a server: what was asked is answered, and nobody waits for it in vain."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from http_site import GOOD, LOOPS, App, Site, get, problem, read_all, read_one, serve, statuses

from modelport.http.limits import HttpLimits
from modelport.http.server import HttpServer


@pytest.fixture(params=["uvloop", "asyncio"])
def patient(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A server that waits long for last requests, and longer for answers."""
    with serve(HttpLimits(), request.param, last_requests_s=10, end_s=20) as site:
        yield site


def test_shutdown_lets_the_running_request_finish() -> None:
    with serve(HttpLimits()) as site, site.client() as sock, site.client() as idle:
        sock.sendall(get(b"/hang"))
        assert site.app.started.acquire(timeout=30)
        idle.sendall(GOOD)
        assert read_one(idle)[0] == 200
        site.stop()
        assert read_all(idle) == b""
        site.app.release.set()
        assert read_one(sock) == (200, b"hung")
        assert read_all(sock) == b""


def test_nobody_new_comes_in(patient: Site) -> None:
    with patient.client() as sock:
        sock.sendall(GOOD)
        assert read_one(sock)[0] == 200
        patient.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", patient.port))


@pytest.mark.parametrize("loop", LOOPS)
def test_who_has_connected_and_was_not_seen_yet_is_answered(loop: str) -> None:
    async def ended_before_it_looks(listener: socket.socket) -> socket.socket:
        server = HttpServer(App(), HttpLimits())
        await server.listen(listener)
        client = socket.create_connection(listener.getsockname())
        client.sendall(GOOD)
        await server.stop_listening()
        await server.last_requests(10)
        await server.end(10)
        server.close()
        return client

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        with runner.run(ended_before_it_looks(socket.create_server(("127.0.0.1", 0)))) as client:
            assert statuses(read_all(client)) == [200]


def test_a_request_that_crosses_the_end_is_answered_and_told_that_it_is_the_last(patient: Site) -> None:
    with patient.client() as sock:
        sock.sendall(GOOD)
        assert read_one(sock)[0] == 200
        patient.stop()
        sock.sendall(GOOD)
        answer = read_all(sock)
    assert statuses(answer) == [200]
    assert b"\r\nconnection: close\r\n" in answer


def test_pipelined_requests_are_all_answered_and_the_last_says_so(patient: Site) -> None:
    with patient.client() as sock:
        sock.sendall(get(b"/hang") + GOOD + GOOD)
        assert patient.app.started.acquire(timeout=30)
        patient.stop()
        patient.app.release.set()
        answers = read_all(sock)
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert answers.count(b"connection: close") == 1
    assert b"connection: close" in answers.rpartition(b"HTTP/1.1 ")[2]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_what_is_not_answered_in_time_is_told_so(loop: str) -> None:
    with serve(HttpLimits(), loop, end_s=0.05) as site, site.client() as sock:
        sock.sendall(get(b"/hang"))
        assert site.app.started.acquire(timeout=30)
        site.stop()
        answer = problem(read_all(sock))
    assert (answer["status"], answer["detail"]) == (503, "The server is stopping; try again later.")
