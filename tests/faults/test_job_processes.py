"""A job's process that cannot be started, says too much, leaves others behind, or is frozen."""

from __future__ import annotations

import os
import re
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from fault_site import MARK, marked
from job_calls import Gate, ended, events, job, log, predict, train
from serving import Server, serving, wait_until

MODELS = ("works=trainable:Works",)
MEGABYTES = 300


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as opened:
        yield opened


@pytest.fixture(scope="module")
def mark() -> str:
    """What every process of the server has inherited."""
    return uuid.uuid4().hex


@pytest.fixture(scope="module")
def server(mark: str) -> Iterator[Server]:
    with serving(*MODELS, "--cancel-grace", "2", **{MARK: mark}) as server:
        yield server


@pytest.fixture
def client(server: Server) -> httpx.Client:
    return server.client


def largest(server: Server) -> int:
    """The most memory that the server ever had, in megabytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) // 1024


def assert_predicts(client: httpx.Client) -> None:
    assert client.post("/v2/models/works/predict/", json={}).status_code == 200


@pytest.mark.slow
def test_a_line_without_end_is_cut_and_costs_no_memory(server: Server, client: httpx.Client) -> None:
    assert ended(client, train(client, "endless_line", number=1))["state"] == "succeeded"
    before = largest(server)
    job_id = train(client, "endless_line", number=MEGABYTES)
    assert ended(client, job_id, 60)["state"] == "succeeded"
    assert largest(server) - before < 30
    cut, last = log(client, job_id)
    assert (cut[-6:], len(cut) < 20_000, cut.isprintable(), last) == (" [cut]", True, True, "the last line")
    found = events(client, job_id)
    assert [event["state"] for event in found if event["event"] == "state"] == [
        "queued",
        "running",
        "succeeded",
    ]
    assert_predicts(client)


@pytest.mark.parametrize(
    ("how", "state", "error"),
    [
        ("return", "succeeded", None),
        ("close all", "failed", "its process ended: "),
        ("raise", "failed", "with children"),
        ("exit", "failed", "its process ended: exit status 7"),
        ("exit in a thread", "failed", "its process ended: exit status 7"),
    ],
)
@pytest.mark.slow
def test_what_a_job_started_ends_with_it_however_it_ends(
    server: Server, client: httpx.Client, mark: str, gate: Gate, how: str, state: str, error: str | None
) -> None:
    before = marked(mark)
    job_id = train(client, "leaves_children", number=gate.port, text=how)
    held = gate.arrival()
    left = marked(mark) - before - {held.pid}
    assert len(left) == 3
    held.release()
    found = ended(client, job_id)
    assert found["state"] == state
    assert (found["error"] or "").startswith(error or "")
    wait_until(lambda: marked(mark) == before, lambda: f"left: {marked(mark) - before}")
    children = psutil.Process(server.process.pid).children(recursive=True)
    assert [child for child in children if child.status() == psutil.STATUS_ZOMBIE] == []
    assert_predicts(client)


@pytest.mark.slow
def test_what_a_job_started_ends_with_a_server_that_is_killed(gate: Gate, tmp_path: Path) -> None:
    mark, spool = uuid.uuid4().hex, tmp_path / "spool"
    with serving(*MODELS, "--spool-dir", str(spool), **{MARK: mark}) as server:
        train(server.client, "leaves_children", number=gate.port)
        held = gate.arrival()
        assert len(marked(mark) - {server.process.pid, held.pid}) >= 3
        server.process.kill()
        wait_until(lambda: not marked(mark), lambda: f"left: {marked(mark)}")
        wait_until(lambda: not any(spool.iterdir()), lambda: f"left: {list(spool.iterdir())}")


@pytest.mark.slow
def test_a_job_waits_while_no_process_can_be_started(server: Server, client: httpx.Client) -> None:
    """The server may have no more descriptors: as with a limit of processes, others may give some back."""
    process = psutil.Process(server.process.pid)
    assert_predicts(client)
    limits = process.rlimit(psutil.RLIMIT_NOFILE)
    start = len(server.lines)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 2, limits[1]))
    try:
        job_id = train(client, "echo", text="in the end")
        server.wait_for_log(rf"job {job_id} cannot be started now: Too many open files", start=start)
        assert job(client, job_id)["state"] == "running"
        assert_predicts(client)
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, limits)
    found = ended(client, job_id)
    assert (found["state"], found["attempt"]) == ("succeeded", 1)


@pytest.mark.slow
def test_a_job_that_cannot_be_started_can_be_cancelled(server: Server, client: httpx.Client) -> None:
    process = psutil.Process(server.process.pid)
    assert_predicts(client)
    limits = process.rlimit(psutil.RLIMIT_NOFILE)
    start = len(server.lines)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 2, limits[1]))
    try:
        job_id = train(client, "echo")
        server.wait_for_log(rf"job {job_id} cannot be started now", start=start)
        assert client.delete(f"/v2/jobs/{job_id}").status_code == 202
        assert ended(client, job_id)["state"] == "cancelled"
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, limits)
    assert ended(client, train(client, "echo"))["state"] == "succeeded"


@pytest.mark.slow
def test_a_job_is_cancelled_though_its_process_is_not_there_yet(client: httpx.Client, gate: Gate) -> None:
    """Between its claim and its process, where the first of these mostly are, it need not be killed."""
    for _ in range(8):
        job_id = train(client, "wait", number=gate.port)
        while job(client, job_id)["state"] == "queued":
            pass
        client.delete(f"/v2/jobs/{job_id}")
        found = ended(client, job_id)
        assert found["state"] == "cancelled"
        # By SIGKILL where the machine is so busy that SIGTERM has not ended it within the grace.
        assert found["ended_by"] in ("before it ran", "SIGTERM", "SIGKILL")


def test_a_frozen_job_is_cancelled_like_any_other(client: httpx.Client, gate: Gate) -> None:
    job_id = train(client, "wait", number=gate.port)
    held = gate.arrival()
    os.kill(held.pid, signal.SIGSTOP)
    assert_predicts(client)
    assert client.delete(f"/v2/jobs/{job_id}").status_code == 202
    found = ended(client, job_id)
    assert (found["state"], found["ended_by"]) == ("cancelled", "SIGKILL")
    held.wait_end()


def test_a_job_that_was_frozen_goes_on(client: httpx.Client, gate: Gate) -> None:
    job_id = predict(client, "wait", number=gate.port)
    held = gate.arrival()
    os.kill(held.pid, signal.SIGSTOP)
    held.release()
    assert job(client, job_id)["state"] == "running"
    os.kill(held.pid, signal.SIGCONT)
    found = ended(client, job_id)
    assert (found["state"], found["attempt"]) == ("succeeded", 1)
