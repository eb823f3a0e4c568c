"""Runs over HTTP: at the root for the default model, and below each model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Server
from version_site import factor, refused, runs, served, train

PLACES = ("", "/v2/models/m")


@pytest.fixture(scope="module")
def site(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(made, tmp_path_factory.mktemp("runs") / "data", "--best-by", "f1:max") as server:
        yield server


@pytest.fixture(scope="module")
def client(site: Server) -> httpx.Client:
    return site.client


@pytest.fixture(params=PLACES, ids=["root", "v2"])
def place(request: pytest.FixtureRequest) -> str:
    return request.param


def get(client: httpx.Client, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_runs_come_in_the_order_that_the_server_was_given(client: httpx.Client, place: str) -> None:
    body = get(client, f"{place}/runs")
    assert body["order_by"] == "f1:max"
    assert [run["version"] for run in body["runs"]] == [None, 2, 3, 1, 6, 5, 4, 7]
    assert body["next_cursor"] is None
    best = body["runs"][1]
    assert best["aliases"] == ["best", "live"]
    assert best["params"]["factor"] == 3
    assert best["metrics"] == {"loss": pytest.approx(1 / 3)}
    assert best["performance"]["class"] == {"nlp": {"f1": 0.45}}
    assert best["duration"] > 0
    assert get(client, best["links"]["self"])["run_id"] == best["run_id"]


def test_the_top_runs_are_asked_for_and_followed_by_the_next_ones(client: httpx.Client, place: str) -> None:
    found: list[Any] = []
    cursor = ""
    while cursor is not None:
        page = get(client, f"{place}/runs?top=3&cursor={cursor}")
        found += [run["version"] for run in page["runs"]]
        cursor = page["next_cursor"]
    assert found == [None, 2, 3, 1, 6, 5, 4, 7]
    newest = get(client, f"{place}/runs?top=2&order_by=newest")
    assert [run["version"] for run in newest["runs"]] == [None, 7]
    rest = get(client, f"{place}/runs?order_by=newest&cursor={newest['next_cursor']}")
    assert [run["version"] for run in rest["runs"]] == [6, 5, 4, 3, 2, 1]
    least = get(client, f"{place}/runs?top=2&order_by=class.nlp.f1:min")
    assert [run["version"] for run in least["runs"]] == [4, 5]


@pytest.mark.parametrize(
    "query",
    ["top=0", "top=1001", "top=x", "top=-1", "top=1.5", "cursor=x", "order_by=f1:up", "order_by=:max"],
)
def test_a_question_that_makes_no_sense_says_what_does(client: httpx.Client, query: str) -> None:
    name = query.partition("=")[0]
    assert name in refused(client.get(f"/runs?{query}"), 422)


def test_a_run_shows_all_that_is_known_of_it(client: httpx.Client, place: str) -> None:
    run_id = runs(client)[2]
    body = get(client, f"{place}/runs/{run_id}")
    assert (body["run_id"], body["model"], body["version"], body["source"]) == (run_id, "m", 2, "job")
    assert body["seed"] == 7
    assert body["code_version"]
    assert body["environment"]["python"].count(".") == 2
    assert "modelport" in body["environment"]["packages"]
    assert get(client, body["links"]["job"])["id"] == run_id
    assert get(client, body["links"]["metrics"])
    assert client.get(body["links"]["log"]).status_code == 200
    assert "scaler.json" in client.get(body["links"]["artifacts"]).text
    assert factor(client, body["links"]["predict"]) == 3


@pytest.mark.parametrize("name", ["best", "live"])
def test_the_best_and_the_live_run_have_names(client: httpx.Client, place: str, name: str) -> None:
    version = {"best": None, "live": 2}[name]
    body = get(client, f"{place}/runs/{name}")
    assert body["run_id"] == runs(client)[version]
    assert body["environment"]["python"]
    assert body == get(client, f"{place}/runs/{body['run_id']}")


def test_each_run_predicts_by_what_it_has_saved(client: httpx.Client, place: str) -> None:
    ids = runs(client)
    for version, its in ((1, 2), (2, 3), (7, 7)):
        assert factor(client, f"{place}/runs/{ids[version]}/predict") == its
        assert factor(client, f"{place}/runs/{ids[version]}/predict/") == its
    assert factor(client, f"{place}/runs/live/predict") == 3
    assert factor(client, f"{place}/predict") == 3


def test_a_run_answers_at_the_root_as_the_root_does(client: httpx.Client) -> None:
    run_id = runs(client)[1]
    assert client.post(f"/runs/{run_id}/predict", json={"x": 2}).json() == {
        "predict_result": {"value": 4.0, "factor": 2.0}
    }
    wrong = client.post(f"/runs/{run_id}/predict", json={"x": "text"})
    assert (wrong.status_code, list(wrong.json())) == (422, ["detail", "predict_id"])
    v2 = client.post(f"/v2/models/m/runs/{run_id}/predict", json={"x": "text"})
    assert v2.status_code == 422
    assert "predict_id" not in v2.json()


SENT: dict[str, dict[str, Any]] = {
    "unknown name": {"json": {"y": 1}},
    "near name": {"json": {"x": 1, "X": 2}},
    "unknown in the query": {"json": {"x": 1}, "params": {"bogus": "1"}},
    "no object": {"json": [1]},
    "blank": {"content": b" ", "headers": {"content-type": "application/json"}},
    "text": {"content": b"x", "headers": {"content-type": "text/plain"}},
    "JSON as a form": {
        "content": b'{"x": 1}',
        "headers": {"content-type": "application/x-www-form-urlencoded"},
    },
    "broken form": {"content": b"--b", "headers": {"content-type": "multipart/form-data; boundary=b"}},
    "wrong type": {"json": {"x": "text"}},
    "not acceptable": {"json": {"x": 1}, "headers": {"accept": "image/png"}},
    "compressed": {"json": {"x": 1}, "headers": {"content-encoding": "gzip"}},
}


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
def test_what_is_wrong_is_told_alike_by_every_path_of_a_model(
    client: httpx.Client, sent: dict[str, Any]
) -> None:
    def said(path: str) -> tuple[int, Any]:
        answer = client.post(f"/v2/models/m/{path}", **sent)
        body = answer.json()
        body.pop("request_id", None)
        return answer.status_code, body

    expected = said("predict")
    assert expected[0] in (400, 406, 415, 422)
    assert said("versions/1/predict") == said("versions/live/predict") == expected
    assert said(f"runs/{runs(client)[1]}/predict") == said("runs/live/predict") == expected


def test_a_run_that_saved_no_model_cannot_predict(client: httpx.Client, place: str) -> None:
    run_id = runs(client)[None]
    answer = client.post(f"{place}/runs/{run_id}/predict", json={"x": 2})
    assert "has saved no model" in refused(answer, 409)
    best = client.post(f"{place}/runs/best/predict", json={"x": 2})
    assert best.status_code in (200, 409)


def test_parameters_are_those_of_the_live_run_or_of_one_that_is_named(
    client: httpx.Client, place: str
) -> None:
    assert get(client, f"{place}/params")["params"]["factor"] == 3
    assert get(client, f"{place}/params/factor") == {"factor": 3}
    assert get(client, f"{place}/params/fails_above") == {"fails_above": None}
    run_id = runs(client)[3]
    assert get(client, f"{place}/params?run_id={run_id}")["params"]["fails_above"] == 10
    assert get(client, f"{place}/params/factor?run_id={run_id}") == {"factor": 4}
    assert get(client, f"{place}/params/factor?run_id=best") == {"factor": 8}


def test_performance_is_that_of_the_live_run_or_a_part_of_it(client: httpx.Client, place: str) -> None:
    whole = get(client, f"{place}/performance")["performance"]
    assert whole == {"overall": {"f1": 0.9, "num_samples": 10}, "class": {"nlp": {"f1": 0.45}}}
    assert get(client, f"{place}/performance?filter=overall") == {"overall": whole["overall"]}
    assert get(client, f"{place}/performance?filter=class.nlp") == {"class.nlp": {"f1": 0.45}}
    assert get(client, f"{place}/performance?filter=class.nlp.f1") == {"class.nlp.f1": 0.45}
    run_id = runs(client)[7]
    assert get(client, f"{place}/performance?run_id={run_id}") == {"performance": {}}


def test_what_does_not_exist_is_answered_with_what_does(client: httpx.Client, place: str) -> None:
    words = refused(client.get(f"{place}/runs/nothing"), 404)
    assert "'nothing'" in words
    assert runs(client)[None] in words
    for path in ("runs/nothing/predict", "params?run_id=nothing", "performance?run_id=nothing"):
        sent: dict[str, Any] = {"json": {"x": 1}} if "predict" in path else {}
        answer = client.request("POST" if sent else "GET", f"{place}/{path}", **sent)
        assert runs(client)[None] in refused(answer, 404)
    assert "there is: f1, seed" in refused(client.get(f"{place}/params/nothing"), 404)
    assert "there is: overall, class" in refused(client.get(f"{place}/performance?filter=nothing"), 404)
    words = refused(client.get(f"{place}/performance?filter=class.cv"), 404)
    assert "'class.cv'; there is: class.nlp" in words
    assert "overall, class" in refused(client.get(f"{place}/performance?filter="), 404)
    for odd in ("%00", "%ff", "a%2Fb", "x" * 3000):
        refused(client.get(f"{place}/runs/{odd}"), 404)
        refused(client.get(f"{place}/params/{odd}"), 404)
        refused(client.get(f"{place}/performance?filter={odd}"), 404)


def test_another_model_has_runs_of_its_own(client: httpx.Client) -> None:
    for path in ("runs", "params", "performance", "versions", "aliases", "traffic", "promotions"):
        assert "there is: m" in refused(client.get(f"/v2/models/other/{path}"), 404)


def test_runs_are_resources_with_methods(client: httpx.Client, place: str) -> None:
    run_id = runs(client)[1]
    for method, path in (("POST", "runs"), ("PUT", f"runs/{run_id}"), ("GET", f"runs/{run_id}/predict")):
        refused(client.request(method, f"{place}/{path}"), 405)


def test_a_run_that_was_removed_is_gone_with_its_version(client: httpx.Client, place: str) -> None:
    run_id = train(client, factor=9, f1=0.01)
    version = get(client, f"/runs/{run_id}")["version"]
    assert factor(client, f"/v2/models/m/versions/{version}/predict/") == 9
    assert client.delete(f"{place}/runs/{run_id}").status_code == 204
    refused(client.get(f"{place}/runs/{run_id}"), 404)
    refused(client.delete(f"{place}/runs/{run_id}"), 404)
    refused(client.get(f"/v2/models/m/versions/{version}"), 404)
    refused(client.post(f"/v2/models/m/versions/{version}/predict/", json={"x": 1}), 404)
    again = train(client, factor=9, f1=0.01)
    assert get(client, f"/runs/{again}")["version"] == version + 1
    assert client.delete(f"/runs/{again}").status_code == 204


def test_a_run_that_is_served_or_named_is_not_removed(client: httpx.Client, place: str) -> None:
    ids = runs(client)
    assert "is live" in refused(client.delete(f"{place}/runs/{ids[2]}"), 409)
    assert "is live" in refused(client.delete(f"{place}/runs/live"), 409)
    assert client.put("/v2/models/m/aliases/kept", json={"version": 1}).status_code == 200
    assert "an alias has version 1" in refused(client.delete(f"{place}/runs/{ids[1]}"), 409)
    assert client.delete("/v2/models/m/aliases/kept").status_code == 204
    assert client.put("/v2/models/m/traffic", json={"weights": {"1": 0.1}}).status_code == 200
    assert "is in use" in refused(client.delete(f"{place}/runs/{ids[1]}"), 409)
    assert client.delete("/v2/models/m/traffic").status_code == 204
    assert get(client, f"/runs/{ids[1]}")["version"] == 1
