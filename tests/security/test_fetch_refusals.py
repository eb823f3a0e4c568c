"""URLs, addresses and names that the guard refuses (rows U1-U5, U7, U8, V5, V7-V9 of the bad-input table)."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import anyio
import httpcore
import pytest
from fetch_world import INNER, OUTER, Names, Serve, Server, body, limits, redirect, words

from modelport.security.fetch import (
    FetchLimits,
    UrlError,
    UrlFetchFailed,
    UrlNotAllowed,
    check_url,
    fetch_to_file,
    fetch_to_file_sync,
)

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
    assert done.wait(30)
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
        refused_all.wait(30)
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
