"""What half-sent bodies cost: crowds of slow clients against a real server, measured at its process."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from serving import MODELS, Server, serving, wait_until

MB = 10**6
UPLOADS = 1000  # as many as may be connected, unless somebody says more
FEW_FILES = 300


@contextlib.contextmanager
def started(server: Server, head: str, sent: bytes, count: int) -> Iterator[list[socket.socket]]:
    """So many requests that are never ended; the server has taken from each what it takes."""
    address = httpx.URL(server.url)
    with contextlib.ExitStack() as open_ones:
        clients = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for sock in clients:
            sock.settimeout(60)
            sock.connect((address.host, address.port or 0))
            with contextlib.suppress(ConnectionError):
                sock.sendall(head.encode() + sent)
        yield clients


def grown(server: Server, seconds: float = 60.0) -> int:
    """The most memory that the server has had since, once it has nothing more to do."""
    process = psutil.Process(server.process.pid)
    wait_until(lambda: process.cpu_percent(0.3) < 20, lambda: "the server is still busy", seconds)
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


PATH = "/v2/models/echo/predict"
HEADS = {
    "json": f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: 900000\r\n\r\n",
    "form": f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    "Content-Length: 900000\r\n\r\n--b\r\nContent-Disposition: form-data; name=a; filename=a\r\n\r\n",
    "training": "POST /v2/models/echo/train HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: 900000\r\n\r\n",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    limits = (
        "--max-connections",
        "5000",
        "--max-connections-per-address",
        "0",
        "--max-body-memory",
        "20000000",
    )
    with serving(f"echo={MODELS / 'echoes.py'}:Echo", *limits) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("kind", HEADS)
def test_half_sent_bodies_cost_little(server: Server, kind: str) -> None:
    process = psutil.Process(server.process.pid)
    wait_until(lambda: process.num_fds() < 200, lambda: server.log[-2000:], 60)  # nobody of the last case
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # a new high-water mark begins (proc(5))
    with started(server, HEADS[kind], b'"' + b"x" * 100_000, UPLOADS):
        wait_until(lambda: process.num_fds() > UPLOADS, lambda: server.log[-2000:])
        peak = grown(server)
        assert process.num_fds() > UPLOADS, server.log[-3000:]
        assert server.client.post(PATH, json={"number": 1}).status_code == 200
    assert peak < 250 * MB


def test_few_open_files_leave_room_for_new_clients() -> None:
    """Nobody gets a reset: who has no room is told so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_FILES, hard))
    try:
        context = serving(f"echo={MODELS / 'echoes.py'}:Echo", "--max-connections-per-address", "100")
        few = context.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        with started(few, HEADS["json"], b"x", 400):
            answer = httpx.post(f"{few.url}{PATH}", json={"number": 1}, timeout=30)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        wait_until(
            lambda: httpx.post(f"{few.url}{PATH}", json={"number": 1}, timeout=60.0).status_code == 200,
            lambda: few.log,
            30,
        )
        assert json.loads(few.client.get("/v2/health/live").text)
    finally:
        context.__exit__(None, None, None)
