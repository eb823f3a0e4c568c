"""Dates, missing values and names of columns in answers, as every client of a model gets them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from serving import MODELS, Server, serving

FILE = MODELS / "dated_answers.py"
MOMENT = "2024-01-02T03:04:05"
GOOD: dict[str, Any] = {
    "py": MOMENT,
    "ns": [MOMENT, None],
    "day": ["2024-01-02", None],
    "frame": [{"t": "2024-01-02T00:00:00", "read": 1}, {"t": None, "read": 2}],
    "nat": None,
    "na": None,
    "multi": [{"('a', 'x')": 1, "('a', 'y')": 2}],
}
LOST = {
    "twice": "columns of a table are 'a' as text: 'a', 'a'",
    "keys": "keys are '1' as text: 1, '1'",
    "object": "a object has no form in JSON",
}
DECLARED: list[tuple[str, str, Any]] = [
    ("moments", "moments", ["2024-01-02T00:00:00", None]),
    ("moments", "ns", [MOMENT, None]),
    ("maybe", "maybe", None),
    ("maybe", "py", MOMENT),
    ("open", "open", {"t": "2024-01-02T00:00:00", "m": None, "n": {"1": "PT0.000000005S"}}),
]


@pytest.fixture(scope="module")
def root() -> Iterator[Server]:
    """The model at the root, in mlup's dialect, and below `/v2`."""
    with serving(f"Dated={FILE}:Dated") as server:
        yield server


@pytest.fixture(scope="module")
def declared() -> Iterator[Server]:
    names = ("Moments", "Maybe", "Open")
    with serving(*(f"{name.lower()}={FILE}:{name}" for name in names)) as server:
        yield server


@pytest.mark.parametrize("key", GOOD)
def test_every_dialect_has_the_same_forms(root: Server, key: str) -> None:
    body = root.client.post("/v2/models/Dated/predict/", params={"key": key}).json()
    assert body == {"status": "OK", "predictions": GOOD[key]}
    assert root.client.post("/predict", json={"key": key}).json() == {"predict_result": GOOD[key]}
    job = root.client.post("/v2/models/Dated/predict/", params={"key": key}, headers={"Prefer": "wait=20"})
    assert job.json() == body


@pytest.mark.parametrize("key", LOST)
def test_an_answer_that_would_lose_something_fails_and_says_what(root: Server, key: str) -> None:
    answer = root.client.post("/v2/models/Dated/predict/", params={"key": key})
    assert answer.status_code == 500
    assert LOST[key] in answer.json()["detail"]
    root.wait_for_log(re.escape(LOST[key]))


def _trained(server: Server, what: str) -> tuple[Any, Any, str]:
    """The result of a training, the performance of its run, and its log."""
    job = server.client.post("/v2/models/Dated/train/", params={"what": what}).json()
    ended = server.client.get(f"/v2/jobs/{job['uuid']}/events", headers={"Accept": "text/event-stream"})
    assert "succeeded" in ended.text, ended.text
    result = server.client.get(f"/v2/jobs/{job['uuid']}/result").json()
    performance = server.client.get("/performance", params={"run_id": job["uuid"]}).json()
    return result, performance, server.client.get(f"/v2/jobs/{job['uuid']}/log").text


def test_results_performances_and_metrics_of_trainings_have_them_too(root: Server) -> None:
    result, performance, _ = _trained(root, "dict")
    assert result == {"until": "2024-01-02T00:00:00", "score": None}
    assert "2024-01-02T00:00:00" in json.dumps(performance)
    assert '"1": null' in json.dumps(performance)


def test_a_training_whose_result_has_no_form_succeeds_with_its_text(root: Server) -> None:
    result, _, log = _trained(root, "object")
    assert result.startswith("<object object at")
    assert "its result is kept as text: a object has no form in JSON" in log


@pytest.mark.parametrize(("model", "key", "expected"), DECLARED)
def test_declared_answers_have_the_same_forms(declared: Server, model: str, key: str, expected: Any) -> None:
    answer = declared.client.post(f"/v2/models/{model}/predict/", params={"key": key})
    assert answer.json() == expected


def test_a_declared_answer_loses_no_key(declared: Server) -> None:
    assert declared.client.post("/v2/models/open/predict/", params={"key": "keys"}).status_code == 500
    declared.wait_for_log(r"keys are '1' as text: 1, '1'")
