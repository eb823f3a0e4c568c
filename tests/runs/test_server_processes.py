"""Several processes of one server on one SQLite file: whichever one asks, it is one server."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import job_calls
import pytest
from serving import Server, serving, wait_until
from siblings_site import client_of_each
from version_site import MODEL, factor, live, promoted, train

pytestmark = pytest.mark.slow
# They tell each other: nobody looks by itself as long as is waited here.
ARGUMENTS = (MODEL, "noting=noting_models:Noting", "--server-processes", "2", "--poll-seconds", "60")
TOTAL = re.compile(r'^modelport_requests_total\{model="m",verb="predict",.*\} (\d+)$', re.MULTILINE)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*ARGUMENTS, "--job-workers", "2", "--metrics-port", "0") as server:
        yield server


@pytest.fixture(scope="module")
def clients(server: Server) -> Iterator[list[httpx.Client]]:
    with client_of_each(server) as clients:
        yield clients


def followed(condition: Callable[[], bool], said: str) -> None:
    wait_until(condition, lambda: said, seconds=30.0)


def counted(text: str) -> int:
    return sum(int(number) for number in TOTAL.findall(text))


def test_metrics_are_those_of_all_whoever_is_asked(server: Server, clients: list[httpx.Client]) -> None:
    before = counted(clients[0].get("/metrics").text)
    for client in clients * 5:
        factor(client)
    port = server.wait_for_log(r"metrics on http://127\.0\.0\.1:(\d+)/").group(1)
    shown = [client.get("/metrics").text for client in clients]
    shown += [httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60.0).text for _ in range(3)]
    assert [counted(text) - before for text in shown] == [10] * 5
    assert shown[0].count("# TYPE modelport_requests_total counter\n") == 1
    assert 'modelport_workers{model="m",version="0",state="free"} 2\n' in shown[0]
    assert 'modelport_model_ready{model="m",version="0"} 1\n' in shown[0]
    open_metrics = clients[0].get("/metrics", headers={"accept": "application/openmetrics-text"})
    assert open_metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert "# TYPE modelport_requests counter\n" in open_metrics.text
    assert open_metrics.text.endswith("# EOF\n")


def test_a_model_that_is_unloaded_at_one_is_unloaded_at_all(clients: list[httpx.Client]) -> None:
    one, other = clients
    one.post("/v2/repository/models/noting/unload", json={}).raise_for_status()
    followed(lambda: other.get("/v2/models/noting/ready").status_code == 503, "it is not unloaded")
    other.post("/v2/repository/models/noting/load", json={}).raise_for_status()
    followed(lambda: one.get("/v2/models/noting/ready").status_code == 200, "it is not loaded")


def test_each_job_runs_once_and_is_known_to_all(clients: list[httpx.Client], tmp_path: Path) -> None:
    side = tmp_path / "side"
    ids = [
        clients[number % 2]
        .post(
            "/v2/models/noting/predict/",
            json={"side": str(side), "number": number},
            headers=job_calls.ASYNC,
        )
        .json()["id"]
        for number in range(12)
    ]
    for number, job_id in enumerate(ids):
        client = clients[(number + 1) % 2]  # the one that was not asked for it
        assert job_calls.ended(client, job_id)["state"] == "succeeded"
        assert client.get(f"/v2/jobs/{job_id}/result").json()["number"] == number
        assert f"number {number}" in job_calls.log(client, job_id)
    lines = [line.split() for line in side.read_text().splitlines()]
    assert Counter((line[0], line[3]) for line in lines) == {
        (job_id, phase): 1 for job_id in ids for phase in ("start", "end")
    }


def test_a_job_is_cancelled_by_whichever_process(clients: list[httpx.Client], tmp_path: Path) -> None:
    wish = {"side": str(tmp_path / "side"), "seconds": 600}
    ids = [
        client.post("/v2/models/noting/predict/", json=wish, headers=job_calls.ASYNC).json()["id"]
        for client in clients
    ]
    for job_id in ids:
        followed(lambda j=job_id: job_calls.job(clients[0], j)["state"] == "running", f"{job_id} waits")
    for job_id in ids:  # one of the two runs at the other process, wherever they are
        clients[0].delete(f"/v2/jobs/{job_id}").raise_for_status()
    for job_id in ids:
        assert job_calls.ended(clients[1], job_id)["state"] == "cancelled"


def test_a_promotion_is_seen_by_all(clients: list[httpx.Client]) -> None:
    one, other = clients
    train(one, factor=2)
    train(other, factor=3)
    promoted(one, 1)
    followed(lambda: live(other) == 1 and factor(other) == 2, "the promotion")
    promoted(other, 2)
    followed(lambda: live(one) == 2 and factor(one) == 3, "the other promotion")


def test_a_rate_is_that_of_all_processes_together() -> None:
    rates = ("--rate", "40/h", "--server-processes", "2")
    with serving("echo=echoes:Echo", *rates) as server, client_of_each(server) as clients:
        asked = [clients[number % 2].post("/v2/models/echo/predict", json={}) for number in range(60)]
    assert Counter(answer.status_code for answer in asked) == {200: 40, 429: 20}


def test_calls_at_once_and_rates_of_addresses_are_those_of_all_processes_together() -> None:
    limits = ("--max-calls-at-once", "1", "--rate-per-address", "5000/h", "--server-processes", "2")
    predict = "/v2/models/echo/predict"
    with serving("echo=echoes:Echo", *limits) as server, client_of_each(server) as clients:
        url = httpx.URL(server.url)
        head = f"POST {predict} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9"
        with socket.create_connection((url.host, url.port or 0), timeout=30) as sock:
            sock.sendall(f"{head}\r\n\r\n".encode())
            assert sock.recv(1000).startswith(b"HTTP/1.1 100"), "the call is under way"
            assert [client.post(predict, json={}).status_code for client in clients] == [429, 429]
        for client in clients:
            followed(lambda c=client: c.post(predict, json={}).status_code == 200, "it is under way still")
        left = [client.get("/v2/me/limits").json()["rate_per_address"]["left"] for client in clients]
        for _ in range(400):
            clients[0].get("/v2/health/live")
        used = [
            before - client.get("/v2/me/limits").json()["rate_per_address"]["left"]
            for before, client in zip(left, clients, strict=True)
        ]
        assert min(used) > 0, "what the one has let in the other one lacks"
