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
KEPT = 60 * MB  # the answers of all readers, which wait in the server: the system takes but 100 kB of each
LINES = 1200  # of 4 kB each: for every reader several times what it may cost

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

class Measures(modelport.Model):
    def predict(self, n: int = 1) -> int:
        return n

    def train(self, numbers: int, text: str = "") -> str:
        job = modelport.current_job()
        job.log_performance({f"number {number}": number / 7 for number in range(numbers)})
        (job.checkpoint_dir / "model").write_text("x")
        job.save_model(job.checkpoint_dir / "model")
        return "x" * 900_000

    def load_model(self, path):
        pass

class Streams(modelport.Model):
    def predict(self) -> Iterator[str]:
        for _ in range(1000):
            yield "x" * 1_000_000
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("pours")
    (folder / "pours.py").write_text(MODEL)
    models = [f"{name.lower()}={folder / 'pours.py'}:{name}" for name in ("Pours", "Streams", "Measures")]
    with serving(*models, "--workers", "2") as running:
        yield running


@pytest.fixture(scope="module")
def job(server: Server) -> str:
    answer = server.client.post("/v2/models/pours/train", json={"lines": LINES, "metrics": 200})
    job_id = answer.json()["uuid"]
    assert ended(server.client, job_id, 120)["state"] == "succeeded"
    return job_id


@contextlib.contextmanager
def deaf(
    server: Server, request: bytes, count: int = READERS, *, cut: bool = False
) -> Iterator[list[socket.socket]]:
    """So many clients that have sent a request and read nothing but the beginning of the answer.

    With `cut` the server may have given some of them up.
    """
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
            with contextlib.suppress(ConnectionError) if cut else contextlib.nullcontext():
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

    wait_until(is_quiet, lambda: f"{process.cpu_percent(0.3)} % busy")
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def get(path: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def post(path: str, body: object) -> bytes:
    data = json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    return "\r\n".join([*head, f"Content-Length: {len(data)}", "", ""]).encode() + data


def test_answers_that_are_not_read_take_no_more_than_the_setting_says(tmp_path: Path) -> None:
    """Each of 60 clients has asked for eight answers of 1 MB; half of them fit into its socket."""
    (tmp_path / "pours.py").write_text(MODEL)
    options = "--max-answer-memory", str(4 * MB), "--write-timeout", "600"
    with serving(f"pours={tmp_path / 'pours.py'}:Pours", *options) as small:
        process = psutil.Process(small.process.pid)
        assert small.client.post("/v2/models/pours/predict", json={"size": 1_000_000}).status_code == 200
        before, files = process.memory_info().rss, process.num_fds()
        asked = post("/v2/models/pours/predict", {"size": 1_000_000}) * 8
        with deaf(small, asked, 60, cut=True):
            wait_until(lambda: process.num_fds() < files + 40, lambda: f"{process.num_fds()} are open")
            assert small.client.post("/v2/models/pours/predict", json={"size": 9}).status_code == 200
            peak = settled(small)
        assert peak - before < 150 * MB


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
        peak = max(peak, settled(server))
    assert peak < MOST + KEPT


def test_answers_to_many_requests_at_once_cost_little(server: Server) -> None:
    with deaf(server, post("/v2/models/pours/predict", {"size": 20_000}) * 40, 60):
        peak = settled(server)
    assert peak < MOST


TRAININGS = 8  # each with 3 MB of numbers, 0.9 MB of a result and 0.9 MB of arguments
LISTINGS = {
    "runs": "/v2/models/measures/runs?top=1000",
    "runs in order": "/v2/models/measures/runs?top=1000&order_by=number 9",
    "versions": "/v2/models/measures/versions?limit=1000",
    "trainings": "/v2/models/measures/train",
    "jobs": "/v2/jobs?model=measures&limit=500",
    "run": "/v2/models/measures/runs/live",
    "performance": "/v2/models/measures/performance",
}


@pytest.fixture(scope="module")
def trained(server: Server) -> list[str]:
    sent = {"numbers": 150_000, "text": "x" * 900_000}
    started = [server.client.post("/v2/models/measures/train", json=sent).json() for _ in range(TRAININGS)]
    ids: list[str] = [one["uuid"] for one in started]
    for one in ids:
        assert ended(server.client, one, 120)["state"] == "succeeded"
    return ids


@pytest.mark.slow
@pytest.mark.parametrize("what", LISTINGS)
def test_rows_of_many_numbers_cost_little(server: Server, trained: list[str], what: str) -> None:
    """A listing of them all is 24 MB, and was as much for each reader, and several times that while made."""
    with deaf(server, get(LISTINGS[what].replace(" ", "%20")), 15):
        peak = settled(server)
    assert peak < 350 * MB


@pytest.mark.slow
def test_nothing_is_lost_where_a_page_is_bounded_in_bytes(server: Server, trained: list[str]) -> None:
    for path, rows, key in (
        ("/v2/models/measures/runs", "runs", "run_id"),
        ("/v2/models/measures/versions", "versions", "run_id"),
        ("/v2/jobs", "jobs", "id"),
    ):
        found: list[str] = []
        cursor = ""
        while cursor is not None:
            page = server.client.get(path, params={"cursor": cursor} if cursor else {}).json()
            found += [row[key] for row in page[rows] if row[key] is not None]
            cursor = page["next_cursor"]
        assert found[:TRAININGS] == trained[::-1]
    listed = server.client.get("/v2/models/measures/train").json()
    assert [one["uuid"] for one in listed] == [one for one in trained if one in {o["uuid"] for o in listed}]
    shown = [one for one in listed if one["result"]["output"] is not None]
    assert listed[-len(shown) :] == shown  # the newest
    assert 1 <= len(shown) < TRAININGS
    assert server.client.get(f"/v2/models/measures/train/{trained[0]}").json()["result"]["output"]
