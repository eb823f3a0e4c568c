"""What trainings save, in every way that there is, is served as a version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import job_calls
import pytest
from serving import serving

import modelport

pytestmark = pytest.mark.slow


class Saver:
    """Given to `modelport.running` as an object: its training pickles another one of its kind."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def predict(self, x: float) -> dict[str, float]:
        return {"value": x * self.factor}

    def train(self, factor: float) -> dict[str, float]:
        modelport.current_job().save_model(Saver(factor))
        return {"f1": factor / 10}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    place = tmp_path_factory.mktemp("saved")
    models = ("fits=saving_models:Fits", "deepaas=deepaas_versions")
    with serving(*models, cwd=place, MODELPORT_DATA_DIR=str(place / "data")) as server:
        yield server.client


def trained(client: httpx.Client, model: str, **arguments: Any) -> dict[str, Any]:
    """Train a model; returns the run."""
    answer = client.post(f"/v2/models/{model}/train/", json=arguments)
    assert answer.status_code == 200, answer.text
    run_id = answer.json()["uuid"]
    assert job_calls.ended(client, run_id)["state"] == "succeeded"
    return client.get(f"/v2/models/{model}/runs/{run_id}").json()


def predicted(client: httpx.Client, model: str, version: int | str, **arguments: Any) -> Any:
    answer = client.post(f"/v2/models/{model}/versions/{version}/predict/", json=arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("how", ["pickle", "skops"])
def test_a_model_file_that_code_without_load_model_saves_is_served_itself(
    client: httpx.Client, how: str
) -> None:
    run = trained(client, "fits", factor=3.0, how=how)
    assert run["performance"] == {"overall": {"r2": 1.0}}
    shown = client.post(f"/v2/models/fits/versions/{run['version']}/predict/", json={"X": [[2.0]]})
    assert shown.status_code == 200, shown.text
    assert "6.0" in shown.text
    moved = client.put("/v2/models/fits/aliases/live", json={"version": run["version"]})
    assert moved.status_code == 200, moved.text
    assert "6.0" in client.post("/v2/models/fits/predict/", json={"X": [[2.0]]}).text
    again = trained(client, "fits", factor=4.0)  # by the model's own code, whatever is live
    assert again["version"] == run["version"] + 1


def test_a_deepaas_module_with_load_model_serves_the_folders_that_it_returns(client: httpx.Client) -> None:
    first, second = (trained(client, "deepaas", factor=factor) for factor in (2.0, 5.0))
    assert (first["version"], second["version"], first["performance"]) == (1, 2, {})
    for version, its in ((0, 1.0), (1, 2.0), (2, 5.0)):
        body = predicted(client, "deepaas", version, x=3)
        assert body == {"status": "OK", "predictions": {"value": 3 * its}}
    assert client.put("/v2/models/deepaas/aliases/live", json={"version": 2}).status_code == 200
    assert client.post("/v2/models/deepaas/predict/", json={"x": 3}).json()["predictions"] == {"value": 15.0}
    assert client.get("/v2/models/deepaas/runs/live").json()["run_id"] == second["run_id"]


def test_an_object_that_a_caller_serves_is_trained_and_pickled(tmp_path: Path) -> None:
    data = {"data_dir": str(tmp_path / "data"), "best_by": "f1:max"}
    with modelport.running({"m": Saver()}, **data) as url:
        with httpx.Client(base_url=str(url), timeout=30.0) as client:
            assert [trained(client, "m", factor=factor)["version"] for factor in (2.0, 4.0)] == [1, 2]
            for version, its in ((0, 1.0), (1, 2.0), (2, 4.0)):
                assert predicted(client, "m", version, x=3) == {"value": 3 * its}
            assert client.put("/v2/models/m/aliases/live", json={"version": 1}).status_code == 200
    with modelport.running({"m": Saver()}, **data) as url:
        assert httpx.post(f"{url}/v2/models/m/predict/", json={"x": 3}, timeout=60.0).json() == {"value": 6.0}
