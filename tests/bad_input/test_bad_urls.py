"""URLs in place of files, over HTTP (rows U1-U4, U7, U8, V5). The guard itself: tests/security."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from bad_target import Reply, Target, target
from serving import wait_until

from modelport.contract.kinds import NOT_A_FILE

SERVED = ("values", "files", "legacy")
OPTIONS = ("--allow-url-inputs",)
NO_FILE = {"file": [NOT_A_FILE]}


class Listener:
    """An inner server that must never be reached. It accepts, counts and hangs up."""

    def __init__(self) -> None:
        self.reached = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self._count)
        self.thread.start()

    def _count(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            with connection:
                if connection.recv(4) == b"stop":
                    return
                self.reached += 1

    def stop(self) -> None:
        with closing(socket.create_connection(("127.0.0.1", self.port))) as sock:
            sock.sendall(b"stop")
        self.thread.join()
        self.socket.close()


@pytest.fixture(scope="module")
def inner() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.stop()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server that was not told to fetch URLs."""
    with target(tmp_path_factory.mktemp("closed"), SERVED) as running:
        yield running


@pytest.fixture(scope="module")
def dead(site: Target) -> Reply:
    """The answer to the URL of a host that does not exist."""
    reply = site.predict("files", json={"file": "http://nobody.invalid/"})
    site.server.wait_for_log("nobody.invalid")  # before the lines of a test are counted
    return reply


REFUSED = [
    "http://127.0.0.1:PORT/",
    "http://localhost:PORT/",
    "http://[::1]:PORT/",
    "http://0.0.0.0:PORT/",
    "http://127.0.0.1/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00::1]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25lo]/",
    "http://2130706433:PORT/",
    "http://0x7f.1:PORT/",
    "http://017700000001:PORT/",
    "http://127.1:PORT/",
    "http://0:PORT/",
    "http://①②⑦.0.0.1:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001::1]/",
    "http://[::127.0.0.1]:PORT/",
    "http://[fec0::1]/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "file:/etc/passwd",
    "gopher://127.0.0.1:PORT/_x",
    "ftp://127.0.0.1:PORT/",
    "jar:http://127.0.0.1:PORT/!/",
    "unix:///run/docker.sock",
    "dbfs:/x",
    "//127.0.0.1:PORT/",
    "http:///etc/passwd",
    "http:///#/../../etc/passwd",
    "http://",
    "http://a@127.0.0.1:PORT#@b.com/",
    "http://b.com\\@127.0.0.1:PORT/",
    "http://h:80:90/",
    "http://exa\tmple.com/",
    "http://user:secret@127.0.0.1:PORT/",
    "http://127.0.0.1:22/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:99999/",
    " http://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/\r\nX: y",
    "http://" + "a" * 5000 + "/",
    "/etc/passwd",
    "../../etc/passwd",
]


def asked(site: Target, url: str) -> list[Reply]:
    """The answers to one URL in each place where an argument may stand."""
    return [
        site.predict("files", json={"file": url}),
        site.predict("files", data={"file": url}),
        site.predict("files", params={"file": url}),
        site.predict("files", data={"file": url}, files={"second": b""}),
    ]


@pytest.mark.log_lines(4)  # one for each request
@pytest.mark.parametrize("url", REFUSED, ids=lambda url: ascii(url[:40]))
def test_a_url_to_the_inside_is_an_argument_error_like_a_dead_host(
    site: Target, inner: Listener, dead: Reply, url: str
) -> None:
    start = len(site.server.lines)
    replies = asked(site, url.replace("PORT", str(inner.port)))
    for reply in replies:
        assert reply.status == 422
        assert reply.json == dead.json
    assert inner.reached == 0
    wait_until(lambda: len(site.server.lines) >= start + len(replies), lambda: site.server.log)
    assert "secret" not in "".join(site.server.lines[start:])


@pytest.mark.log_lines(3)
def test_each_file_argument_takes_urls_through_the_guard(site: Target, inner: Listener) -> None:
    url = f"http://127.0.0.1:{inner.port}/"
    upload = {"file": ("a.txt", b"hello")}
    message = site.predict("files", json={"file": url}).json["file"]
    assert site.predict("files", files=upload, data={"second": url}).json == {"second": message}
    reply = site.predict("files", files=upload, data={"more": [url] * 20})
    assert (reply.status, list(reply.json)) == (422, ["more"])
    assert inner.reached == 0


def test_what_is_no_text_is_no_url(site: Target) -> None:
    for value in (5, True, ["http://127.0.0.1/", 5], {"url": "http://127.0.0.1/"}, None, [None]):
        reply = site.predict("files", json={"file": value})
        assert (reply.status, list(reply.json)) == (422, ["file"])


def test_a_url_beside_an_upload_of_the_same_name_is_not_fetched(site: Target, inner: Listener) -> None:
    url = f"http://127.0.0.1:{inner.port}/"
    reply = site.predict("files", data={"file": url}, files={"file": ("a.txt", b"hello")})
    assert reply.status == 422
    assert "It came 2 times" in reply.text
    assert inner.reached == 0


def test_a_url_argument_of_deepaas_is_text_and_is_not_fetched(site: Target, inner: Listener) -> None:
    url = f"http://localhost:{inner.port}/x"
    assert site.predict("legacy", json={"link": url}).result["link"] == url
    assert site.predict("legacy", data={"data": url}).status == 422
    assert inner.reached == 0


@pytest.mark.parametrize("url", ["http://127.0.0.1:PORT/", "http://example.com/", "file:///etc/passwd"])
def test_without_the_option_a_url_is_no_file(closed: Target, inner: Listener, url: str) -> None:
    for reply in asked(closed, url.replace("PORT", str(inner.port))):
        assert (reply.status, reply.json) == (422, NO_FILE)
    assert inner.reached == 0
    closed.assert_undisturbed(closed.log_position(), 0)
