"""The guard on fetched URLs, against real servers (rows U1 to U11, V5, V7 to V9 of the bad-input table).

Two loopback addresses play the world: 127.0.0.1 is the internet, 127.0.0.2 is the inner network.
"""

from __future__ import annotations

import gc
import gzip
import socket
import socketserver
import ssl
import subprocess
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import anyio
import httpcore
import pytest
from anyio.lowlevel import checkpoint

from modelport.security import fetch
from modelport.security.fetch import (
    FetchLimits,
    UrlError,
    UrlFetchFailed,
    UrlNotAllowed,
    check_url,
    fetch_to_file,
    fetch_to_file_sync,
)

OUTER, INNER = "127.0.0.1", "127.0.0.2"


def words(text: str) -> list[str]:
    return text.split()


Respond = Callable[[socket.socket, threading.Event], None]


class Server(socketserver.ThreadingTCPServer):
    """A server that answers every connection with `respond`, and counts what reaches it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, respond: Respond, host: str, tls: ssl.SSLContext | None, reads_request: bool):
        super().__init__((host, 0), socketserver.BaseRequestHandler)
        self.respond, self.tls, self.reads_request = respond, tls, reads_request
        self.port: int = self.server_address[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self.thread.start()

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)

    def finish_request(self, request, client_address):
        try:
            if self.tls is not None:
                with self.tls.wrap_socket(request.dup(), server_side=True) as secure:
                    self.answer(secure)
            else:
                self.answer(request)
        except OSError:
            pass  # the client has gone, as it should

    def answer(self, connection: socket.socket) -> None:
        head = b""
        while self.reads_request and b"\r\n\r\n" not in head:
            received = connection.recv(65536)
            if not received:
                return
            head += received
        self.requests.append(head)
        self.respond(connection, self.stopping)

    def url(self, path: str = "/", scheme: str = "http", host: str | None = None) -> str:
        return f"{scheme}://{host or self.server_address[0]}:{self.port}{path}"

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()
        self.thread.join()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(
        respond: Respond, host: str = OUTER, tls: ssl.SSLContext | None = None, reads_request: bool = True
    ) -> Server:
        servers.append(Server(respond, host, tls, reads_request))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def inner(serve: Serve) -> Server:
    return serve(body(b"inner secret"), INNER)


@pytest.fixture(autouse=True)
def fresh_tls_context() -> Iterator[None]:
    yield
    fetch._tls_context.cache_clear()


def body(content: bytes, *headers: str, status: str = "200 OK") -> Respond:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", ""]
    return raw("\r\n".join(lines).encode() + content)


def raw(message: bytes) -> Respond:
    return lambda connection, _: connection.sendall(message)


def redirect(location: str, status: str = "302 Found") -> Respond:
    return body(b"", f"Location: {location}", status=status)


def never(connection: socket.socket, stopping: threading.Event) -> None:
    stopping.wait()


def limits(*servers: Server, max_bytes: int = 1_000_000, deadline: float = 20.0) -> FetchLimits:
    return FetchLimits(
        max_bytes,
        deadline,
        allowed_ports=frozenset({server.port for server in servers} | {80, 443}),
        allow_addresses=lambda address: str(address) == OUTER,
    )


class Names:
    """A name server. Each name has a list of answers; the last one stays."""

    def __init__(self, **names: list[list[str]]):
        self.names = {name.replace("_", "."): answers for name, answers in names.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]


# --- what is fetched -------------------------------------------------------------------------------


def test_a_file_is_fetched(serve: Serve, tmp_path: Path):
    server = serve(
        body(
            b"pixels", "Content-Type: Image/PNG; q=1", 'Content-Disposition: inline; filename="a/../cat.png"'
        )
    )
    fetched = fetch_to_file_sync(server.url("/some/dog.png?x=1"), tmp_path / "f", limits(server))
    assert (fetched.path, fetched.content_type, fetched.size) == (tmp_path / "f", "image/png", 6)
    assert fetched.filename == "cat.png"
    assert fetched.path.read_bytes() == b"pixels"


def test_the_request_holds_the_name_and_no_credentials(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / ".netrc").write_text("machine outer.test login me password secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    server = serve(body(b"", "Set-Cookie: a=b"))
    names = Names(outer_test=[[OUTER]])
    fetch_to_file_sync(
        server.url("/é?q=ü", host="OUTER.test."), tmp_path / "f", limits(server), resolve=names
    )
    lines = server.requests[0].decode().lower().split("\r\n")
    assert lines[0] == "get /%c3%a9?q=%c3%bc http/1.1"
    assert f"host: outer.test:{server.port}" in lines
    assert not [line for line in lines if line.startswith(("authorization", "cookie", "referer"))]
    assert names.asked == ["outer.test"]


@pytest.mark.parametrize(
    ("header", "path", "name"),
    [
        ("", "/a/b/cat.png?x=/y", "cat.png"),
        ("", "/a/c%61t%2e%2e%2f%5cx%00%0a.png", "x.png"),
        ("", "/", "download"),
        ("", "/..%2f..", "download"),
        ("", "/" + "n" * 400 + ".onnx", "n" * 250 + ".onnx"),
        ('filename="..\\..\\evil.bin"', "/cat", "evil.bin"),
        ("attachment; filename=plain.csv", "/cat", "plain.csv"),
        ("attachment; filename*=UTF-8''other.exe", "/cat.png", "cat.png"),
        ('attachment; filename="‮gnp.exe"', "/cat", "gnp.exe"),
        ('attachment; filename="/"', "/cat.png", "cat.png"),
    ],
)
def test_the_file_name_is_only_a_name(serve: Serve, tmp_path: Path, header: str, path: str, name: str):
    server = serve(body(b"", *([f"Content-Disposition: {header}"] if header else [])))
    assert fetch_to_file_sync(server.url(path), tmp_path / "f", limits(server)).filename == name


@pytest.mark.parametrize(
    "claimed", ["", "Content-Type: <script>", "Content-Type: a/b/c", "Content-Type: text"]
)
def test_a_media_type_that_is_none_is_not_repeated(serve: Serve, tmp_path: Path, claimed: str):
    server = serve(body(b"", *([claimed] if claimed else [])))
    fetched = fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
    assert fetched.content_type == "application/octet-stream"


def test_three_redirects_are_followed_and_the_first_url_names_the_file(serve: Serve, tmp_path: Path):
    last = serve(body(b"found"))
    third = serve(redirect(last.url("/0a1b2c"), "308 Permanent Redirect"))
    second = serve(redirect(third.url(), "301 Moved"))
    first = serve(redirect(second.url(), "307 Temporary Redirect"))
    fetched = fetch_to_file_sync(first.url("/m.onnx"), tmp_path / "f", limits(first, second, third, last))
    assert (fetched.size, fetched.filename) == (5, "m.onnx")


def test_an_existing_file_is_never_overwritten(serve: Serve, tmp_path: Path):
    server = serve(body(b"new"))
    (tmp_path / "f").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("f", "link"):
        with pytest.raises(FileExistsError):
            fetch_to_file_sync(server.url(), tmp_path / name, limits(server))
    assert (tmp_path / "f").read_text() == "old"
    assert not (tmp_path / "elsewhere").exists()


# --- what is refused before any connection -----------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        # U7, V5: schemes, and URLs without a host
        "file:///etc/passwd", "file:/etc", "FILE:///etc", "gopher://h/", "ftp://h/", "data:,x",
        "jar:http://h!/", "unix:/run/x.sock", "dbfs:/x", "HTTP:", "http:", "http:/x", "//evil", "evil", "",
        "http://", "http://:80/", "//proc/self/root", "http:///etc/passwd", "http:///#/../../etc",
        "http://h/x#/../../etc", "http://h/#",
        # U8: what two parsers read differently
        "http://a@127.0.0.1#@b.com/", "http://b.com\\@127.0.0.1/", "http://b.com/\\x", "http://h:80:90/",
        "http://exa\tmple.com", "http://exa\nmple.com", "http://h/\r\nX: y", "http://h/\0", " http://h/",
        "http://h/ x", "http://h/\x7f", "http://h/\x85", "http://h/\u2028", "http://u@h/", "http://u:p@h/",
        "http://@h/", "http://h%2f/", "http://[::1]x/", "http://[::1/", "http://::1/",
        "http://[fe80::1%25eth0]/", "http://[h]/", "http://h:８０/", "http://h:22/", "http://h:25/",
        "http://h:6379/", "http://h:0/", "http://h:99999/", "http://h:-1/", "http://h:+80/", "http://h:1e3/",
        "http://a..b/", "http://.a/", "http://./", "http://a.b../", "http://-a/", "http://a,b/",
        "http://a b/", "http://" + "a" * 64 + ".com/", "http://" + "a." * 127 + "com/",
        "http://" + "ü" * 300 + "/", "http://h/" + "a" * 9000, "http://\ud800/", "http://h/\ud800",
        "http://b.com℀@127.0.0.1/", "http://＃/", "http://a／b/", "http://xn--ü/",
        # U2: what getaddrinfo takes for an address
        "http://2130706433/", "http://0x7f.1/", "http://017700000001/", "http://127.1/", "http://0/",
        "http://0x7f000001/", "http://0177.0.0.1/", "http://127.0.0.01/", "http://256.1.1.1/",
        "http://1.2.3.4.5/", "http://0x/", "http://a.1/",
    ],
)  # fmt: skip
def test_a_url_that_is_not_plain_is_refused(url: str):
    with pytest.raises(UrlNotAllowed):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://example.com", "example.com", 80, "/"),
        ("HTTPS://EXAMPLE.com.:443/A?b=%20c", "example.com", 443, "/A?b=%20c"),
        ("http://my_bucket.s3.example.com/k;v=1/@x:y", "my_bucket.s3.example.com", 80, "/k;v=1/@x:y"),
        ("http://bücher.example/ü", "xn--bcher-kva.example", 80, "/%C3%BC"),
        ("http://①②⑦.0.0.1/", "127.0.0.1", 80, "/"),
        ("http://１２７。0。0。1/", "127.0.0.1", 80, "/"),
        ("http://93.184.216.34/", "93.184.216.34", 80, "/"),
        ("http://[2606:4700:0::1111]/", "2606:4700::1111", 80, "/"),
        ("http://1password.com/", "1password.com", 80, "/"),
    ],
)
def test_a_plain_url_is_read_in_one_way(url: str, host: str, port: int, target: str):
    parsed = check_url(url)
    assert (parsed.host, parsed.port, parsed.target) in [
        (host, port, target),
        ("::ffff:127.0.0.1", port, target),
    ]


@pytest.mark.parametrize(
    "host",
    words(
        """
        127.0.0.1 localhost LOCALHOST. [::1] 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254
        [fd00::1] [fe80::1] ①②⑦.0.0.1 ⓛocalhost [::ffff:127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::1]
        [2002:7f00:1::] [2001::1] [::127.0.0.1] [fec0::1] 100.64.0.1 100.100.100.200 168.63.129.16
        192.0.0.192 198.18.0.1 224.0.0.1 255.255.255.255
        """
    ),
)
def test_by_default_no_inner_address_is_fetched(serve: Serve, tmp_path: Path, host: str):
    server = serve(body(b"inner"))
    port_open = FetchLimits(100, allowed_ports=frozenset({server.port}))
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(server.url(host=host), tmp_path / "f", port_open)
    assert server.connections == 0
    assert not list(tmp_path.iterdir())


def test_a_client_cannot_tell_a_refused_address_from_a_dead_host(inner: Server, serve: Serve, tmp_path: Path):
    answers_404 = serve(body(b"", status="404 Not Found"))
    with socket.create_server((OUTER, 0)) as reserved:
        closed_port = reserved.getsockname()[1]
    allowed = FetchLimits(
        10,
        allowed_ports=frozenset({inner.port, answers_404.port, closed_port, 80}),
        allow_addresses=lambda address: str(address) == OUTER,
    )
    seen: set[tuple[str, int, str, str]] = set()
    kinds: list[type[UrlError]] = []
    for url in (
        inner.url(),
        answers_404.url(),
        f"http://{OUTER}:{closed_port}/",
        "http://no.such.name/",
        "file:///etc",
    ):
        with pytest.raises(UrlError) as caught:
            fetch_to_file_sync(url, tmp_path / "f", allowed, resolve=Names())
        error = caught.value
        seen.add((str(error), error.status, error.code, error.reason))
        kinds.append(type(error))
    assert len(seen) == 1
    assert "127." not in str(seen)
    assert kinds == [UrlNotAllowed, UrlFetchFailed, UrlFetchFailed, UrlFetchFailed, UrlNotAllowed]


# --- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answers", [[OUTER, INNER], [INNER, OUTER], [OUTER, "::1"], [OUTER, "fe80::1%lo"], [INNER]]
)
def test_one_bad_answer_refuses_the_name(inner: Server, tmp_path: Path, answers: list[str]):
    names = Names(mixed_test=[answers])
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(inner.url(host="mixed.test"), tmp_path / "f", limits(inner), resolve=names)
    assert inner.connections == 0


def test_an_answer_that_flips_after_the_check_changes_nothing(serve: Serve, tmp_path: Path):
    server = serve(body(b"outer"))
    names = Names(flip_test=[[OUTER], [INNER]])
    fetched = fetch_to_file_sync(server.url(host="flip.test"), tmp_path / "f", limits(server), resolve=names)
    assert fetched.size == 5
    assert names.asked == ["flip.test"]  # the connection did not ask again


def test_an_answer_that_flips_between_two_hops_is_refused(inner: Server, serve: Serve, tmp_path: Path):
    server = serve(redirect(f"http://flip.test:{inner.port}/"))
    names = Names(flip_test=[[OUTER], [INNER]])
    with pytest.raises(UrlNotAllowed):
        url = server.url(host="flip.test")
        fetch_to_file_sync(url, tmp_path / "f", limits(server, inner), resolve=names)
    assert (server.connections, inner.connections) == (1, 0)


def test_a_connection_that_ends_elsewhere_gets_no_byte(
    inner: Server, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    inner.reads_request = False
    connect = httpcore.AnyIOBackend.connect_tcp
    monkeypatch.setattr(
        httpcore.AnyIOBackend,
        "connect_tcp",
        lambda self, host, port, timeout=None: connect(self, INNER, inner.port, timeout),
    )
    received: list[bytes] = []
    done = threading.Event()

    def listen(connection: socket.socket, stopping: threading.Event) -> None:
        received.append(connection.recv(100))
        done.set()

    inner.respond = listen
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(inner.url(host=OUTER), tmp_path / "f", limits(inner))
    assert done.wait(10)
    assert received == [b""]


def test_the_second_address_is_tried_when_the_first_is_dead(serve: Serve, tmp_path: Path):
    server = serve(body(b"second"))
    anywhere = FetchLimits(10, allowed_ports=frozenset({server.port}), allow_addresses=lambda address: True)
    names = Names(two_test=[[INNER, OUTER]])  # nothing listens on that port of INNER
    fetched = fetch_to_file_sync(server.url(host="two.test"), tmp_path / "f", anywhere, resolve=names)
    assert fetched.size == 6


def test_fifty_mixed_fetches_at_once_never_touch_the_inner_server(
    inner: Server, serve: Serve, tmp_path: Path
):
    refused_all = threading.Event()

    def slow(connection: socket.socket, stopping: threading.Event) -> None:
        refused_all.wait(10)
        body(b"outer")(connection, stopping)

    server = serve(slow)
    to_inner = serve(redirect(inner.url()))
    names = Names(
        outer_test=[[OUTER]],
        inner_test=[[INNER]],
        mixed_test=[[OUTER, INNER]],
        flip_test=[[OUTER], [INNER]],
    )
    allowed = limits(server, inner, to_inner)
    bad = [inner.url(host=host) for host in (INNER, "inner.test", "mixed.test", "[::ffff:127.0.0.2]")]
    bad.append(to_inner.url())
    good = [server.url(host="outer.test"), server.url()]
    refused, fetched = 0, 0

    async def one(url: str, number: int) -> None:
        nonlocal refused, fetched
        try:
            await fetch_to_file(url, tmp_path / str(number), allowed, resolve=names)
            fetched += 1
        except UrlNotAllowed:
            refused += 1
            if refused == 25:
                refused_all.set()

    async def all_at_once() -> None:
        async with anyio.create_task_group() as group:
            for number in range(25):
                group.start_soon(one, good[number % 2], 2 * number)
                group.start_soon(one, bad[number % 5], 2 * number + 1)

    anyio.run(all_at_once)
    assert (refused, fetched, inner.connections) == (25, 25, 0)


# --- redirects -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_a_redirect_to_an_inner_address_is_not_followed(
    inner: Server, serve: Serve, tmp_path: Path, status: str
):
    server = serve(redirect(inner.url("/latest/meta-data"), status))
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(server.url(), tmp_path / "f", limits(server, inner))
    assert inner.connections == 0


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd", "//127.0.0.2/", "\\\\127.0.0.2\\", "http://u:p@127.0.0.1/",
        "gopher://127.0.0.1/", "http://127.0.0.1:22/", "/next#fragment", "/a\tb", "http://169.254.169.254/",
        "http://[::1/", "http://2130706433/",
    ],
)  # fmt: skip
def test_a_redirect_is_read_as_strictly_as_the_first_url(serve: Serve, tmp_path: Path, location: str):
    server = serve(redirect(location))
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
    assert server.connections == 1


def test_a_redirect_loop_ends(serve: Serve, tmp_path: Path):
    server = serve(redirect("/again"))
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
    assert server.connections == 4


def test_two_locations_or_none_are_refused(serve: Serve, tmp_path: Path):
    for headers in ((), ("Location: /a", "Location: /b")):
        server = serve(body(b"", *headers, status="302 Found"))
        with pytest.raises(UrlError):
            fetch_to_file_sync(server.url(), tmp_path / "f", limits(server))
        assert server.connections == 1


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
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(10) and [])
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


# --- the environment -------------------------------------------------------------------------------


def test_a_proxy_in_the_environment_is_not_used(
    inner: Server, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    proxy = serve(body(b"from the proxy"))
    server = serve(body(b"direct"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url())
        monkeypatch.setenv(name.lower(), proxy.url())
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UrlNotAllowed):
        fetch_to_file_sync(inner.url(), tmp_path / "f", limits(server, inner))
    assert fetch_to_file_sync(server.url(), tmp_path / "f", limits(server)).size == 6
    assert (proxy.connections, inner.connections) == (0, 0)


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
        fetch_to_file_sync(server.url(scheme="https"), tmp_path / "f", limits(server, deadline=0.3))
    gc.collect()  # a socket left open would warn here, and warnings are errors
    assert closed.wait(10)
