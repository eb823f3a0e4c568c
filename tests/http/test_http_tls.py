"""TLS as bytes on a connection: who does not shake hands, who speaks something else, who is too old."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator

import pytest
from certificates import Authority
from http_site import GOOD, SECONDS, Site, get, post, problem, read_all, read_one, secure_site, statuses

from modelport.http.limits import HttpLimits

HELLO = bytes.fromhex("1603010200010001fc0303")  # the begin of a record with a ClientHello


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Iterator[Site]:
    with secure_site(authority, HttpLimits()) as site:
        yield site


@pytest.fixture
def tcp(secure: Site) -> Iterator[socket.socket]:
    """A connection without TLS."""
    with socket.create_connection(("127.0.0.1", secure.port), SECONDS) as sock:
        yield sock


def test_plain_http_is_told_what_is_spoken_here(tcp: socket.socket) -> None:
    tcp.sendall(GOOD)
    said = problem(read_all(tcp))
    assert (said["status"], said["detail"]) == (
        400,
        "This port speaks TLS, and plain HTTP was sent; use an https:// address.",
    )


def test_what_is_neither_is_closed_without_a_word(tcp: socket.socket) -> None:
    tcp.sendall(b"\0\1\2\3")
    assert read_all(tcp) == b""


@pytest.mark.parametrize("sent", [b"", HELLO[:1], HELLO], ids=["nothing", "one byte", "half a hello"])
def test_a_handshake_that_does_not_end_is_cut(authority: Authority, sent: bytes) -> None:
    with secure_site(authority, HttpLimits(header_deadline_s=0.3)) as hasty:
        with socket.create_connection(("127.0.0.1", hasty.port), SECONDS) as sock:
            sock.sendall(sent)
            assert read_all(sock) == b""


def test_a_hello_that_is_none_gets_an_alert(tcp: socket.socket) -> None:
    tcp.sendall(b"\x16\x03\x01\x00\x05hello")
    assert read_all(tcp)[:1] == b"\x15"  # of the type alert


def test_who_has_not_shaken_hands_is_counted(authority: Authority) -> None:
    with secure_site(authority, HttpLimits(connections=1)) as site:
        with socket.create_connection(("127.0.0.1", site.port), SECONDS):
            with site.client() as sock:
                assert problem(read_all(sock))["status"] == 503
        with site.client() as sock:
            sock.sendall(GOOD)
            assert read_one(sock)[0] == 200


def test_who_does_not_shake_hands_gives_way(authority: Authority) -> None:
    with secure_site(authority, HttpLimits(connections=2)) as site, contextlib.ExitStack() as silent:
        for _ in range(2):
            silent.enter_context(socket.create_connection(("127.0.0.1", site.port), SECONDS))
        deadline = time.monotonic() + 60
        while statuses(answer := site.talk(get(b"/get", b"Connection: close"))) != [200]:
            assert problem(answer)["status"] == 503
            assert time.monotonic() < deadline, answer


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_both_versions_are_spoken(secure: Site, version: str) -> None:
    assert secure.tls is not None
    with socket.create_connection(("127.0.0.1", secure.port), SECONDS) as sock:
        context = ssl.create_default_context()
        context.load_verify_locations(cadata=secure.tls.get_ca_certs(binary_form=True)[0])
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
        context.set_alpn_protocols(["h2", "http/1.1"])
        with context.wrap_socket(sock, server_hostname="localhost") as spoken:
            assert spoken.version() == version.replace("_", ".")
            assert spoken.selected_alpn_protocol() == "http/1.1"
            spoken.sendall(GOOD)
            assert read_one(spoken) == (200, b"/good ")


@pytest.mark.parametrize("weak", [["-tls1_1"], ["-tls1_2", "-cipher", "AES128-SHA:ECDHE-ECDSA-AES128-SHA"]])
@pytest.mark.skipif(shutil.which("openssl") is None, reason="it asks with openssl s_client")
def test_what_is_too_old_is_refused(secure: Site, weak: list[str]) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", *weak]
    if "-cipher" not in weak:
        command += ["-cipher", "ALL:@SECLEVEL=0"]
    asked = subprocess.run(command, input=b"", capture_output=True, timeout=20, check=False)
    assert asked.returncode
    assert b"alert" in asked.stderr


def test_a_large_body_and_a_large_answer_arrive(secure: Site) -> None:
    with secure.client() as sock:
        body = bytes(range(256)) * 20_000
        sock.sendall(post(b"Content-Length: %d" % len(body), body=body))
        assert read_one(sock)[0] == 200
        assert secure.app.bodies[-1] == body
        sock.sendall(get(b"/pieces", b"Connection: close"))
        assert len(read_all(sock)) > 24 << 20


def test_who_ends_tls_in_the_middle_of_a_call_is_gone(secure: Site) -> None:
    sock = socket.create_connection(("127.0.0.1", secure.port), SECONDS)
    assert secure.tls is not None
    with secure.tls.wrap_socket(sock, server_hostname="localhost") as spoken:
        spoken.sendall(get(b"/hang"))
        assert secure.app.started.acquire(timeout=30)
    assert secure.app.left.acquire(timeout=30)
