"""kill -9 of the server and of a job's process: nothing is lost, nothing counts twice."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from job_calls import Gate, ended, events, job, log, predict, reached, train
from serving import Server, serving, wait_until

WORKS = "works=trainable:Works"
QUEUED = 10


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """A server that is not killed itself."""
    with serving(WORKS, "again=trainable:WorksAgain") as server:
        yield server.client


def killed(server: Server) -> None:
    server.process.kill()
    assert server.process.wait() == -signal.SIGKILL


def states(client: httpx.Client, job_id: str) -> list[str]:
    return [event["state"] for event in events(client, job_id) if event["event"] == "state"]


@pytest.mark.slow
def test_a_training_is_interrupted_when_its_server_is_killed(tmp_path: Path, gate: Gate) -> None:
    data = ("--data-dir", str(tmp_path))
    with serving(WORKS, *data) as server:
        upload = {"table": ("a.csv", "rows")}
        arguments = {"do": "wait", "number": str(gate.port)}
        answer = server.client.post("/v2/models/works/train/", data=arguments, files=upload)
        job_id = answer.json()["uuid"]
        held = gate.arrival()
        killed(server)
        held.wait_end()  # its process has gone with the server
    with serving(WORKS, *data) as server:
        client = server.client
        found = reached(client, job_id, ("interrupted",))
        assert (found["error"], found["ended_by"]) == ("the server that ran it is gone", "lost")
        shown = client.get(f"/v2/models/works/train/{job_id}").json()
        assert (shown["status"], shown["message"]) == ("error", "the server that ran it is gone")
        assert client.get(f"/v2/jobs/{job_id}/result").status_code == 409
        again = client.post(f"/v2/jobs/{job_id}/retry")
        assert (again.status_code, again.json()["state"]) == (202, "queued")
        held = gate.arrival()
        assert (held.attempt, held.text) == (2, "a.csv: rows")  # its upload was kept for it
        held.release()
        assert ended(client, job_id)["state"] == "succeeded"
        assert states(client, job_id) == [
            "queued",
            "running",
            "interrupted",
            "queued",
            "running",
            "succeeded",
        ]
        assert log(client, job_id) == ["released"]


@pytest.mark.slow
def test_jobs_of_a_file_are_taken_over_at_once_whoever_had_it(tmp_path: Path, gate: Gate) -> None:
    """The folder's lock says that the server before is gone, though it had another host or machine."""
    data = ("--data-dir", str(tmp_path))
    with serving(WORKS, *data) as server:
        job_id = train(server.client, "wait", number=gate.port)
        gate.arrival()
        killed(server)
    with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database, database:
        database.execute("UPDATE jobs SET owner = 'another-machine.1', lease_until = lease_until + 3600")
    with serving(WORKS, *data) as server:
        assert reached(server.client, job_id, ("interrupted",))["ended_by"] == "lost"


@pytest.mark.slow
def test_what_crashes_left_in_the_data_folder_is_swept_at_start(tmp_path: Path, gate: Gate) -> None:
    data = ("--data-dir", str(tmp_path))
    upload = {"table": ("a.csv", "rows")}

    def inputs() -> list[str]:
        return sorted(path.parent.name for path in (tmp_path / "jobs").glob("*/*/inputs"))

    with serving(WORKS, *data, MODELPORT_FAILPOINT="submit.before_insert:kill@1") as server:
        with pytest.raises(httpx.TransportError):
            server.client.post("/v2/models/works/train/", files=upload)
        assert server.process.wait() == -signal.SIGKILL
    assert len(inputs()) == 1  # of a job that never was
    with serving(WORKS, *data) as server:
        answer = server.client.post("/v2/models/works/train/", files=upload)
        over = answer.json()["uuid"]
        assert ended(server.client, over)["state"] == "succeeded"
        arguments = {"do": "wait", "number": str(gate.port)}
        answer = server.client.post("/v2/models/works/train/", data=arguments, files=upload)
        kept = answer.json()["uuid"]
        gate.arrival()
        killed(server)
    (tmp_path / "jobs" / over[-2:] / over / "inputs").mkdir()  # as if killed before they were dropped
    with serving(WORKS, *data) as server:
        reached(server.client, kept, ("interrupted",))
        wait_until(lambda: inputs() == [kept], lambda: f"{inputs()}, not {kept}\n{server.log}")
    assert not [path for path in (tmp_path / "servers").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_an_interrupted_training_can_be_cancelled(tmp_path: Path, gate: Gate) -> None:
    data = ("--data-dir", str(tmp_path))
    with serving(WORKS, *data) as server:
        job_id = train(server.client, "wait", number=gate.port)
        gate.arrival()
        killed(server)
    with serving(WORKS, *data) as server:
        reached(server.client, job_id, ("interrupted",))
        answer = server.client.delete(f"/v2/jobs/{job_id}")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
        assert server.client.post(f"/v2/jobs/{job_id}/retry").status_code == 409


@pytest.mark.slow
def test_a_resumable_training_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    with serving("r=trainable:Resumable", *data) as server:
        body = {"epochs": 4, "started": str(tmp_path / "started")}
        job_id = server.client.post("/v2/models/r/train/", json=body).json()["uuid"]
        with server.client.stream("GET", f"/v2/jobs/{job_id}/log?follow=1") as answer:
            text = ""
            for part in answer.iter_text():
                text += part
                if "epoch 1 of attempt 1\n" in text:
                    break
        wait_until((tmp_path / "started").exists, lambda: server.log)  # its next step is written down
        killed(server)
    with serving("r=trainable:Resumable", *data) as server:
        client = server.client
        assert reached(client, job_id, ("succeeded",))["attempt"] == 2
        assert client.get(f"/v2/jobs/{job_id}/result").json() == {"attempt": 2, "first": 2}
        assert log(client, job_id) == [f"epoch {n} of attempt {1 + n // 2}" for n in range(4)]


@pytest.mark.slow
def test_queued_predictions_outlive_their_server(tmp_path: Path, gate: Gate) -> None:
    """One runs and many wait: all end with a result, and only what ran at the time may have run twice."""
    data = ("--data-dir", str(tmp_path / "data"))
    side = tmp_path / "side"
    with serving(WORKS, *data) as server:
        first = predict(server.client, "wait", number=gate.port)
        held = gate.arrival()
        queued = [predict(server.client, "note", text=str(side), number=n) for n in range(QUEUED)]
        killed(server)
        held.wait_end()
    assert not side.exists()
    with serving(WORKS, *data, "--job-workers", "2") as server:
        client = server.client
        held = gate.arrival()
        assert held.attempt == 2
        held.release()
        for job_id in (first, *queued):
            assert ended(client, job_id, 60)["state"] == "succeeded"
        assert Counter(side.read_text().split("\n")) == Counter(["", *(f"{n} 1" for n in range(QUEUED))])
        for number, job_id in enumerate(queued):
            assert client.get(f"/v2/jobs/{job_id}/result").json()["predictions"] == number
            said = states(client, job_id)  # once more each time that no worker was free for it soon
            assert said == ["queued", "running"] * (len(said) // 2) + ["succeeded"]


@pytest.mark.slow
def test_a_server_that_is_killed_again_while_it_recovers_loses_nothing(tmp_path: Path, gate: Gate) -> None:
    data = ("--data-dir", str(tmp_path))
    with serving(WORKS, *data) as server:
        job_id = predict(server.client, "wait", number=gate.port)
        gate.arrival()
        killed(server)
    for _ in range(2):
        with serving(WORKS, *data, wait=False) as server:
            killed(server)
    with serving(WORKS, *data) as server:
        held = gate.arrival()
        held.release()
        found = ended(server.client, job_id)
        assert (found["state"], found["attempt"]) == ("succeeded", held.attempt)


def test_a_prediction_whose_process_is_killed_runs_again_at_once(client: httpx.Client, gate: Gate) -> None:
    job_id = predict(client, "wait", number=gate.port)
    held = gate.arrival()
    os.kill(held.pid, signal.SIGKILL)
    held = gate.arrival()
    assert held.attempt == 2
    held.release()
    assert ended(client, job_id)["state"] == "succeeded"
    found = [event for event in events(client, job_id) if event["event"] == "state"]
    assert [event["state"] for event in found] == [
        "queued",
        "running",
        "interrupted",
        "queued",
        "running",
        "succeeded",
    ]
    assert found[2]["error"] == "its process ended: signal SIGKILL"


@pytest.mark.slow
def test_a_prediction_that_kills_each_of_its_processes_fails(client: httpx.Client, tmp_path: Path) -> None:
    side = tmp_path / "side"
    job_id = predict(client, "shot", text=str(side), number=int(signal.SIGSEGV))
    follower = predict(client, text="good")
    found = ended(client, job_id)
    assert (found["state"], found["attempt"]) == ("failed", 3)
    assert found["error"] == "its process ended: signal SIGSEGV"
    assert side.read_text().split() == ["0", "1", "0", "2", "0", "3"]
    assert log(client, job_id) == ["about to die"] * 3
    assert ended(client, follower)["state"] == "succeeded"
    answer = client.post(
        "/v2/models/works/predict/",
        json={"do": "shot", "text": str(side), "number": int(signal.SIGKILL)},
        headers={"Prefer": "wait=30"},
    )
    assert (answer.status_code, answer.json()["detail"]) == (500, "its process ended: signal SIGKILL")


@pytest.mark.parametrize(
    ("model", "number", "attempts"), [("works", signal.SIGTERM, 1), ("works", signal.SIGKILL, 1)]
)
def test_a_training_whose_process_is_killed_fails_with_the_signal(
    client: httpx.Client, gate: Gate, model: str, number: signal.Signals, attempts: int
) -> None:
    job_id = train(client, "wait", model, number=gate.port)
    os.kill(gate.arrival().pid, number)
    found = ended(client, job_id)
    assert (found["state"], found["attempt"]) == ("failed", attempts)
    assert found["error"] == f"its process ended: signal {number.name}"
    assert found["ended_by"] == f"crash, signal {number.name}"


def test_the_children_of_a_killed_process_are_killed_too(client: httpx.Client, gate: Gate) -> None:
    import psutil

    job_id = train(client, "wait_with_children", number=gate.port)
    held = gate.arrival()
    children = [psutil.Process(int(pid)) for pid in held.text.split()]
    os.kill(held.pid, signal.SIGKILL)
    assert ended(client, job_id)["state"] == "failed"
    gone, alive = psutil.wait_procs(children, timeout=30)
    assert (len(gone), alive) == (2, [])


def test_a_resumable_training_whose_process_is_killed_runs_again(client: httpx.Client, gate: Gate) -> None:
    job_id = train(client, "wait", "again", number=gate.port)
    for attempt in (1, 2):
        held = gate.arrival()
        assert held.attempt == attempt
        os.kill(held.pid, signal.SIGKILL)
    held = gate.arrival()
    held.release()
    assert ended(client, job_id)["attempt"] == 3
    assert job(client, job_id)["state"] == "succeeded"
