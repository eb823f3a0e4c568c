"""Triton's extensions of the Open Inference Protocol, as its own client asks for them."""

from __future__ import annotations

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
    models = ("stats=tensor_models:Counts", "together=batch_models:Together", "fails=tensor_models:Fails")
    with serving(*models) as running:
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
