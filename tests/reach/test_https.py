"""A server with TLS, from its command to its clients."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from certificates import Authority, Pair
from serving import Server, environment, serving, start

import modelport


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class Live:
    """The files of a server as certbot has them: links to those that hold."""

    def __init__(self, folder: Path, pair: Pair):
        self.cert, self.key = folder / "fullchain.pem", folder / "privkey.pem"
        self.point_to(pair)

    def point_to(self, pair: Pair) -> None:
        """Have both links lead to another pair."""
        for link, target in ((self.cert, pair.cert), (self.key, pair.key)):
            fresh = link.with_suffix(".new")
            fresh.symlink_to(target)
            fresh.replace(link)


@pytest.fixture(scope="module")
def live(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Live:
    return Live(tmp_path_factory.mktemp("live"), authority.pair())


@pytest.fixture(scope="module")
def server(authority: Authority, live: Live) -> Iterator[Server]:
    trusted = ssl.create_default_context(cafile=authority.file)
    options = ("--tls-cert", str(live.cert), "--tls-key", str(live.key))
    with serving("Twice=reached:Twice", *options, verify=trusted) as running:
        yield running


def serial_of(server: Server, authority: Authority) -> str:
    """The serial number of the certificate that a new connection gets."""
    place = urlsplit(server.url)
    context = ssl.create_default_context(cafile=authority.file)
    with socket.create_connection((str(place.hostname), int(place.port or 0)), 5) as sock:
        with context.wrap_socket(sock, server_hostname="localhost") as spoken:
            found: Any = spoken.getpeercert()
            return found["serialNumber"]


def test_it_says_https(server: Server) -> None:
    assert server.url.startswith("https://127.0.0.1:")
    assert server.client.get("/v2/health/live").json() == {"live": True}


def test_the_hot_path_and_the_long_one_answer(server: Server) -> None:
    hot = server.client.post("/v2/models/Twice/predict", json={"number": 21})
    assert (hot.status_code, hot.json()) == (200, 42)
    long = server.client.post("/v2/models/Twice/predict", data={"number": "4"})
    assert (long.status_code, long.json()) == (200, 8)


def test_links_and_locations_need_no_scheme(server: Server) -> None:
    made = server.client.post("/v2/models/Twice/train", json={"number": 1})
    assert made.headers["location"].startswith("/v2/")


def test_the_client_takes_an_authority(server: Server, authority: Authority, monkeypatch: Any) -> None:
    with modelport.Client(server.url, verify=authority.file) as client:
        assert client.predict("Twice", number=3) == 6
    with modelport.Client(server.url) as client, pytest.raises(modelport.client.ConnectionFailed):
        client.predict("Twice", number=3, timeout=5)
    monkeypatch.setenv("MODELPORT_CA_FILE", str(authority.file))
    with modelport.Client(server.url) as client:
        assert client.predict("Twice", number=3) == 6


def test_a_file_that_has_no_authority_is_named(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing.pem has no certificates of authorities"):
        modelport.Client(server.url, verify=tmp_path / "nothing.pem")


def test_commands_take_an_authority(server: Server, authority: Authority) -> None:
    command = ["jobs", "--url", server.url, "--json"]
    assert b"certificate verify failed" in modelport_command(command).stderr
    asked = modelport_command(command, MODELPORT_CA_FILE=str(authority.file))
    assert (asked.returncode, asked.stdout[:1]) == (0, b"[")


def modelport_command(arguments: list[str], **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run `modelport …` to its end."""
    command = [sys.executable, "-m", "modelport", *arguments]
    return subprocess.run(command, env=environment(**variables), capture_output=True, timeout=60, check=False)


@pytest.mark.skipif(shutil.which("curl") is None, reason="it asks with curl")
def test_curl_is_answered(server: Server, authority: Authority) -> None:
    command = ["curl", "-sS", "--cacert", str(authority.file), f"{server.url}/v2/health/live"]
    assert subprocess.run(command, capture_output=True, timeout=20, check=True).stdout == b'{"live":true}'
    plain = ["curl", "-sS", server.url.replace("https:", "http:") + "/v2/health/live"]
    assert (
        b"This port speaks TLS" in subprocess.run(plain, capture_output=True, timeout=20, check=True).stdout
    )


def test_a_new_pair_is_taken_and_nothing_is_dropped(
    server: Server, authority: Authority, live: Live, tmp_path: Path
) -> None:
    before = serial_of(server, authority)
    answers: list[Any] = []
    gate = tmp_path / "gate"

    def ask() -> None:
        answers.append(server.client.post("/v2/models/Twice/predict", json={"number": 1, "gate": str(gate)}))

    asking = threading.Thread(target=ask)
    asking.start()
    seen = len(server.lines)
    live.point_to(authority.pair())
    server.wait_for_log("new connections get the certificate", start=seen)
    gate.touch()
    asking.join(30)
    assert [answer.json() for answer in answers] == [2]
    assert serial_of(server, authority) != before
    with httpx.Client(verify=ssl.create_default_context(cafile=authority.file), timeout=60.0) as fresh:
        assert fresh.get(f"{server.url}/v2/health/live").status_code == 200


@pytest.mark.slow
def test_a_broken_pair_leaves_the_old_one(server: Server, authority: Authority, live: Live) -> None:
    before = serial_of(server, authority)
    one, other = authority.pair(), authority.pair()
    seen = len(server.lines)
    live.point_to(Pair(one.cert, other.key))
    said = server.wait_for_log("the old one stays: (.*)", start=seen).group(1)
    assert f"{live.key} is not the key of the certificate in {live.cert}" in said
    assert serial_of(server, authority) == before
    live.key.unlink()
    server.wait_for_log(r"tls_key: .* cannot be read: No such file", start=seen)
    assert serial_of(server, authority) == before
    live.key.symlink_to(one.key)
    server.wait_for_log("new connections get the certificate", start=seen)
    assert serial_of(server, authority) != before


def refused(*options: str, **variables: str) -> str:
    """What a server says that does not start."""
    process = start("Twice=reached:Twice", *options, **variables)
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.wait(30) == 2
    process.stderr.close()
    return said


def test_what_cannot_be_used_is_named_at_the_start(authority: Authority, tmp_path: Path) -> None:
    one, other = authority.pair(), authority.pair()
    locked = authority.pair(password="open")
    empty = tmp_path / "empty.pem"
    empty.touch()
    missing = tmp_path / "missing.pem"
    wrong = tmp_path / "wrong.txt"
    wrong.write_text("shut")

    def said(cert: Path | None, key: Path | None = None, *more: str) -> str:
        pair = (("--tls-cert", cert), ("--tls-key", key))
        return refused(*(word for name, file in pair if file for word in (name, str(file))), *more)

    assert f"tls_cert: {missing} cannot be read: No such file" in said(missing, one.key)
    assert f"tls_cert: {empty} has no certificate in PEM form" in said(empty, one.key)
    assert f"tls_key: {one.cert} has no private key in PEM form; name the file" in said(one.cert)
    assert f"tls_key: {other.key} is not the key of the certificate" in said(one.cert, other.key)
    assert "tls_key is of no use without tls_cert" in said(None, one.key)
    assert "is encrypted: give its password" in said(locked.cert, locked.key)
    with_wrong = said(locked.cert, locked.key, "--tls-key-password-file", str(wrong))
    assert "is encrypted, and with another password" in with_wrong


@pytest.mark.parametrize("way", ["file", "variable"])
def test_a_key_with_a_password_is_opened(authority: Authority, tmp_path: Path, way: str) -> None:
    locked = authority.pair(password="open sesame")
    password = tmp_path / "password.txt"
    password.write_text("open sesame\n")
    options = ["--tls-cert", str(locked.cert), "--tls-key", str(locked.key)]
    variables = {"MODELPORT_TLS_KEY_PASSWORD": "open sesame"} if way == "variable" else {}
    if way == "file":
        options += ["--tls-key-password-file", str(password)]
    trusted = ssl.create_default_context(cafile=authority.file)
    with serving("Twice=reached:Twice", *options, wait=False, verify=trusted, **variables) as server:
        assert server.client.get("/v2/health/live").status_code == 200
