"""Long predictions whose worker, server or client does not let them end in peace."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import job_calls
import pytest
import serving
from mlup_site import PLAIN, mlup_serving

LONG = PLAIN | {"mode": "worker_and_queue", "is_long_predict": True, "ttl_client_wait": 5}


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A pipe that a prediction reads to its end."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server keeps what it is told."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def site(data: Path) -> Iterator[serving.Server]:
    """A server of long predictions that hides what models say when they fail."""
    options = ("--hide-model-errors", "--kill-grace", "3", "--data-dir", str(data))
    with mlup_serving("mlup_rows", LONG, *options) as server:
        yield server


def begun(server: serving.Server, *row: object) -> str:
    """The id of a prediction that was asked for, and of its job."""
    answer = server.client.post("/predict", json={"X": [list(row)]})
    assert answer.status_code == 200, answer.text
    return UUID(answer.json()["predict_id"]).hex


def job(server: serving.Server, predict_id: str, *states: str) -> dict[str, Any]:
    """Its job, once it is in one of these states."""
    return job_calls.reached(server.client, predict_id, states or job_calls.ENDED)


def states_of(server: serving.Server, predict_id: str) -> list[str]:
    """The states that its job went through."""
    found = job_calls.events(server.client, predict_id)
    return [event["state"] for event in found if event["event"] == "state"]


def worker_of(server: serving.Server) -> int:
    """The process of the model's only worker."""
    return int(server.client.get(f"/get-predict/{begun(server, 'pid')}").json()["predict_result"][0])


def passed(gate: Path) -> None:
    """Let the prediction at the gate end, once it is there."""
    with gate.open("w"):
        pass


def killed(server: serving.Server, predict_id: str, gate: Path, pid: int, attempt: int) -> None:
    """Kill the worker while it makes this attempt, and wait until that is known."""
    with gate.open("w"):  # it runs
        os.kill(pid, signal.SIGKILL)

    def is_known() -> bool:
        found = job_calls.job(server.client, predict_id)
        return found["attempt"] > attempt or found["state"] not in ("queued", "running")

    serving.wait_until(is_known, lambda: server.log)


def test_a_worker_that_is_killed_costs_one_attempt(site: serving.Server, gate: Path) -> None:
    pid = worker_of(site)
    predict_id = begun(site, "wait", str(gate))
    killed(site, predict_id, gate, pid, 1)
    passed(gate)
    assert job(site, predict_id)["state"] == "succeeded"
    answer = site.client.get(f"/get-predict/{predict_id}")
    assert answer.json() == {"predict_result": [[False, "wait", str(gate)]]}
    assert states_of(site, predict_id) == [
        "queued", "running", "interrupted", "queued", "running", "succeeded",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_prediction_that_ends_each_of_its_workers_fails_at_last() -> None:
    with mlup_serving("mlup_rows", LONG) as server:
        predict_id = begun(server, "exit")
        found = job(server, predict_id)
        assert (found["state"], found["attempt"]) == ("failed", 3)
        assert "status 7" in found["ended_by"]
        answer = server.client.get(f"/get-predict/{predict_id}")
        assert answer.status_code == 500
        assert answer.json()["detail"][0]["type"] == "predict_error"


def test_cancelling_stops_what_runs_and_says_how(site: serving.Server, gate: Path) -> None:
    running = begun(site, "wait", str(gate))
    with gate.open("w"):  # it runs
        waiting, wrong = begun(site, 1), begun(site)  # an id comes at once, though the worker is busy
        assert site.client.delete(f"/v2/jobs/{waiting}").status_code in (200, 202)
        assert job(site, waiting)["ended_by"] == "before it ran"
        assert site.client.delete(f"/v2/jobs/{running}").status_code in (200, 202)
        found = job(site, running)
    assert (found["state"], found["ended_by"]) == ("cancelled", "stopped")
    answer = site.client.get(f"/get-predict/{running}")
    assert (answer.status_code, answer.json()["detail"][0]["msg"]) == (500, "cancelled")
    assert site.client.get(f"/get-predict/{wrong}").json() == {"predict_result": [[False]]}


def test_what_does_not_stop_is_killed_and_the_record_says_so(site: serving.Server, gate: Path) -> None:
    predict_id = begun(site, "stubborn", str(gate))
    with gate.open("w"):  # it runs
        site.client.delete(f"/v2/jobs/{predict_id}")
        assert job(site, predict_id)["ended_by"] == "SIGKILL"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_prediction_outlives_its_server(number: int, tmp_path: Path, gate: Path) -> None:
    data = ["--data-dir", str(tmp_path / "data")]
    with mlup_serving("mlup_rows", LONG, *data) as server:
        predict_id = begun(server, "wait", str(gate))
        with gate.open("w"):  # it runs
            server.stop(number)
    with mlup_serving("mlup_rows", LONG, *data) as server:
        passed(gate)
        found = job(server, predict_id)
        assert (found["state"], found["attempt"]) == ("succeeded", 2)
        answer = server.client.get(f"/get-predict/{predict_id}")
        assert answer.json() == {"predict_result": [[False, "wait", str(gate)]]}
        assert states_of(server, predict_id).count("interrupted") == 1


@pytest.mark.parametrize("row", [-1, "teapot"])
def test_no_words_of_the_model_leave_a_server_that_hides_them(row: object, site: serving.Server) -> None:
    predict_id = begun(site, row)
    answer = site.client.get(f"/get-predict/{predict_id}")
    assert answer.status_code == 500
    assert answer.json()["detail"] == [{"loc": [], "msg": "the model failed", "type": "predict_error"}]
    for path in (f"/v2/jobs/{predict_id}", f"/v2/jobs/{predict_id}/log", f"/v2/jobs/{predict_id}/result"):
        assert "secret" not in site.client.get(path).text
    site.wait_for_log("a secret is 42")


@pytest.mark.parametrize("row", [-1, "teapot", "exit"])
def test_no_words_leave_it_at_once_either(row: object) -> None:
    with mlup_serving("mlup_rows", PLAIN, "--hide-model-errors") as server:
        for headers in ({}, {"Prefer": "wait=5"}):  # the short way, and the long one
            answer = server.client.post("/predict", json={"X": [[row]]}, headers=headers)
            assert answer.status_code == 500
            detail = {"loc": [], "msg": "the model failed", "type": "predict_error"}
            assert answer.json() == {"detail": [detail], "predict_id": answer.headers["x-predict-id"]}


def test_a_result_whose_file_was_removed_is_never_ready(site: serving.Server, data: Path) -> None:
    predict_id = begun(site, "x" * 1_500_000)  # too large for a row of the database
    job(site, predict_id, "succeeded")
    answer = site.client.get(f"/get-predict/{predict_id}")
    assert len(answer.content) > 1_500_000
    assert answer.headers["x-content-type-options"] == "nosniff"
    files = [path for path in data.rglob("*") if predict_id in path.parts and path.is_file()]
    assert files
    for file in files:
        file.unlink()
    late = site.client.get(f"/get-predict/{predict_id}")
    assert late.status_code == 408
    assert "RuntimeError" not in site.log
