"""A server on a Unix socket, from its command to its clients."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Server, environment, serving, start

import modelport


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "modelport.sock"


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[Server]:
    with serving("Twice=reached:Twice", "--uds", str(path), "--max-connections-per-address", "1") as running:
        yield running


def test_it_says_where_it_is(server: Server, path: Path) -> None:
    assert server.url == f"unix://{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    server.wait_for_log(re.escape("port: of no use beside uds"))  # the tests give one


def test_both_paths_of_a_prediction_answer(server: Server) -> None:
    hot = server.client.post("/v2/models/Twice/predict", json={"number": 21})
    assert (hot.status_code, hot.json()) == (200, 42)
    long = server.client.post("/v2/models/Twice/predict", data={"number": "4"})
    assert long.json() == 8
    assert server.client.get("/v2/nothing").status_code == 404


def test_what_was_wrong_is_logged_without_an_address(server: Server, path: Path) -> None:
    seen = len(server.lines)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.sendall(b"nonsense\r\n\r\n")
        assert sock.recv(1 << 16).startswith(b"HTTP/1.1 400 ")
    server.wait_for_log("refused a request of a local client", start=seen)


def test_connections_are_of_no_address(server: Server, path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        for sock in (one, other):
            sock.connect(str(path))
            sock.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: here\r\n\r\n")
            assert sock.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_the_clients_reach_it(server: Server) -> None:
    with modelport.Client(server.url) as client:
        assert client.predict("Twice", number=3) == 6
        assert client.train("Twice", number=5).result(timeout=60) == 5

    async def ask() -> int:
        async with modelport.AsyncClient(server.url) as client:
            return await client.predict("Twice", number=4)

    assert asyncio.run(ask()) == 8
    with pytest.raises(ValueError, match="names no Unix socket; write unix:///path"):
        modelport.Client("unix://here.sock")


def test_commands_reach_it(server: Server) -> None:
    command = [sys.executable, "-m", "modelport", "jobs", "--url", server.url, "--json"]
    asked = subprocess.run(command, env=environment(), capture_output=True, timeout=60, check=False)
    assert (asked.returncode, asked.stdout[:1]) == (0, b"[")


@pytest.mark.skipif(shutil.which("curl") is None, reason="it asks with curl")
def test_curl_reaches_it(server: Server, path: Path) -> None:
    command = ["curl", "-sS", "--unix-socket", str(path), "http://here/v2/health/live"]
    assert subprocess.run(command, capture_output=True, timeout=20, check=True).stdout == b'{"live":true}'


def refused(*options: str) -> tuple[int, str]:
    """The exit status of a server that does not start, and what it says."""
    process = start("Twice=reached:Twice", *options)
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    return process.wait(30), said


def test_one_that_lives_keeps_its_path(server: Server, path: Path) -> None:
    status, said = refused("--uds", str(path))
    assert status == 3
    assert f"cannot listen on {path}: Address already in use; a server answers there" in said
    assert server.client.get("/v2/health/live").status_code == 200


def test_what_is_no_socket_stays(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    status, said = refused("--uds", str(file))
    assert (status, file.read_text()) == (3, "mine")
    assert "there is a file of this name, and it is no socket" in said


def test_a_path_that_is_too_long_and_tls_are_refused(tmp_path: Path) -> None:
    status, said = refused("--uds", str(tmp_path / ("x" * 120)))
    assert (status, "is too long: the path of a Unix socket has 107 bytes at most" in said) == (2, True)
    status, said = refused("--uds", str(tmp_path / "s"), "--tls-cert", "cert.pem")
    assert (status, "a Unix socket has no TLS" in said) == (2, True)
    status, said = refused("--uds-mode", "660")
    assert (status, "uds_mode is of no use without uds" in said) == (2, True)


def test_a_dead_ones_path_is_taken_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with serving(
        "Twice=reached:Twice", "--uds", str(path), "--uds-mode", "660", "--base-path", "/m"
    ) as server:
        assert server.url == f"unix://{path}:/m"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        with modelport.Client(server.url) as client:
            assert client.predict("Twice", number=3) == 6
    assert not path.exists()
