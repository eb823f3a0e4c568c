"""As many jobs may wait as the settings say, over every API; further ones are answered 429."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from job_calls import ASYNC, Gate, ended, train
from serving import Server, serving

from modelport.api.job_answers import store_problem
from modelport.dialects.mlup.server.errors import mlup_problem
from modelport.jobs.errors import QueueFull

MODELS = ("works=trainable:Works", "other=trainable:Works")
LIMITS = ("--job-workers", "1", "--max-queued-jobs", "2", "--max-queued-jobs-in-all", "3")
WITH_KEY = {"Idempotency-Key": "second"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*MODELS, *LIMITS, "--default-model", "works", "--is-long-predict", "--envelope") as running:
        yield running


@pytest.fixture(scope="module")
def full(client: httpx.Client) -> Iterator[None]:
    """One job runs, and two wait."""
    with Gate() as gate:
        ids = [train(client, "wait", number=gate.port)]
        held = gate.arrival()
        ids.append(train(client, "echo"))
        again = client.post("/v2/models/works/train/", json={"do": "echo"}, headers=WITH_KEY)
        ids.append(again.json()["uuid"])
        yield
        held.release()
        for job_id in ids:
            ended(client, job_id)


def refused(answer: httpx.Response, words: str) -> None:
    assert answer.status_code == 429, answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert words in answer.text


def count(client: httpx.Client) -> int:
    return len(client.get("/v2/jobs", params={"limit": 500}).json()["jobs"])


WAYS: dict[str, dict[str, Any]] = {
    "training": {"url": "/v2/models/works/train/", "json": {"do": "echo"}},
    "upload": {"url": "/v2/models/works/train/", "data": {"do": "echo"}, "files": {"table": b"1,2"}},
    "prediction": {"url": "/v2/models/works/predict/", "json": {"do": "echo"}, "headers": ASYNC},
}


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("way", WAYS)
def test_a_job_more_of_a_model_than_may_wait_is_refused(client: httpx.Client, way: str) -> None:
    before = count(client)
    answer = client.post(**WAYS[way])
    refused(answer, "2 jobs of 'works' wait already")
    assert answer.headers["content-type"] == "application/problem+json"
    assert count(client) == before


@pytest.mark.usefixtures("full")
def test_long_predictions_at_the_root_are_refused_in_the_form_of_that_api(client: httpx.Client) -> None:
    answer = client.post("/predict", json={"do": "echo"})
    refused(answer, "2 jobs of 'works' wait already")
    assert answer.json()["status-code"] == 429


def test_for_clients_of_mlup_the_queue_is_full() -> None:
    problem = mlup_problem(store_problem(QueueFull("3 jobs wait already")))
    assert (problem.status, problem.detail) == (429, "Queue is full. Please try again later.")
    assert dict(problem.headers)["Retry-After"]


@pytest.mark.usefixtures("full")
def test_a_repeated_request_gets_its_job_however_many_wait(client: httpx.Client) -> None:
    answer = client.post("/v2/models/works/train/", json={"do": "echo"}, headers=WITH_KEY)
    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("full")
def test_the_other_models_have_room_until_as_many_wait_in_all_as_may(client: httpx.Client) -> None:
    first = train(client, "echo", model="other")
    refused(client.post("/v2/models/other/train/", json={"do": "echo"}), "3 jobs wait already")
    client.delete(f"/v2/jobs/{first}")  # those that were cancelled do not wait any more
    second = train(client, "echo", model="other")
    client.delete(f"/v2/jobs/{second}")


def test_the_documents_tell_of_it(client: httpx.Client) -> None:
    for path in ("/openapi.json", "/swagger.json"):
        document = client.get(path).json()
        said = document["paths"]["/v2/models/works/train/"]["post"]["responses"]["429"]
        for name in said["$ref"].removeprefix("#/").split("/"):
            document = document[name]
        assert "as many jobs wait" in document["description"]
        assert "Retry-After" in document["headers"]
