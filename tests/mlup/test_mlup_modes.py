"""The modes of the mlup API: waiting clients, full queues, long predictions, several models."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import pytest
import serving
from mlup_site import PLAIN, mlup_serving

QUEUED = PLAIN | {"mode": "worker_and_queue"}
LATE = "Response timed out. Repeat request please."


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A pipe that a prediction reads to its end."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def release(gate: Path) -> None:
    """Let the prediction at the gate go on, once it is there."""
    with gate.open("w"):
        pass


def waiting(gate: Path) -> dict[str, list[list[str]]]:
    """The body of a request whose prediction waits."""
    return {"X": [["wait", str(gate)]]}


def test_a_client_of_the_queue_waits_no_longer_than_it_should(gate: Path) -> None:
    with mlup_serving("mlup_rows", QUEUED | {"ttl_client_wait": 0.2}) as server:
        answer = server.client.post("/predict", json=waiting(gate))
        assert answer.status_code == 408
        assert answer.json() == {
            "detail": [{"loc": [], "msg": LATE, "type": "predict_wait_result_error"}],
            "predict_id": answer.headers["x-predict-id"],
        }
        assert server.client.post("/predict", json={"X": [[1]]}).status_code == 200


def test_more_requests_than_may_be_in_work_are_throttled(gate: Path) -> None:
    with mlup_serving("mlup_rows", PLAIN | {"throttling_max_requests": 1}) as server:
        with ThreadPoolExecutor(1) as threads:
            first = threads.submit(server.client.post, "/predict", json=waiting(gate))
            with gate.open("w"):  # opens once the prediction reads
                second = server.client.post("/predict", json={"X": [[1]]})
            assert second.status_code == 429
            assert second.json()["detail"][0]["type"] == "throttling_error"
            assert first.result().status_code == 200
        assert server.client.post("/predict", json={"X": [[1]]}).status_code == 200


def test_a_full_queue_is_429_at_once(gate: Path) -> None:
    with mlup_serving("mlup_rows", QUEUED | {"max_queue_size": 1}) as server:
        with ThreadPoolExecutor(3) as threads:
            first = threads.submit(server.client.post, "/predict", json=waiting(gate))
            with gate.open("w"):  # it runs: of two more, one finds room in the queue
                two = [threads.submit(server.client.post, "/predict", json={"X": [[1]]}) for _ in range(2)]
                refused = wait(two, return_when=FIRST_COMPLETED).done.pop().result()
            assert refused.status_code == 429
            assert refused.json()["detail"][0]["type"] == "throttling_error"
            assert first.result().status_code == 200
            assert sorted(future.result().status_code for future in two) == [200, 429]


@pytest.fixture(scope="module")
def long_site() -> Iterator[serving.Server]:
    """A server of long predictions."""
    config = QUEUED | {"is_long_predict": True, "ttl_client_wait": 0.2, "ttl_predicted_data": 100}
    with mlup_serving("mlup_rows", config) as server:
        yield server


def begun(server: serving.Server, body: object) -> str:
    """The id of a prediction that was asked for."""
    answer = server.client.post("/predict", json=body)
    assert answer.status_code == 200, answer.text
    predict_id = answer.json()["predict_id"]
    assert answer.json() == {"predict_id": predict_id, "predict_result": {"predict_id": predict_id}}
    assert answer.headers["x-predict-id"] == predict_id
    return predict_id


def fetched(server: serving.Server, predict_id: str) -> httpx.Response:
    """The result, which may take a while on a busy machine."""
    while (answer := server.client.get(f"/get-predict/{predict_id}")).status_code == 408:
        pass
    return answer


def test_a_long_prediction_is_fetched_as_often_as_wanted(long_site: serving.Server) -> None:
    predict_id = begun(long_site, {"X": [[1]], "test_param": True})
    for _ in range(2):
        assert fetched(long_site, predict_id).json() == {"predict_result": [[True, 1]]}
    assert long_site.client.head(f"/get-predict/{predict_id}").status_code == 200


def test_a_result_that_is_not_there_yet_is_408(long_site: serving.Server, gate: Path) -> None:
    predict_id = begun(long_site, waiting(gate))
    late = long_site.client.get(f"/get-predict/{predict_id}")
    assert (late.status_code, late.headers["x-predict-id"]) == (408, predict_id)
    assert late.json()["predict_id"] == predict_id
    release(gate)
    assert fetched(long_site, predict_id).json() == {"predict_result": [[False, "wait", str(gate)]]}


def test_a_long_prediction_that_fails_says_how(long_site: serving.Server) -> None:
    answer = fetched(long_site, begun(long_site, {"X": [[-1]]}))
    assert answer.status_code == 500
    detail = {"loc": [], "msg": "a secret is 42", "type": "predict_error"}
    assert answer.json() == {"detail": [detail], "predict_id": None}


def test_arguments_of_a_long_prediction_are_checked_at_once(long_site: serving.Server) -> None:
    answer = long_site.client.post("/predict", json={})
    assert answer.status_code == 422
    assert answer.json()["predict_id"] == answer.headers["x-predict-id"]


@pytest.mark.parametrize("predict_id", ["unknown", "5e8dd3a2-2d3e-4019-afcc-30e70d533bdc", "a%0d%0ab: c"])
def test_an_unknown_prediction_is_408(predict_id: str, long_site: serving.Server) -> None:
    answer = long_site.client.get(f"/get-predict/{predict_id}")
    assert answer.status_code == 408
    assert answer.json()["detail"][0]["msg"] == LATE
    assert "b" not in answer.headers


def test_a_result_goes_when_its_time_has_passed() -> None:
    config = QUEUED | {"is_long_predict": True, "ttl_predicted_data": 0}
    with mlup_serving("mlup_rows", config) as server:
        predict_id = begun(server, {"X": [[1]]})
        assert server.client.get(f"/get-predict/{predict_id}").status_code == 408


@pytest.mark.slow
def test_a_result_survives_the_death_of_the_server(tmp_path: Path) -> None:
    config = QUEUED | {"is_long_predict": True}
    data = ["--data-dir", str(tmp_path / "data")]
    with mlup_serving("mlup_rows", config, *data) as server:
        done = begun(server, {"X": [[7]]})
        assert fetched(server, done).status_code == 200
        server.stop(signal.SIGKILL)
    with mlup_serving("mlup_rows", config, *data) as server:
        assert fetched(server, done).json() == {"predict_result": [[False, 7]]}


def test_several_models_need_a_default_one() -> None:
    sources = [f"{name}={serving.MODELS / f'mlup_{name}.py'}:model" for name in ("rows", "several")]
    with serving.serving(*sources) as server:
        refused = server.client.post("/predict", json={"X": [[1]]})
        assert refused.status_code == 404
        assert "--default-model" in refused.json()["detail"][0]["msg"]
        assert server.client.get("/info").status_code == 404
    with serving.serving(*sources, "--default-model", "rows", "--base-path", "/b", "--debug") as server:
        answer = server.client.post(f"{server.url}/predict", json={"X": [[1]]})
        assert answer.json() == {"predict_result": [[False, 1]]}
        info = server.client.get(f"{server.url}/info").json()
        assert info["model_info"]["name"] == "rows"
        assert info["web_app_config"]["max_queue_size"] == 1000


def test_model_errors_can_be_hidden() -> None:
    source = f"{serving.MODELS / 'mlup_rows.py'}:model"
    with serving.serving(source, "--hide-model-errors") as server:
        answer = server.client.post("/predict", json={"X": [[-1]]})
        assert (answer.status_code, "secret" in answer.text) == (500, False)
