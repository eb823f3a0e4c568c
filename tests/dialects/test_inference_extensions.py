"""Triton's extensions of the Open Inference Protocol, as its own client asks for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy
import pytest
import tritonclient.http as triton
from serving import Server, serving

from modelport.contract.calls import Answer, Call
from modelport.engine.pending import Pending
from modelport.engine.tally import MOST_SIZES, MOST_VERSIONS, Tally


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    names = {"stats": "Counts", "fails": "Fails", "waits": "Waits", "own": "Own"}
    models = [f"{name}=tensor_models:{kind}" for name, kind in names.items()]
    with serving(*models, "together=batch_models:Together") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as made:
        yield made


def number(name: str, value: float, kind: str = "INT64") -> Any:
    made = triton.InferInput(name, [1], kind)
    made.set_data_from_numpy(numpy.array([value], dtype="i8" if kind == "INT64" else "f8"))
    return made


# -- statistics --------------------------------------------------------------------------------------


def test_what_was_asked_is_counted(client: Any) -> None:
    def counted() -> dict[str, Any]:
        (found,) = client.get_inference_statistics("fails")["model_stats"]
        return found

    before = counted()
    for _ in range(2):
        with pytest.raises(triton.InferenceServerException, match="teapot"):
            client.infer("fails", [number("x", 0, "FP64")])
    after = counted()
    assert (after["name"], after["version"], after["inference_count"]) == ("fails", "0", 0)
    assert after["last_inference"] > before["last_inference"] == 0
    times = after["inference_stats"]
    assert [times[part]["count"] for part in ("success", "fail", "queue", "compute_infer")] == [0, 2, 2, 2]
    assert times["fail"]["ns"] > times["compute_infer"]["ns"] > 0
    assert (after["execution_count"], after["batch_stats"]) == (2, [])


def test_batches_are_counted_by_their_size(server: Server, client: Any) -> None:
    with ThreadPoolExecutor(6) as threads:
        answers = threads.map(
            lambda a: server.client.post("/v2/models/together/predict", json={"a": a}), range(6)
        )
        sizes = [answer.json()[1] for answer in answers]
    (found,) = client.get_inference_statistics("together", "0")["model_stats"]
    counted = {one["batch_size"]: one["compute_infer"] for one in found["batch_stats"]}
    assert {size: one["count"] for size, one in counted.items()} == {
        size: sizes.count(size) // size for size in set(sizes)
    }
    assert all(one["ns"] > 0 for one in counted.values())
    assert found["inference_count"] == 6
    assert found["execution_count"] == sum(one["count"] for one in counted.values())


def test_a_model_that_is_called_stats_has_its_metadata_beside_the_statistics(client: Any) -> None:
    assert client.infer("stats", [number("count", 3)]).as_numpy("output").tolist() == [3]
    every = client.get_inference_statistics()
    assert {one["name"]: one["inference_count"] for one in every["model_stats"]}["stats"] == 1
    assert every["name"] == "stats"
    assert client.get_model_metadata("stats")["inputs"][0]["name"] == "count"
    assert [one["name"] for one in client.get_inference_statistics("stats")["model_stats"]] == ["stats"]


def test_statistics_of_what_is_not_there_are_refused(server: Server, client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="there is no model 'nothing'"):
        client.get_inference_statistics("nothing")
    with pytest.raises(triton.InferenceServerException, match="has no version 7"):
        client.get_inference_statistics("fails", "7")
    assert (
        server.client.get("/v2/models/fails/versions/live/stats").json()["model_stats"][0]["version"] == "0"
    )


def test_versions_that_are_counted_apart_are_bounded() -> None:
    """What was counted stays counted, and who still counts an old version is heard."""
    tally = Tally()
    waits = Pending(Call(1), lambda *_: None, 1.0, 9.0)
    old = tally.of(1)
    for version in range(1, MOST_VERSIONS + 3):
        tally.of(version).sent([waits], 1.5)
        tally.of(version).answered([Answer(1, micros=2000)] * 2, together=True)
    old.answered([Answer(1, micros=2000)] * (MOST_SIZES + 1), together=True)
    assert sum(tally.queued.counts) == sum(tally.batches.counts) == MOST_VERSIONS + 2
    assert sum(tally.worked.counts) == 2 * (MOST_VERSIONS + 2) + MOST_SIZES + 1
    assert old.executed == {2: (2, 4000), MOST_SIZES: (1, 2000)}
    assert tally.of(MOST_VERSIONS + 2).executed == {2: (1, 2000)}


def test_where_nothing_is_counted_it_says_how_to_count() -> None:
    with serving("fails=tensor_models:Fails", "--no-metrics") as server:
        answer = server.client.get("/v2/models/fails/stats")
        assert answer.status_code == 404
        assert "setting metrics" in answer.json()["error"]


# -- what a request gives its prediction -------------------------------------------------------------


@pytest.mark.parametrize("way", ["shortest", "long"])
def test_a_request_waits_as_long_as_it_says(server: Server, way: str) -> None:
    inputs = [{"name": "seconds", "shape": [1], "datatype": "FP64", "data": [60]}]
    place = "" if way == "shortest" else "/versions/0"
    body = {"inputs": inputs, "parameters": {"timeout": 100_000}}
    answer = server.client.post(f"/v2/models/waits{place}/infer", json=body)
    assert (answer.status_code, answer.json()) == (504, {"error": "the prediction took longer than 0.1 s"})
    escaped = json.dumps(body).replace("timeout", "\\u0074imeout")
    assert server.client.post(f"/v2/models/waits{place}/infer", content=escaped).status_code == 504


def test_the_timeout_of_tritons_client_is_kept(client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="longer than 0.05 s"):
        client.infer("waits", [number("seconds", 60, "FP64")], timeout=50_000)
    answer = client.infer("waits", [number("seconds", 0, "FP64")], timeout=30_000_000, priority=0)
    assert answer.as_numpy("output").tolist() == [0]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"timeout": -1}, "'timeout' is -1: it must be a number of microseconds"),
        ({"timeout": "1"}, "'timeout' is '1'"),
        ({"timeout": True}, "'timeout' is True"),
        ({"timeout": 1 << 63}, "'timeout' is 9223372036854775808"),
        ({"priority": 2}, "'priority' is not supported: every request here waits in one queue"),
        ({"sequence_id": 1}, "'sequence_id' is not supported"),
    ],
)
def test_what_cannot_be_kept_of_a_request_is_refused(
    server: Server, parameters: dict[str, Any], words: str
) -> None:
    inputs = [{"name": "seconds", "shape": [1], "datatype": "FP64", "data": [0]}]
    answer = server.client.post("/v2/models/waits/infer", json={"inputs": inputs, "parameters": parameters})
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_a_timeout_is_read_of_short_json_only(server: Server) -> None:
    """Tensors as bytes may be of any size; JSON that the server would have to parse may not."""
    body = {"inputs": [], "parameters": {"timeout": 1000}, "id": "x" * (2 << 20)}
    answer = server.client.post("/v2/models/waits/infer", json=body)
    assert answer.status_code == 400
    assert "is read of requests whose JSON has at most 1048576 bytes" in answer.json()["error"]
    wait = {"name": "seconds", "shape": [1], "datatype": "FP64", "data": [60]}
    large = {
        "name": "more",
        "shape": [2 << 20],
        "datatype": "UINT8",
        "parameters": {"binary_data_size": 2 << 20},
    }
    said = json.dumps({"inputs": [wait, large], "parameters": {"timeout": 50_000}}).encode()
    fields = {"Inference-Header-Content-Length": str(len(said))}
    answer = server.client.post("/v2/models/waits/infer", content=said + bytes(2 << 20), headers=fields)
    assert (answer.status_code, answer.json()) == (504, {"error": "the prediction took longer than 0.05 s"})


def test_a_model_may_have_an_argument_of_its_own_with_that_name(server: Server) -> None:
    answer = server.client.post("/v2/models/own/infer", json={"inputs": [], "parameters": {"timeout": 1}})
    assert answer.json()["outputs"][0]["data"] == [1]


# -- traces, the log, configurations, versions -------------------------------------------------------


def test_traces_and_the_log_are_shown_and_not_changed(server: Server, client: Any) -> None:
    traces = client.get_trace_settings()
    assert (traces["trace_level"], traces["trace_mode"]) == (["OFF"], "opentelemetry")
    assert client.get_trace_settings("waits") == traces
    log = client.get_log_settings()
    assert (log["log_info"], log["log_verbose_level"], log["log_file"]) == (True, 0, "")
    with pytest.raises(triton.InferenceServerException, match="set when the server starts"):
        client.update_trace_settings("waits", {"trace_rate": "5"})
    with pytest.raises(triton.InferenceServerException, match="by the settings log_level and log_file"):
        client.update_log_settings({"log_verbose_level": 1})
    with pytest.raises(triton.InferenceServerException, match="there is no model 'nothing'"):
        client.get_trace_settings("nothing")
    assert server.client.post("/v2/logging", json={}).status_code == 501


def test_a_server_that_traces_says_how_often() -> None:
    options = ("--traces", "http://127.0.0.1:9", "--trace-sample", "0.1", "--debug")
    with serving("stats=tensor_models:Counts", *options) as server:
        found = server.client.get("/v2/models/stats/trace/setting").json()
        assert (found["trace_level"], found["trace_rate"]) == (["TIMESTAMPS"], "10")
        assert server.client.get("/v2/logging").json()["log_verbose_level"] == 1


def test_shared_memory_is_off_and_says_how_to_turn_it_on(client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="start it with allow_client_shm"):
        client.register_system_shared_memory("mine", "/mine", 8)
    with pytest.raises(triton.InferenceServerException, match="start it with allow_client_shm"):
        client.get_system_shared_memory_status()
    assert "system_shared_memory" not in client.get_server_metadata()["extensions"]


def test_a_configuration_is_shown(client: Any) -> None:
    found = client.get_model_config("together", "0")
    assert (found["name"], found["max_batch_size"]) == ("together", 0)
    assert found["input"] == [{"name": "a", "data_type": "TYPE_INT64", "dims": [1]}]
    assert found["dynamic_batching"]["preferred_batch_size"] == [8]
    assert "dynamic_batching" not in client.get_model_config("fails")


def test_versions_are_asked_for_as_models_are(client: Any) -> None:
    assert client.is_model_ready("fails", "0")
    assert not client.is_model_ready("fails", "7")
    found = client.get_model_metadata("fails", "0")
    assert (found["name"], found["versions"]) == ("fails", ["0"])
    assert found["inputs"] == [{"name": "x", "datatype": "FP64", "shape": [1]}]


# -- the repository ----------------------------------------------------------------------------------


def test_tritons_client_lists_loads_and_unloads(client: Any) -> None:
    def state(name: str) -> str:
        return next(one["state"] for one in client.get_model_repository_index() if one["name"] == name)

    assert state("own") == "READY"
    with pytest.raises(triton.InferenceServerException, match="no model here is part of another"):
        client.unload_model("own", unload_dependents=True)
    client.unload_model("own")
    assert state("own") == "UNAVAILABLE"
    assert not client.is_model_ready("own")
    with pytest.raises(triton.InferenceServerException, match="a POST to .* loads it"):
        client.infer("own", [number("timeout", 1)])
    with pytest.raises(triton.InferenceServerException, match="configuration cannot be sent"):
        client.load_model("own", config="{}")
    client.load_model("own")
    assert state("own") == "READY"
    assert client.infer("own", [number("timeout", 1)]).as_numpy("output").tolist() == [1]
    with pytest.raises(triton.InferenceServerException, match="there is no model 'nothing'"):
        client.load_model("nothing")
