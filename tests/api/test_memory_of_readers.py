"""What clients cost that ask for much and read nothing: bytes, whatever they ask for."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from job_calls import ended
from serving import Server, serving, wait_until

MB = 10**6
READERS = 200
MOST = 200 * MB
LINES = 3000

MODEL = """
from collections.abc import Iterator
import modelport

class Pours(modelport.Model):
    max_concurrency = 8

    def predict(self, size: int = 1000) -> str:
        return "x" * size

    def train(self, lines: int = 0, metrics: int = 0) -> str:
        job = modelport.current_job()
        for line in range(lines):
            print(f"line {line} ".ljust(4000, "x"))
        job.log_metrics({f"metric {number}" + "x" * 100: number for number in range(metrics)})
        (job.checkpoint_dir / "large").write_bytes(bytes(20_000_000))
        job.artifact(job.checkpoint_dir / "large")
        return "x" * 900_000

class Streams(modelport.Model):
    def predict(self) -> Iterator[str]:
        for _ in range(1000):
            yield "x" * 1_000_000
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("pours")
    (folder / "pours.py").write_text(MODEL)
    models = [f"{name.lower()}={folder / 'pours.py'}:{name}" for name in ("Pours", "Streams")]
    with serving(*models, "--workers", "2") as running:
        yield running


@pytest.fixture(scope="module")
def job(server: Server) -> str:
    answer = server.client.post("/v2/models/pours/train", json={"lines": LINES, "metrics": 200})
    job_id = answer.json()["uuid"]
    assert ended(server.client, job_id, 120)["state"] == "succeeded"
    return job_id


@contextlib.contextmanager
def deaf(server: Server, request: bytes, count: int = READERS) -> Iterator[list[socket.socket]]:
    """So many clients that have sent a request and read nothing but the beginning of the answer."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # a new high-water mark begins (proc(5))
    address = httpx.URL(server.url)
    with contextlib.ExitStack() as open_ones:
        clients: list[socket.socket] = []
        for _ in range(count):
            sock = open_ones.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.settimeout(60)
            sock.connect((address.host, address.port or 0))
            sock.sendall(request)
            clients.append(sock)
        for sock in clients:
            assert sock.recv(1, socket.MSG_PEEK)
        yield clients


def settled(server: Server) -> int:
    """The most memory that the server has had since, in bytes, once it has nothing more to do."""
    process = psutil.Process(server.process.pid)
    spent = -1.0

    def is_quiet() -> bool:
        nonlocal spent
        before, spent = spent, sum(process.cpu_times()[:2])
        return process.cpu_percent(0.3) < 20 and spent - before < 0.2

    wait_until(is_quiet, lambda: f"{process.cpu_percent(0.3)} % busy", 60)
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def get(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def post(path: str, body: object) -> bytes:
    data = json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    return "\r\n".join([*head, f"Content-Length: {len(data)}", "", ""]).encode() + data


PATHS = {
    "log": "/v2/jobs/{job}/log",
    "followed log": "/v2/jobs/{job}/log?follow=1",
    "events": "/v2/jobs/{job}/events",
    "metrics": "/v2/jobs/{job}/metrics",
    "artifact": "/v2/jobs/{job}/artifacts/large",
    "document": "/openapi.json",
    "asset": "/static/redoc.standalone.js",
}


@pytest.mark.parametrize("what", PATHS)
def test_readers_that_do_not_read_cost_little(server: Server, job: str, what: str) -> None:
    with deaf(server, get(PATHS[what].format(job=job))):
        peak = settled(server)
        assert server.client.get("/v2/health/live").status_code == 200
    assert peak < MOST


def test_an_artifact_in_many_parts_costs_little(server: Server, job: str) -> None:
    ranges = ",".join(f"{start}-{start + 5000}" for start in range(0, 5_000_000, 10_000))
    with deaf(server, get(PATHS["artifact"].format(job=job), f"Range: bytes={ranges}")):
        peak = settled(server)
    assert peak < MOST


def test_answers_and_streams_of_models_cost_little(server: Server) -> None:
    with deaf(server, post("/v2/models/pours/predict", {"size": 300_000})):
        peak = settled(server)
    with deaf(server, post("/v2/models/streams/predict", {}), 2):
        peak = settled(server)
    assert peak < MOST


def test_answers_to_many_requests_at_once_cost_little(server: Server) -> None:
    with deaf(server, post("/v2/models/pours/predict", {"size": 20_000}) * 40, 60):
        peak = settled(server)
    assert peak < MOST
