"""Posting to a URL that a client names: the guard of a fetch, no redirects, and only the status counts."""

from __future__ import annotations

import functools
import gc
import socket
import threading
import tracemalloc

import anyio
import pytest
from fetch_world import INNER, OUTER, Names, Respond, Serve, Server, body, never, raw, redirect

from modelport.security.connections import Resolve, tls_context
from modelport.security.post import PostLimits, UrlError, UrlFetchFailed, UrlNotAllowed, post_bytes


def limits(*servers: Server, deadline: float = 20.0) -> PostLimits:
    return PostLimits(
        total_deadline_s=deadline,
        allowed_ports={server.port for server in servers} | {80, 443},
        allow_addresses=lambda address: str(address) == OUTER,
    )


def post(url: str, allowed: PostLimits, *, resolve: Resolve | None = None, content: bytes = b"hello") -> int:
    headers = {"Content-Type": "text/plain", "webhook-id": "msg_1"}
    return anyio.run(functools.partial(post_bytes, url, content, headers, allowed, resolve=resolve))


# --- what is sent, and what comes back -----------------------------------------------------------------


@pytest.mark.parametrize("content", [b"hello", b"", bytes(range(256)) * 4000], ids=len)
def test_headers_and_body_arrive_whole(serve: Serve, content: bytes) -> None:
    received = bytearray()

    def take(connection: socket.socket, stopping: threading.Event) -> None:
        while b"\r\n\r\n" not in received or len(received.partition(b"\r\n\r\n")[2]) < len(content):
            received.extend(connection.recv(65536))
        body(b"thanks", status="202 Accepted")(connection, stopping)

    server = serve(take, reads_request=False)
    names = Names(outer_test=[[OUTER]])
    url = server.url("/hook?x=1", host="outer.test")
    assert post(url, limits(server), resolve=names, content=content) == 202
    head, _, arrived = bytes(received).partition(b"\r\n\r\n")
    assert arrived == content
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /hook?x=1 http/1.1"
    assert sorted(lines[1:]) == [
        "accept-encoding: identity",
        "accept: */*",
        "connection: close",
        f"content-length: {len(content)}",
        "content-type: text/plain",
        f"host: outer.test:{server.port}",
        "user-agent: modelport",
        "webhook-id: msg_1",
    ]
    assert names.asked == ["outer.test"]


@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "400 Bad", "410 Gone", "500 Oops", "599 X"])
def test_the_status_is_the_answer_whatever_it_is(serve: Serve, status: str) -> None:
    server = serve(body(b"", status=status))
    assert post(server.url(), limits(server)) == int(status[:3])


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
def test_no_redirect_is_followed(inner: Server, serve: Serve, status: str) -> None:
    other = serve(body(b""))
    for target in (inner.url(), other.url()):
        server = serve(redirect(target, status))
        assert post(server.url(), limits(server, other, inner)) == int(status[:3])
    assert (inner.connections, other.connections) == (0, 0)


def endless(head: bytes) -> Respond:
    def respond(connection: socket.socket, stopping: threading.Event) -> None:
        connection.sendall(head)
        while not stopping.is_set():
            connection.sendall(bytes(65536))

    return respond


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n\r\n"), id="endless"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"), id="huge"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), id="length lies"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz"), id="no chunk"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno gzip"), id="no gzip"),
    ],
)
def test_a_body_is_not_kept_whatever_it_is(serve: Serve, respond: Respond) -> None:
    server = serve(respond)
    tracemalloc.start()
    try:
        assert post(server.url(), limits(server)) == 200
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_body_that_does_not_end_does_not_take_the_status_away(serve: Serve) -> None:
    def stall(connection: socket.socket, stopping: threading.Event) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        stopping.wait()

    server = serve(stall)
    assert post(server.url(), limits(server, deadline=0.5)) == 200


def test_an_endless_body_is_not_read_on(serve: Serve) -> None:
    sent = 0
    left = threading.Event()

    def flood(connection: socket.socket, stopping: threading.Event) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while not stopping.is_set():
                sent += connection.send(bytes(65536))
        finally:
            left.set()

    server = serve(flood)
    assert post(server.url(), limits(server)) == 200
    assert left.wait(30)
    assert sent < 32_000_000  # what the buffers of both ends hold, and no more


# --- what is refused ---------------------------------------------------------------------------------


def early_hints(connection: socket.socket, stopping: threading.Event) -> None:
    while not stopping.wait(0.001):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")


@pytest.mark.parametrize("respond", [never, early_hints])
def test_a_server_that_does_not_answer_is_left_at_the_deadline(serve: Serve, respond: Respond) -> None:
    server = serve(respond)
    with pytest.raises(UrlFetchFailed):
        post(server.url(), limits(server, deadline=0.2))


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 20"])
def test_an_answer_that_is_none_is_a_failure(serve: Serve, answer: bytes) -> None:
    server = serve(raw(answer))
    with pytest.raises(UrlFetchFailed):
        post(server.url(), limits(server))


@pytest.mark.parametrize(
    "answers", [[OUTER, INNER], [INNER, OUTER], [OUTER, "::1"], [OUTER, "169.254.169.254"], [INNER]]
)
def test_one_bad_answer_refuses_the_name(inner: Server, answers: list[str]) -> None:
    with pytest.raises(UrlNotAllowed):
        post(inner.url(host="mixed.test"), limits(inner), resolve=Names(mixed_test=[answers]))
    assert inner.connections == 0


def test_an_answer_that_flips_after_the_check_changes_nothing(serve: Serve) -> None:
    server = serve(body(b""))
    names = Names(flip_test=[[OUTER], [INNER]])
    assert post(server.url(host="flip.test"), limits(server), resolve=names) == 200
    assert names.asked == ["flip.test"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "①②⑦.0.0.1"])
def test_by_default_nothing_inside_is_posted_to(serve: Serve, host: str) -> None:
    server = serve(body(b""))
    with pytest.raises(UrlNotAllowed):
        post(server.url(host=host), PostLimits(allowed_ports={server.port}))
    assert server.connections == 0


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://u@h/", "http://h:22/", "https://h:8443/", "h"])
def test_a_url_that_is_not_plain_is_refused(url: str) -> None:
    with pytest.raises(UrlNotAllowed):
        post(url, PostLimits())


def test_a_client_cannot_tell_a_refused_address_from_a_dead_host(inner: Server) -> None:
    seen: set[str] = set()
    for url in (inner.url(), "http://no.such.name/", "file:///etc"):
        with pytest.raises(UrlError) as caught:
            post(url, limits(inner), resolve=Names())
        seen.add(str(caught.value))
    assert len(seen) == 1
    assert "127." not in str(seen)


def test_a_handshake_that_hangs_leaves_no_socket_open(serve: Serve) -> None:
    closed = threading.Event()

    def read_on(connection: socket.socket, stopping: threading.Event) -> None:
        while connection.recv(65536):
            pass
        closed.set()

    server = serve(read_on, reads_request=False)
    tls_context()  # made once, which would take much of the deadline
    with pytest.raises(UrlFetchFailed):
        post(server.url(scheme="https"), limits(server, deadline=0.5))
    gc.collect()  # a socket left open would warn here, and warnings are errors
    assert closed.wait(30)
