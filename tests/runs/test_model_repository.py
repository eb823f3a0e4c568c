"""The model repository over HTTP: models that are unloaded and loaded, and those that nobody asks."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import psutil
import pytest
from gates import Gate, Held
from serving import MODELS, Server, serving, wait_until
from version_site import MODEL, factor, promoted, served

import modelport
from modelport.runs.records import Run
from modelport.runs.store import RunStore

INDEX = "/v2/repository/index"
MOODY = "/v2/models/moody"
IDLE = {"state": "idle", "restarts": 0}


@pytest.fixture(scope="module")
def mood(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the model is told while it is loaded."""
    return tmp_path_factory.mktemp("moody") / "mood"


@pytest.fixture(scope="module")
def running(mood: Path) -> Iterator[Server]:
    models = (f"moody={MODELS / 'moody.py'}:Moody", f"echo={MODELS / 'echoes.py'}:Echo")
    mood.write_text("large")
    with serving(*models, "--model", "echo:idle_unload=0.3s", MOODY=str(mood)) as server:
        yield server


@pytest.fixture
def server(running: Server, mood: Path) -> Server:
    """The server with both models loaded, or idle, whatever a test has done before."""
    mood.write_text("large")
    for model in ("moody", "echo"):
        assert change(running, "load", model).status_code == 200
    return running


@pytest.fixture
def gate() -> Iterator[Gate[Held]]:
    with Gate(Held, 20.0) as made:
        yield made


def change(server: Server, what: str, model: str = "moody", **sent: Any) -> httpx.Response:
    return server.client.post(f"/v2/repository/models/{model}/{what}", **sent)


def states(server: Server, **asked: Any) -> dict[tuple[str, str], str]:
    found = server.client.post(INDEX, json=asked).json()
    return {(one["name"], one["version"]): one["state"] for one in found}


def asked(server: Server, **arguments: Any) -> httpx.Response:
    return server.client.post(f"{MOODY}/predict", json=arguments)


def memory_of(server: Server) -> int:
    """Bytes that the server and its workers have to themselves."""
    process = psutil.Process(server.process.pid)
    own = 0
    for one in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # one that has just ended has nothing
            own += one.memory_full_info().uss
    return own


def is_idle(server: Server, model: str) -> bool:
    return server.client.get("/v2/health/ready").json()["models"][model]["state"] == "idle"


def test_an_unloaded_model_gives_its_memory_back_and_says_how_it_is_loaded(server: Server) -> None:
    pid = asked(server).json()
    before = memory_of(server)
    answer = change(server, "unload")
    assert answer.json() == {"name": "moody", "version": "0", "state": "UNAVAILABLE", "reason": "unloaded"}
    assert not psutil.pid_exists(pid)
    assert before - memory_of(server) > 100 << 20
    refused = asked(server)
    assert refused.status_code == 503
    assert "a POST to /v2/repository/models/moody/load loads it" in refused.json()["detail"]
    assert server.client.get(f"{MOODY}/ready").status_code == 503
    assert server.client.get("/v2/health/ready").status_code == 200
    assert server.client.get(MOODY).json()["state"] == "unloaded"
    assert f"{MOODY}/predict/" in server.client.get("/openapi.json").json()["paths"]
    assert change(server, "load").json()["state"] == "READY"
    assert asked(server).json() != pid
    assert change(server, "load").json()["state"] == "READY"  # as it is


def test_the_index_has_each_model_with_its_state(server: Server) -> None:
    change(server, "unload")
    unavailable = {("moody", "0"): "UNAVAILABLE"}
    assert states(server) == unavailable | {("echo", "0"): "READY"}
    assert states(server, ready=True) == {("echo", "0"): "READY"}
    assert server.client.post(INDEX).json() == server.client.post(INDEX, json={}).json()  # as clients have it


def test_a_call_that_runs_ends_before_its_model_does(server: Server, gate: Gate[Held]) -> None:
    with ThreadPoolExecutor() as threads:
        call = threads.submit(asked, server, port=gate.port)
        held = gate.arrival()
        unloading = threads.submit(change, server, "unload")
        wait_until(lambda: states(server)["moody", "0"] == "UNLOADING", lambda: server.log)
        assert asked(server).status_code == 503
        held.release()
        assert call.result().status_code == 200
        assert unloading.result().json()["state"] == "UNAVAILABLE"


def test_a_worker_that_is_killed_while_its_model_is_unloaded_has_no_successor(
    server: Server, gate: Gate[Held]
) -> None:
    pid = asked(server).json()
    with ThreadPoolExecutor() as threads:
        call = threads.submit(asked, server, port=gate.port)
        gate.arrival()
        unloading = threads.submit(change, server, "unload")
        wait_until(lambda: states(server)["moody", "0"] == "UNLOADING", lambda: server.log)
        os.kill(pid, signal.SIGKILL)
        assert call.result().status_code == 500
        assert unloading.result().json()["state"] == "UNAVAILABLE"
    assert server.client.get("/v2/health/ready").json()["models"]["moody"]["workers_ready"] == 0
    assert change(server, "load").json()["state"] == "READY"


def test_a_worker_that_is_killed_while_its_model_is_loaded_again_is_replaced(
    server: Server, gate: Gate[Held], mood: Path
) -> None:
    change(server, "unload")
    mood.write_text(str(gate.port))
    with ThreadPoolExecutor() as threads:
        loading = threads.submit(change, server, "load")
        gate.arrival()
        assert states(server)["moody", "0"] == "LOADING"
        call = threads.submit(asked, server)  # it waits
        children = psutil.Process(server.process.pid).children()
        [worker] = [one for one in children if one.environ().get("MOODY") and is_waiting(one, gate)]
        mood.unlink()
        worker.kill()
        assert loading.result().json()["state"] == "READY"
        assert call.result().status_code == 200


def is_waiting(process: psutil.Process, gate: Gate[Held]) -> bool:
    connected = process.net_connections("tcp")
    return any(one.raddr and one.raddr.port == gate.port for one in connected)


def test_a_model_that_cannot_be_loaded_says_why_and_is_tried_again(server: Server, mood: Path) -> None:
    change(server, "unload")
    mood.write_text("no such weights")
    answer = change(server, "load")
    assert answer.status_code == 503
    assert "no such weights" in answer.json()["detail"]
    assert answer.json()["error"] == answer.json()["detail"]  # as clients of the protocol read it
    [listed] = [one for one in server.client.post(INDEX).json() if one["name"] == "moody"]
    assert listed["state"] == "UNAVAILABLE"
    assert "no such weights" in listed["reason"]
    mood.unlink()
    assert change(server, "load").json()["state"] == "READY"


@pytest.mark.parametrize(
    ("what", "body", "said"),
    [
        ("load", {"parameters": {"config": "{}"}}, "parameters: 'config': a model's configuration cannot"),
        ("load", {"parameters": {"file:1/m.onnx": "AA=="}}, "'file:1/m.onnx': files cannot be sent"),
        ("unload", {"parameters": {"unload_dependents": True}}, "unload_dependents: no model here is part"),
        ("unload", {"parameters": {"force": True}}, "parameters: 'force'"),
        ("load", {"version": 3}, "version"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    server: Server, what: str, body: dict[str, Any], said: str
) -> None:
    answer = change(server, what, json=body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
    assert states(server)["moody", "0"] == "READY"
    assert change(server, what, "mody").status_code == 404


def test_a_model_that_nobody_asks_is_ready_all_the_same(server: Server) -> None:
    wait_until(lambda: is_idle(server, "echo"), lambda: server.log)
    assert server.client.get("/v2/health/ready").json()["models"]["echo"].items() >= IDLE.items()
    assert server.client.get("/v2/models/echo/ready").status_code == 200
    assert server.client.get("/v2/models/echo").json()["state"] == "idle"
    assert states(server, ready=True)["echo", "0"] == "READY"

    def is_awake() -> bool:  # for no longer than 0.3 s
        assert server.client.post("/v2/models/echo/predict", json={"number": 1}).status_code == 200
        return not is_idle(server, "echo")

    wait_until(is_awake, lambda: server.log)
    wait_until(lambda: is_idle(server, "echo"), lambda: server.log)
    assert change(server, "unload", "echo").json()["reason"] == "unloaded"
    assert change(server, "load", "echo").json()["state"] == "READY"


@pytest.mark.slow
def test_versions_are_unloaded_with_their_model_and_loaded_by_their_next_call(made: Path, data: Path) -> None:
    with served(made, data) as server:
        client = server.client
        factor(client, "/v2/models/m/versions/1/predict/")
        client.put("/v2/models/m/traffic", json={"weights": {"2": 1.0}})
        assert factor(client) == 3
        assert change(server, "unload", "m").status_code == 200
        assert set(states(server).values()) == {"UNAVAILABLE"}
        for path in ("predict/", "versions/1/predict/", "versions/5/predict/"):
            assert client.post(f"/v2/models/m/{path}", json={"x": 1}).status_code == 503
        moved = client.put("/v2/models/m/aliases/live", json={"version": 1})
        assert moved.status_code == 503
        assert "is unloaded" in moved.json()["detail"]
        assert change(server, "load", "m").status_code == 200
        assert factor(client) == 3
        assert factor(client, "/v2/models/m/versions/1/predict/") == 2


@pytest.mark.slow
def test_a_version_that_is_looked_for_while_its_model_is_unloaded_stays_out_of_memory(
    made: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made, data)
    found, unloaded = Event(), Event()
    of_version = RunStore.of_version

    async def slowly(store: RunStore, model: str, version: int) -> Run | None:
        run = await of_version(store, model, version)
        found.set()
        await asyncio.to_thread(unloaded.wait, 20.0)
        return run

    monkeypatch.setattr(RunStore, "of_version", slowly)
    monkeypatch.syspath_prepend(MODELS)
    monkeypatch.setenv("PYTHONPATH", str(MODELS))
    with modelport.running(MODEL, data_dir=str(data)) as url, ThreadPoolExecutor() as threads:
        asking = threads.submit(httpx.post, f"{url}/v2/models/m/versions/1/predict/", json={"x": 1})
        assert found.wait(20.0)
        answer = httpx.post(f"{url}/v2/repository/models/m/unload", timeout=60.0)
        unloaded.set()
        assert answer.status_code == 200
        assert asking.result().status_code == 503
        assert {one["state"] for one in httpx.post(f"{url}{INDEX}", timeout=60.0).json()} == {"UNAVAILABLE"}


@pytest.mark.slow
def test_versions_that_nobody_asks_go_idle_and_still_become_live(made: Path, data: Path) -> None:
    with served(made, data, "--idle-unload", "0.3s") as server:
        client = server.client
        client.put("/v2/models/m/traffic", json={"weights": {"2": 1.0}})
        children = psutil.Process(server.process.pid).children
        wait_until(lambda: len(children(recursive=True)) == 0, lambda: server.log)
        assert factor(client) == 3  # by the version that has all of the traffic
        wait_until(lambda: is_idle(server, "m"), lambda: server.log)
        promoted(client, 2)
        assert factor(client) == 3
        wait_until(lambda: is_idle(server, "m"), lambda: server.log)
        assert factor(client, "/v2/models/m/versions/0/predict/") == 1
        assert client.post("/v2/models/m/rollback").status_code == 200
        assert factor(client) == 1
