"""`with modelport.running(model) as url:` for tests and notebooks."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from asgi_clients import prediction, workers
from own_models import Broken, Plain, Typed, double

import modelport


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    file = tmp_path_factory.mktemp("source") / "inverse.py"
    file.write_text("def predict(**arguments):\n    return 'from a file'\n")
    factor = 7

    class Local:
        def predict(self, x: int) -> int:
            return x * factor

    with modelport.running(Typed, Plain(), double, file, {"local": Local(), "big": Typed(100)}) as url:
        with httpx.Client(base_url=url, timeout=60) as client:
            yield client


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        pytest.param("Typed", {"x": 3}, {"label": "none", "score": 6.0}, id="a class"),
        pytest.param("Plain", {"x": 3}, {"status": "OK", "predictions": 4}, id="an object"),
        pytest.param("double", {"x": 3}, {"status": "OK", "predictions": 6}, id="a function"),
        pytest.param("inverse", {}, {"status": "OK", "predictions": "from a file"}, id="a path"),
        pytest.param("local", {"x": 3}, 21, id="a local class"),
        pytest.param("big", {"x": 3}, {"label": "none", "score": 300.0}, id="an object with state"),
    ],
)
def test_every_kind_of_model_is_served(
    client: httpx.Client, name: str, arguments: Any, expected: Any
) -> None:
    assert prediction(client, name, **arguments) == expected


def test_every_model_is_ready_when_the_block_begins(client: httpx.Client) -> None:
    assert client.get("/v2/health/ready").json()["ready"] is True


def test_arguments_are_checked(client: httpx.Client) -> None:
    assert client.post("/v2/models/double/predict", json={"x": "many"}).status_code == 422


def test_an_object_can_be_trained(client: httpx.Client) -> None:
    started = client.post("/v2/models/big/train/", params={"epochs": 5}).json()
    with modelport.Client(str(client.base_url)) as jobs:
        assert jobs.job(started["uuid"]).result() == {"epochs": 5}


def test_it_works_while_an_event_loop_runs_as_in_a_notebook() -> None:
    async def cell() -> Any:
        with modelport.running(Plain, workers=0) as url:
            async with httpx.AsyncClient(base_url=url, timeout=60.0) as client:
                return (await client.post("/v2/models/Plain/predict", json={"x": 1})).json()

    assert asyncio.run(cell()) == {"status": "OK", "predictions": 2}


def test_a_saved_model_that_can_run_code_needs_trust(tmp_path: Path) -> None:
    file = tmp_path / "saved.pkl"
    file.write_bytes(pickle.dumps(Plain()))
    with pytest.raises(modelport.ModelLoadError, match="trust"):
        with modelport.running(file):
            pytest.fail("the block began")
    with modelport.running(file, trust=True, workers=0) as url:
        assert prediction(httpx, "saved", url, x=1)["predictions"] == 2


def test_it_decorates_a_test() -> None:
    @modelport.running(Plain, port=0, workers=0)
    def test() -> str:
        return "done"

    assert test() == test() == "done"


@pytest.mark.parametrize("count", [0, 1], ids=["in a thread", "in a process"])
def test_a_model_that_cannot_be_loaded_raises_with_its_reason(count: int) -> None:
    before = workers()
    with pytest.raises(modelport.ModelLoadError, match="ValueError: the weights are missing"):
        with modelport.running(Broken, workers=count):
            pytest.fail("the block began")
    assert workers() == before


def test_a_block_that_is_to_keep_going_begins_without_a_model() -> None:
    with modelport.running(Broken, workers=0, keep_going=True) as url:
        answer = httpx.get(f"{url}/v2/health/ready", timeout=60.0)
        assert (answer.status_code, answer.json()["models"]["Broken"]["state"]) == (503, "failed")


def test_an_application_without_a_model_does_not_start(tmp_path: Path) -> None:
    async def start(*models: Any, **settings: Any) -> str:
        async with modelport.create_app(*models, data_dir=str(tmp_path), **settings).lifespan():
            return "started"

    before = workers()
    with pytest.raises(modelport.ModelLoadError, match="ValueError: the weights are missing"):
        asyncio.run(start(Broken))
    assert workers() == before
    assert asyncio.run(start(Broken, Plain)) == "started"
    assert asyncio.run(start(Broken, keep_going=True)) == "started"


def test_an_error_in_the_block_ends_the_server() -> None:
    with pytest.raises(KeyError, match="mine"):
        with modelport.running(Plain, workers=0) as url:
            raise KeyError("mine")
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, timeout=60.0)


def test_settings_are_keyword_arguments(tmp_path: Path) -> None:
    with modelport.running(Plain, workers=0, base_path="under/here", data_dir=str(tmp_path / "kept")) as url:
        assert url.endswith("/under/here")
        assert httpx.get(url, timeout=60.0).json()["links"][0]["href"] == "/under/here/api"
    assert (tmp_path / "kept" / "jobs.sqlite").exists()


def test_variables_of_the_environment_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELPORT_BASE_PATH", "/elsewhere")
    with modelport.running(Plain, workers=0) as url:
        assert "elsewhere" not in url


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"wokers": 2}, TypeError, r"running\(\) has no argument 'wokers'; did you mean 'workers'"),
        ({"log_file": "x"}, TypeError, "set up the logger 'modelport' yourself"),
        ({"workers": "two"}, ValueError, r"running\(\): workers: 'two' is not a value of type int"),
        ({"port": -1}, ValueError, "is not between 0 and 65535"),
        (
            {"model_name": "Plane"},
            modelport.ModelLoadError,
            "no model is called 'Plane'.*did you mean 'Plain'",
        ),
    ],
)
def test_a_wrong_setting_is_named(settings: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        with modelport.running(Plain, **settings):
            pytest.fail("the block began")


def held() -> dict[str, Any]:
    """What this process holds: open files, threads, workers."""
    gc.collect()
    return {
        "files": psutil.Process().num_fds(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "workers": workers(),
    }


@pytest.mark.parametrize(("count", "cycles"), [(0, 20), (1, 4)], ids=["in a thread", "in a process"])
def test_it_leaves_nothing_behind(
    count: int, cycles: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def cycle() -> None:
        with modelport.running(Plain(), workers=count) as url:
            assert prediction(httpx, "Plain", url, x=1)["predictions"] == 2

    cycle()
    before = held()
    for _ in range(cycles):
        cycle()
    after = held()
    assert after.pop("files") - before.pop("files") < cycles
    assert after == before
    assert list(tmp_path.iterdir()) == []
