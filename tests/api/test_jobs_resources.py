"""`/v2/jobs`: lists, one job, its metrics, artifacts and result, cancelling and retrying."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

import httpx
import job_calls
import pytest
from job_calls import Gate, ended, log, predict, reached, train
from serving import Server, serving

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
FILTERS = (
    "kind=training",
    "kind=",
    "state=done",
    "state=",
    "limit=0",
    "limit=501",
    "limit=ten",
    "limit=-1",
    "cursor=x",
    "cursor=1.5",
    "cursor=" + "9" * 5000,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    models = ("works=trainable:Works", "again=trainable:WorksAgain", "draws=trainable:Draws")
    with serving(*models, "--job-workers", "2", "--cancel-grace", "12") as running:
        yield running


@pytest.fixture(scope="module")
def done(client: httpx.Client) -> dict[str, Any]:
    """A training that has succeeded."""
    return ended(client, train(client, "echo", text="é", number=3))


# -- one job ---------------------------------------------------------------------------------------


def test_a_job_says_all_about_itself(client: httpx.Client, done: dict[str, Any]) -> None:
    place = f"/v2/jobs/{done['id']}"
    times = [done.pop(name) for name in ("created_at", "started_at", "finished_at")]
    assert all(TIME.fullmatch(time) for time in times)
    assert times == sorted(times)
    assert 0 < done.pop("duration") < 60
    assert done.pop("revision") >= 3
    assert done == {
        "id": done["id"],
        "kind": "train",
        "model": "works",
        "model_version": "",
        "state": "succeeded",
        "attempt": 1,
        "max_attempts": 1,
        "priority": 0,
        "arguments": {"do": "echo", "text": "é", "number": 3, "table": None},
        "requested_by": "",
        "cancel_requested": False,
        "progress": None,
        "status": 200,
        "reason": "OK",
        "error": None,
        "ended_by": "return",
        "links": {
            "self": place,
            "events": f"{place}/events",
            "log": f"{place}/log",
            "metrics": f"{place}/metrics",
            "artifacts": f"{place}/artifacts/",
            "result": f"{place}/result",
        },
    }


def test_every_link_of_a_job_leads_somewhere(client: httpx.Client, done: dict[str, Any]) -> None:
    assert {name: client.get(link).status_code for name, link in done["links"].items()} == dict.fromkeys(
        done["links"], 200
    )


@pytest.mark.parametrize(
    "path", ["", "/events", "/log", "/metrics", "/artifacts/", "/artifacts/a", "/result", "/retry"]
)
def test_a_job_that_never_was_is_404(client: httpx.Client, path: str) -> None:
    method = "POST" if path == "/retry" else "GET"
    answer = client.request(method, f"/v2/jobs/nonsense{path}")
    assert answer.status_code == 404
    assert "there is no job 'nonsense'" in answer.json()["detail"]


def test_cancelling_a_job_that_never_was_is_404(client: httpx.Client) -> None:
    assert client.delete("/v2/jobs/nonsense").status_code == 404


@pytest.mark.parametrize("path", ["", "/events", "/log?follow"])
def test_head_of_a_running_job_does_not_wait_for_its_end(client: httpx.Client, gate: Gate, path: str) -> None:
    job_id = train(client, "wait", number=gate.port)
    held = gate.arrival()
    answer = client.head(f"/v2/jobs/{job_id}{path}")
    assert (answer.status_code, answer.content) == (200, b"")
    held.release()
    assert ended(client, job_id)["state"] == "succeeded"


# -- lists -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def several(client: httpx.Client, done: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Jobs of every kind of end, by name, besides `done`."""
    with Gate() as gate:
        held = [train(client, "wait", number=gate.port) for _ in range(2)]
        for _ in held:
            gate.arrival()
        waiting = predict(client)
        client.delete(f"/v2/jobs/{waiting}")
        found = {
            "cancelled": waiting,
            "failed": train(client, "fail", text="no good"),
            "again": train(client, "echo", "again"),
            "predicted": predict(client, text="asked", model="again"),
            "stopped": held[0],
        }
        client.delete(f"/v2/jobs/{held[0]}")
        client.delete(f"/v2/jobs/{held[1]}")
    return {name: ended(client, job_id) for name, job_id in found.items()}


def walk(client: httpx.Client, limit: int, **filters: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        answer = client.get("/v2/jobs", params={**filters, "limit": str(limit), "cursor": cursor})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["jobs"]) <= limit
        yield from body["jobs"]
        cursor = body["next_cursor"]


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_a_walk_returns_each_job_once_newest_first(
    client: httpx.Client, several: dict[str, dict[str, Any]], limit: int
) -> None:
    everything = [job["id"] for job in client.get("/v2/jobs?limit=500").json()["jobs"]]
    assert [job["id"] for job in walk(client, limit)] == everything
    assert len(set(everything)) == len(everything)
    created = [job["created_at"] for job in walk(client, limit)]
    assert created == sorted(created, reverse=True)
    assert {job["id"] for job in several.values()} <= set(everything)


def test_jobs_that_come_during_a_walk_do_not_disturb_it(
    client: httpx.Client, several: dict[str, dict[str, Any]]
) -> None:
    before = [job["id"] for job in walk(client, 500)]
    seen: list[str] = []
    for job in walk(client, 3):
        seen.append(job["id"])
        if len(seen) == 4:
            ended(client, predict(client, text="meanwhile"))
    assert seen == before


def test_a_list_shows_jobs_as_they_are_shown_alone(
    client: httpx.Client, several: dict[str, dict[str, Any]]
) -> None:
    listed = {job["id"]: job for job in walk(client, 500)}
    for job in several.values():
        assert listed[job["id"]] == job


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"kind": "predict"}, {"cancelled", "predicted"}),
        ({"state": "failed"}, {"failed"}),
        ({"model": "again"}, {"again", "predicted"}),
        ({"model": "again", "kind": "train", "state": "succeeded"}, {"again"}),
        ({"model": "unknown"}, set[str]()),
        ({"state": "interrupted"}, set[str]()),
        ({"kind": "validate"}, set[str]()),
    ],
)
def test_filters(
    client: httpx.Client, several: dict[str, dict[str, Any]], filters: dict[str, str], names: set[str]
) -> None:
    found = list(walk(client, 2, **filters))
    assert {name for name, job in several.items() if job["id"] in {f["id"] for f in found}} == names
    assert all(job[name] == value for job in found for name, value in filters.items())


@pytest.mark.parametrize("query", FILTERS, ids=[query[:20] for query in FILTERS])
def test_a_wrong_filter_is_refused(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/v2/jobs?{query}")
    assert answer.status_code == 422
    assert repr(query.partition("=")[2])[1:30].rstrip("'") in answer.json()["detail"]


# -- metrics ---------------------------------------------------------------------------------------


def test_metrics_as_json_and_csv(client: httpx.Client) -> None:
    job_id = train(client, "metrics")
    assert ended(client, job_id)["state"] == "succeeded"
    metrics = client.get(f"/v2/jobs/{job_id}/metrics").json()["metrics"]
    assert [(point["step"], point["value"]) for point in metrics["loss"]] == [
        (0, 0.5),
        (1, None),  # JSON has neither NaN nor infinity
        (2, None),
        (3, 0.25),
    ]
    assert [(p["step"], p["value"]) for p in metrics['accuracy, "top 5"']] == [(None, 1.0)]
    for asked in ({"headers": {"Accept": "text/csv"}}, {"params": {"format": "csv"}}):
        answer = client.get(f"/v2/jobs/{job_id}/metrics", **asked)  # type: ignore[arg-type]
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [(row["name"], row["step"], row["value"]) for row in rows] == [
            ("loss", "0", "0.5"),
            ("loss", "1", "nan"),
            ("loss", "2", "inf"),
            ("loss", "3", "0.25"),
            ('accuracy, "top 5"', "", "1.0"),
        ]
        assert all(TIME.fullmatch(row["at"]) for row in rows)


# -- artifacts -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(client: httpx.Client) -> str:
    """A training that has kept artifacts."""
    job_id = train(client, "artifacts")
    assert ended(client, job_id)["state"] == "succeeded"
    return job_id


def test_artifacts_are_listed_and_downloaded(client: httpx.Client, kept: str) -> None:
    listed = client.get(f"/v2/jobs/{kept}/artifacts/").json()["artifacts"]
    contents = {artifact["name"]: client.get(artifact["href"]) for artifact in listed}
    assert {name: answer.content for name, answer in contents.items()} == {
        "model.bin": b"second",
        "report/index.html": b"<script>alert(1)</script>",
        "report/plots/deep/a b é.txt": b"deep",
        "versions/1.partial": b"second",
    }
    assert {a["name"]: a["size"] for a in listed} == {n: len(a.content) for n, a in contents.items()}
    for answer in contents.values():  # a page of the model's must not run in the server's origin
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_artifacts_are_events_each_time_they_are_kept(client: httpx.Client, kept: str) -> None:
    found = [event for event in job_calls.events(client, kept) if event["event"] == "artifact"]
    assert sorted((event["path"], event["size"]) for event in found) == [
        ("model.bin", 5),
        ("model.bin", 6),
        ("report/index.html", 25),
        ("report/plots/deep/a b é.txt", 4),
        ("versions/1.partial", 6),
    ]


def test_names_that_lead_out_of_the_job_are_refused_in_the_model(client: httpx.Client, kept: str) -> None:
    refused = client.get(f"/v2/jobs/{kept}/result").json()
    assert refused == ["../escaped", "/escaped", "a/../../escaped", ".", "a\0b"]


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "report",
        "report/",
        "%2e%2e/checkpoints/secret",
        "..%2fcheckpoints%2fsecret",
        "report/%2e%2e/%2e%2e/checkpoints/secret",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "link",
        "a%00b",
        "x" * 300,
        "%ff",
        "..\\checkpoints\\secret",
    ],
)
def test_no_name_leads_out_of_the_artifacts(server: Server, kept: str, name: str) -> None:
    path = f"/v2/jobs/{kept}/artifacts/{name}".encode()
    request = httpx.Request("GET", server.url, extensions={"target": path})
    answer = server.client.send(request)
    assert answer.status_code == 404, answer.text
    assert b"secret" not in answer.content or b"no artifact" in answer.content


# -- results ---------------------------------------------------------------------------------------


def test_a_result_has_the_form_of_the_prediction(client: httpx.Client) -> None:
    body = {"do": "echo", "text": "same"}
    at_once = client.post("/v2/models/works/predict/", json=body)
    job_id = predict(client, text="same")
    ended(client, job_id)
    answer = client.get(f"/v2/jobs/{job_id}/result")
    assert (answer.status_code, answer.headers["content-type"]) == (200, at_once.headers["content-type"])
    assert answer.json()["predictions"] == {**at_once.json()["predictions"], "attempt": 1}


def test_a_result_may_be_large(client: httpx.Client) -> None:
    jobs = [predict(client, "large", number=3_000_000), train(client, "large", number=3_000_000)]
    for job_id in jobs:
        assert ended(client, job_id)["state"] == "succeeded"
        answer = client.get(f"/v2/jobs/{job_id}/result")
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert body.get("predictions", body)["text"] == "x" * 3_000_000
    shown = client.get(f"/v2/models/works/train/{jobs[1]}").json()
    assert shown["result"]["output"]["text"] == "x" * 3_000_000


def test_a_result_may_be_a_picture(client: httpx.Client) -> None:
    pytest.importorskip("PIL", reason="pictures need pillow")
    answer = client.post("/v2/models/draws/predict/", json={"width": 3}, headers=job_calls.ASYNC)
    assert answer.status_code == 202, answer.text
    ended(client, answer.json()["id"])
    result = client.get(f"{answer.headers['location']}/result")
    assert result.headers["content-type"] == "image/png"
    assert "drawn.png" in result.headers["content-disposition"]
    assert result.content.startswith(b"\x89PNG")
    waited = client.post("/v2/models/draws/predict/", json={"width": 3}, headers={"Prefer": "wait=30"})
    assert (waited.status_code, waited.content) == (200, result.content)
    assert waited.headers["content-disposition"] == result.headers["content-disposition"]


def test_accept_counts_when_the_job_is_asked_for(client: httpx.Client) -> None:
    before = client.get("/v2/jobs?limit=1").json()
    asked = {**job_calls.ASYNC, "Accept": "application/pdf"}
    answer = client.post("/v2/models/works/predict/", json={}, headers=asked)
    assert answer.status_code == 406
    assert client.get("/v2/jobs?limit=1").json() == before


@pytest.mark.parametrize(
    ("do", "text", "number", "detail"),
    [
        ("fail", "the loss is NaN", 0, "the loss is NaN"),
        ("refuse", "no such data set", 404, "no such data set"),
    ],
)
def test_a_failed_job_has_no_result_but_says_why(
    client: httpx.Client, do: str, text: str, number: int, detail: str
) -> None:
    job = ended(client, train(client, do, text=text, number=number))
    assert (job["state"], job["error"], job["ended_by"]) == ("failed", detail, "exception")
    answer = client.get(f"/v2/jobs/{job['id']}/result")
    assert answer.status_code == 409
    assert answer.json()["detail"] == f"the job is failed and has no result: {detail}"


def test_the_traceback_of_a_failed_job_is_in_its_log_line_by_line(client: httpx.Client) -> None:
    job_id = train(client, "fail", text="the loss is NaN")
    ended(client, job_id)
    lines = log(client, job_id)
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: the loss is NaN"
    shown = [event["line"] for event in job_calls.events(client, job_id) if event["event"] == "log"]
    assert shown == lines


def test_a_running_job_has_no_result_yet(client: httpx.Client, gate: Gate) -> None:
    job_id = train(client, "wait", number=gate.port)
    held = gate.arrival()
    answer = client.get(f"/v2/jobs/{job_id}/result")
    assert answer.status_code == 409
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["detail"] == "the job is running; it has no result yet"
    held.release()
    assert ended(client, job_id)["state"] == "succeeded"


# -- cancel and retry ------------------------------------------------------------------------------


def test_cancelling_in_each_state(client: httpx.Client, gate: Gate, done: dict[str, Any]) -> None:
    running = [train(client, "wait", number=gate.port) for _ in range(2)]
    for _ in running:
        gate.arrival()
    queued = train(client, "echo")
    answers = [client.delete(f"/v2/jobs/{job_id}") for job_id in (queued, queued, running[0], running[0])]
    assert [answer.status_code for answer in answers] == [200, 200, 202, 202]
    assert [answer.json()["state"] for answer in answers[:2]] == ["cancelled", "cancelled"]
    assert [answer.json()["cancel_requested"] for answer in answers[2:]] == [True, True]
    assert client.delete(f"/v2/jobs/{running[1]}").status_code == 202
    job = ended(client, running[0])
    assert (job["state"], job["ended_by"], job["error"]) == ("cancelled", "SIGTERM", "cancelled")
    assert job_calls.job(client, queued)["ended_by"] == "before it ran"
    answer = client.delete(f"/v2/jobs/{done['id']}")
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")
    assert client.get(f"/v2/jobs/{done['id']}/result").json()["text"] == "é"
    shown = client.delete(f"/v2/models/works/train/{done['id']}").json()
    assert (shown["status"], shown["result"]["output"]["text"]) == ("done", "é")


def test_cancelling_ends_what_the_job_has_started(client: httpx.Client, gate: Gate) -> None:
    import psutil

    job_id = train(client, "wait_with_children", number=gate.port)
    held = gate.arrival()
    processes = [psutil.Process(int(pid)) for pid in (held.pid, *held.text.split())]
    client.delete(f"/v2/jobs/{job_id}")
    assert ended(client, job_id)["state"] == "cancelled"
    gone, alive = psutil.wait_procs(processes, timeout=30)
    assert (len(gone), alive) == (3, [])


@pytest.mark.slow
def test_a_training_that_is_deaf_is_killed_at_the_end_of_the_grace() -> None:
    with serving("t=trainable:Trainable", "--cancel-grace", "1") as server:
        job_id = server.client.post("/v2/models/t/train/", json={"mode": "deaf", "epochs": 1}).json()["uuid"]
        with server.client.stream("GET", f"/v2/jobs/{job_id}/events") as stream:
            assert any(event["event"] == "progress" for event in job_calls.read_events(stream))
        assert server.client.delete(f"/v2/jobs/{job_id}").status_code == 202
        job = ended(server.client, job_id)
        assert (job["state"], job["ended_by"]) == ("cancelled", "SIGKILL")


def test_only_an_interrupted_job_can_be_retried(client: httpx.Client, done: dict[str, Any]) -> None:
    answer = client.post(f"/v2/jobs/{done['id']}/retry")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "the job is succeeded; only an interrupted one can be retried"


def test_methods_that_a_job_does_not_have(client: httpx.Client, done: dict[str, Any]) -> None:
    assert client.put(f"/v2/jobs/{done['id']}").status_code == 405
    assert client.post("/v2/jobs").status_code == 405
    assert client.get(f"/v2/jobs/{done['id']}/retry").status_code == 405


def test_jobs_of_one_model_are_no_trainings_of_another(client: httpx.Client, done: dict[str, Any]) -> None:
    assert client.get(f"/v2/models/works/train/{done['id']}").status_code == 200
    for path in ("again/train", "works/validate"):
        for method in ("GET", "DELETE"):
            assert client.request(method, f"/v2/models/{path}/{done['id']}").status_code == 404
    assert reached(client, done["id"], ("succeeded",))["cancel_requested"] is False
