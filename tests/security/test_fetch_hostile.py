"""Servers that cheat the client who fetches from them (rows U9 and U11 of the bad-input table)."""

from __future__ import annotations

import gc
import gzip
import socket
import ssl
import subprocess
import threading
import tracemalloc
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint
from fetch_world import OUTER, Names, Respond, Serve, body, limits, never, raw, redirect

from modelport.security import fetch
from modelport.security.fetch import (
    UrlFetchFailed,
    UrlNotAllowed,
    fetch_to_file,
    fetch_to_file_sync,
)

# --- hostile servers -------------------------------------------------------------------------------


def drip(connection: socket.socket, stopping: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while not stopping.wait(0.01):
        connection.sendall(b"x")


def tiny_chunks(connection: socket.socket, stopping: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not stopping.is_set():
        connection.sendall(b"1\r\nx\r\n" * 9999)


def drip_headers(connection: socket.socket, stopping: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while not stopping.wait(0.01):
        connection.sendall(b"A: b\r\n")


def early_hints(connection: socket.socket, stopping: threading.Event) -> None:
    while not stopping.wait(0.001):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")


@pytest.mark.parametrize("respond", [drip, drip_headers, early_hints, tiny_chunks, never])
def test_a_server_that_takes_its_time_is_left_at_the_deadline(serve: Serve, tmp_path: Path, respond: Respond):
    server = serve(respond)
    with pytest.raises(UrlFetchFailed):
        fetch_to_file_sync(server.url(), tmp_path / "f", limits(server, deadline=0.2))
    assert not list(tmp_path.iterdir())


def test_a_name_server_that_never_answers_is_left_at_the_deadline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(30) and [])
    try:
        with pytest.raises(UrlFetchFailed):
            fetch_to_file_sync("http://slow.test/", tmp_path / "f", limits(deadline=0.1))
    finally:
        release.set()


def test_the_deadline_counts_all_hops_together(serve: Serve, tmp_path: Path):
    server = serve(never)
    first = serve(redirect(server.url()))
    with pytest.raises(UrlFetchFailed):
        fetch_to_file_sync(first.url(), tmp_path / "f", limits(first, server, deadline=0.2))


def endless(head: bytes, block: bytes) -> Respond:
    def respond(connection: socket.socket, stopping: threading.Event) -> None:
        connection.sendall(head)
        while not stopping.is_set():
            connection.sendall(block)

    return respond


BOMB = gzip.compress(bytes(50_000_000))


@pytest.mark.parametrize(
    "respond",
    [
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(65536)), id="endless body"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 9999), id="endless headers"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nA: ", b"b" * 9999), id="endless header"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"), id="declares too much"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), id="length lies"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), id="negative length"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), id="chunk cut"),
        pytest.param(body(BOMB, "Content-Encoding: gzip"), id="gzip bomb"),
        pytest.param(body(BOMB[:-9], "Content-Encoding: gzip"), id="gzip bomb cut"),
        pytest.param(body(gzip.compress(b"x")[:-4], "Content-Encoding: gzip"), id="gzip cut"),
        pytest.param(body(b"", "Content-Encoding: gzip"), id="gzip empty"),
        pytest.param(body(b"no gzip", "Content-Encoding: gzip"), id="gzip broken"),
        pytest.param(body(b"x", "Content-Encoding: gzip, gzip"), id="gzip in gzip"),
        pytest.param(body(b"x", "Content-Encoding: br"), id="unknown coding"),
        pytest.param(body(b"x" * 1_000_001), id="one byte too many"),
        pytest.param(body(b"<html>", status="404 Not Found"), id="404"),
        pytest.param(body(b"x", status="206 Partial Content"), id="206"),
        pytest.param(body(b"", status="204 No Content"), id="204"),
        pytest.param(
            raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), id="101"
        ),
        pytest.param(raw(b"SSH-2.0-OpenSSH_9.6\r\n"), id="not http"),
        pytest.param(raw(b""), id="closes"),
    ],
)
def test_a_hostile_answer_leaves_no_file(serve: Serve, tmp_path: Path, respond: Respond):
    server = serve(respond)
    tracemalloc.start()
    try:
        with pytest.raises(UrlFetchFailed):
            fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("sent", "coding"),
    [
        (b"x" * 1_000_000, "identity"),
        (gzip.compress(b"x" * 1_000_000), "gzip"),
        (gzip.compress(b"x" * 400_000) + gzip.compress(b"") + gzip.compress(b"x" * 600_000), "x-gzip"),
    ],
)
def test_a_body_of_exactly_the_limit_is_fetched(serve: Serve, tmp_path: Path, sent: bytes, coding: str):
    server = serve(body(sent, f"Content-Encoding: {coding}"))
    fetched = fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
    assert fetched.path.read_bytes() == b"x" * 1_000_000
    assert fetched.size == 1_000_000


def test_a_body_that_declares_too_much_is_not_waited_for(serve: Serve, tmp_path: Path):
    server = serve(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000001\r\n\r\n"))
    with pytest.raises(UrlFetchFailed) as caught:
        fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
    assert caught.value.why == "declares 1000001 bytes"


@pytest.mark.parametrize("size", [65535, 65536, 65537, 131072, 999_999])
def test_gzip_is_the_same_however_it_is_cut(tmp_path: Path, size: int):
    content = bytes(i * i % 251 for i in range(size))
    packed = gzip.compress(content)
    for cut in (1, 10, len(packed) // 2, len(packed) - 9, len(packed) - 8, len(packed) - 1):
        with fetch._Spool(tmp_path / str(cut), size, "gzip") as spool:
            spool.write(packed[:cut])
            spool.finish(packed[cut:])
        assert (tmp_path / str(cut)).read_bytes() == content


def test_thousands_of_tiny_chunks_let_other_tasks_run(serve: Serve, tmp_path: Path):
    message = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n"
    server = serve(raw(message))

    async def count_turns() -> tuple[int, int]:
        turns, fetching = 0, True

        async def turn() -> None:
            nonlocal turns
            while fetching:
                await checkpoint()
                turns += 1

        async with anyio.create_task_group() as group:
            group.start_soon(turn)
            fetched = await fetch_to_file(server.url(), tmp_path / "f", limits(server))
            fetching = False
        return fetched.size, turns

    size, turns = anyio.run(count_turns)
    assert size == 10_000
    assert turns > 5_000


def test_a_disk_error_is_not_blamed_on_the_url(serve: Serve, tmp_path: Path):
    server = serve(body(b"x"))
    with pytest.raises(FileNotFoundError):
        fetch_to_file_sync(server.url(), tmp_path / "missing" / "f", limits(server))


# --- TLS -------------------------------------------------------------------------------------------


def certificate(folder: Path, days: int = 2) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for outer.test, signed by itself, and the certificate's file."""
    key, cert, asked, extensions = (folder / name for name in ("key.pem", "cert.pem", "csr.pem", "ext"))
    extensions.write_text("subjectAltName=DNS:outer.test\nbasicConstraints=CA:TRUE\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(key)]
    ask = ["req", *curve, "-out", str(asked), "-subj", "/CN=outer.test"]
    sign = ["x509", "-req", "-in", str(asked), "-signkey", str(key), "-extfile", str(extensions)]
    sign += ["-days", str(days), "-out", str(cert)]
    try:
        for command in (ask, sign):
            subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"openssl cannot make a certificate here: {error}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context, cert


NAMES = {"outer_test": [[OUTER]], "other_test": [[OUTER]]}


def test_a_trusted_certificate_is_checked_against_the_name(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tls, cert = certificate(tmp_path)
    asked: list[str | None] = []
    tls.sni_callback = lambda _, name, __: asked.append(name)
    server = serve(body(b"secure"), tls=tls)
    get = partial(fetch_to_file_sync, limits=limits(server), resolve=Names(**NAMES))
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))

    assert get(server.url(scheme="https", host="outer.test"), tmp_path / "f").size == 6
    assert asked == ["outer.test"]
    for wrong in ("other.test", OUTER):
        with pytest.raises(UrlFetchFailed):
            get(server.url(scheme="https", host=wrong), tmp_path / "g")
    assert len(server.requests) == 1


def test_an_unknown_signer_is_refused(serve: Serve, tmp_path: Path):
    server = serve(body(b"secure"), tls=certificate(tmp_path)[0])
    with pytest.raises(UrlFetchFailed) as caught:
        url = server.url(scheme="https", host="outer.test")
        fetch_to_file_sync(url, tmp_path / "f", limits(server), resolve=Names(**NAMES))
    assert "self" in caught.value.why
    assert server.requests == []


def test_an_expired_certificate_is_refused(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tls, cert = certificate(tmp_path, days=-1)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    server = serve(body(b"secure"), tls=tls)
    with pytest.raises(UrlFetchFailed) as caught:
        url = server.url(scheme="https", host="outer.test")
        fetch_to_file_sync(url, tmp_path / "f", limits(server), resolve=Names(**NAMES))
    assert "expired" in caught.value.why


def test_a_redirect_from_https_to_http_is_refused(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tls, cert = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    plain = serve(body(b"plain"))
    server = serve(redirect(plain.url()), tls=tls)
    with pytest.raises(UrlNotAllowed):
        url = server.url(scheme="https", host="outer.test")
        fetch_to_file_sync(url, tmp_path / "f", limits(server, plain), resolve=Names(**NAMES))
    assert (server.connections, plain.connections) == (1, 0)


def test_a_handshake_that_hangs_leaves_no_socket_open(serve: Serve, tmp_path: Path):
    closed = threading.Event()

    def read_on(connection: socket.socket, stopping: threading.Event) -> None:
        while connection.recv(65536):
            pass
        closed.set()

    server = serve(read_on, reads_request=False)
    with pytest.raises(UrlFetchFailed):
        fetch_to_file_sync(server.url(scheme="https"), tmp_path / "f", limits(server, deadline=2.0))
    gc.collect()  # a socket left open would warn here, and warnings are errors
    assert closed.wait(30)
