"""`/metrics` of a server that is used: what is counted, by which ways, and that counters only rise."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator

import httpx
import job_calls
import pytest
from scraped import OPEN_METRICS, PLAIN, PROMETHEUS, Scrape, scraped, scraped_when
from serving import MODELS, Server, serving

from modelport.telemetry.metrics.families import (
    DRIFT,
    DRIFT_SEEN,
    DRIFTED,
    FAMILIES,
    JOBS,
    LARGEST_PSI,
    OLDEST_JOB,
    OOM_KILLS,
    TOKENS,
)

V2 = "/v2/models"
MODEL_FILES = {
    "echo": "echoes.py:Echo",
    "together": "metric_models.py:Together",
    "process": "metric_models.py:Process",
    "stream": "metric_models.py:Counting",
    "m": "versioned.py:Scaler",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    sources = [f"{name}={MODELS / place}" for name, place in MODEL_FILES.items()]
    with serving(*sources, "--metrics-port", "0", "--default-model", "echo") as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """The server's client, and afterwards no counter is lower than it was."""
    before = scraped(server.client).counters()
    yield server.client
    after = scraped(server.client).samples
    fallen = {
        key: (value, after[key]) for key, value in before.items() if key in after and after[key] < value
    }
    assert fallen == {}
    assert {name for (name, _) in before} <= {name for (name, _) in after}


def refused(client: httpx.Client) -> None:
    """Send what is no request."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nbad header\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def killed(client: httpx.Client) -> None:
    """Kill the worker of a model, which must be ready."""
    answer = client.post(f"{V2}/process/predict", json={})
    assert answer.status_code == 200, answer.text
    os.kill(answer.json(), signal.SIGKILL)


def more(before: Scrape, after: Scrape, name: str, **labels: str) -> float:
    """By how much something has risen."""
    return after(name, **labels) - before(name, **labels)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/plain", PLAIN),
        ("application/json", PLAIN),
        (PROMETHEUS, OPEN_METRICS),
        ("application/openmetrics-text", OPEN_METRICS),
        ("application/openmetrics-text; version=2.0.0, text/plain;q=0.5", PLAIN),
        ("application/openmetrics-text;q=0.1, text/plain;version=0.0.4", PLAIN),
        ("application/openmetrics-text;q=0", PLAIN),
        ("application/openmetrics-text;q=many", PLAIN),
    ],
)
def test_the_format_is_the_one_that_the_client_likes_best(
    client: httpx.Client, accept: str, content_type: str
) -> None:
    answer = client.get("/metrics/", headers={"accept": accept})
    assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
    assert scraped(client, accept=accept)("ready") == 1


def test_each_metric_is_a_declared_one_with_its_labels_and_each_declared_one_is_there(
    client: httpx.Client,
) -> None:
    client.post(f"{V2}/echo/predict", json={"number": 1})
    client.post(f"{V2}/stream/predict", json={"count": 1}, headers={"accept": "application/x-ndjson"})
    job = client.post(f"{V2}/echo/predict", json={"number": 1}, headers=job_calls.ASYNC).json()["id"]
    assert job_calls.ended(client, job)["state"] == "succeeded"
    refused(client)
    killed(client)
    found = scraped_when(
        client, lambda now: now("worker_ends_total") > 0 and now.has("stream_duration_seconds_count")
    )
    declared = {family.name: family for family in FAMILIES}
    ours = [family for family in found.families if family.name.startswith("modelport_")]
    for family in ours:
        known = declared[family.name]
        assert (family.type, family.documentation) == (known.kind, known.help)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(known.labels)
    # Of jobs that have not ended, which are shown below; of drift, as monitoring/test_drift.py has it; of
    # tokens, as dialects/test_openai.py has it; and what not every machine tells.
    absent = {JOBS.name, OLDEST_JOB.name, OOM_KILLS.name, TOKENS.name}
    absent |= {DRIFT.name, DRIFTED.name, LARGEST_PSI.name, DRIFT_SEEN.name}
    assert set(declared) - {family.name for family in ours} <= absent


def test_requests_are_counted_by_every_way(client: httpx.Client) -> None:
    before = scraped(client)
    for _ in range(3):
        assert client.post(f"{V2}/echo/predict", json={"number": 1, "characters": 100}).status_code == 200
    assert client.post(f"{V2}/echo/predict", data={"number": "1"}).status_code == 200
    assert client.post(f"{V2}/echo/predict", json={"none": 1}).status_code == 422
    assert client.post("/predict", json={"number": 1}).status_code == 200
    after = scraped_when(client, lambda now: more(before, now, "requests_total", model="echo") == 6)
    of = {"model": "echo", "verb": "predict"}
    assert more(before, after, "requests_total", dialect="v2", code="200", **of) == 4
    assert more(before, after, "requests_total", dialect="v2", code="422", **of) == 1
    assert more(before, after, "requests_total", dialect="mlup", code="200", **of) == 1
    assert more(before, after, "version_requests_total", model="echo", version="0", code="200") == 5
    assert more(before, after, "request_duration_seconds_count", dialect="v2", **of) == 5
    assert more(before, after, "request_duration_seconds_bucket", dialect="v2", le="60.0", **of) == 5
    assert more(before, after, "request_duration_seconds_sum", **of) > 0
    assert more(before, after, "response_body_bytes_total", dialect="v2", **of) > 400
    assert more(before, after, "request_body_bytes_total", dialect="v2", **of) > 5 * 9
    assert more(before, after, "queue_duration_seconds_count", model="echo") == 6
    assert more(before, after, "worker_duration_seconds_count", model="echo") >= 5
    assert more(before, after, "worker_duration_seconds_sum", model="echo") > 0


def test_what_asks_no_model_is_counted_by_its_endpoint_and_unknown_paths_together(
    client: httpx.Client,
) -> None:
    before = scraped(client)
    for path in ("/nowhere", "/else/where", f"{V2}/none/nothing", f"{V2}/echo", f"{V2}/absent"):
        client.get(path)
    after = scraped_when(client, lambda now: more(before, now, "http_requests_total", code="404") == 4)
    assert more(before, after, "http_requests_total", route="other", code="404") == 3
    assert more(before, after, "http_requests_total", route="/v2/models/{model}/", code="404") == 1
    assert more(before, after, "http_requests_total", route="/v2/models/{model}/", code="200") == 1
    assert not any(label[1] in ("none", "absent") for _, labels in after.samples for label in labels)


def test_a_stream_has_its_duration_and_its_pieces(client: httpx.Client) -> None:
    before = scraped(client)
    answer = client.post(
        f"{V2}/stream/predict", json={"count": 5}, headers={"accept": "application/x-ndjson"}
    )
    assert len(answer.text.splitlines()) == 5
    after = scraped_when(client, lambda now: more(before, now, "requests_total", model="stream") == 1)
    assert more(before, after, "stream_pieces_total", model="stream") == 5
    assert more(before, after, "stream_duration_seconds_count", model="stream") == 1
    assert more(before, after, "request_duration_seconds_count", model="stream") == 0


def test_calls_that_go_to_a_worker_together_are_a_batch(client: httpx.Client) -> None:
    before = scraped(client)
    with httpx.Client(base_url=client.base_url, timeout=30) as other:
        threads = [
            threading.Thread(
                target=other.post, args=[f"{V2}/together/predict"], kwargs={"json": {"number": n}}
            )
            for n in range(3)
        ]
        for thread in threads:
            thread.start()
        waiting = scraped_when(client, lambda now: now("queue_calls", model="together") == 3)
        assert waiting("queue_limit_calls", model="together") == 1000
        assert client.post(f"{V2}/together/predict", json={"number": 3}).status_code == 200
        for thread in threads:
            thread.join(30)
    after = scraped_when(client, lambda now: more(before, now, "requests_total", model="together") == 4)
    assert more(before, after, "batch_size_sum", model="together") == 4
    assert more(before, after, "batch_size_count", model="together") == 1
    assert more(before, after, "queue_duration_seconds_count", model="together") == 4
    assert after("queue_calls", model="together") == 0


def test_a_job_is_shown_while_it_waits_or_runs(client: httpx.Client) -> None:
    def asked() -> str:
        answer = client.post(f"{V2}/echo/predict", json={"wait": 60}, headers=job_calls.ASYNC)
        return answer.json()["id"]

    jobs = [asked(), asked()]
    of = {"model": "echo", "kind": "predict"}
    found = scraped_when(
        client, lambda now: now("jobs", state="running", **of) == 1 and now("jobs", state="queued", **of) == 1
    )
    assert 0 < found("oldest_queued_job_age_seconds", **of) < 30
    for job in reversed(jobs):
        assert client.delete(f"/v2/jobs/{job}").is_success
        job_calls.ended(client, job)
    scraped_when(client, lambda now: not now.has("jobs", **of))


def test_a_job_is_counted_when_it_has_ended(client: httpx.Client) -> None:
    of = {"model": "echo", "kind": "predict"}

    def all_ended(now: Scrape) -> bool:
        """Whether each is counted: its end is written, and so is seen, before."""
        return now("job_attempts_total", **of) == now("job_attempts_ended_total", **of)

    before = scraped_when(client, all_ended)
    answer = client.post(f"{V2}/echo/predict", json={"number": 1}, headers=job_calls.ASYNC)
    assert job_calls.ended(client, answer.json()["id"])["state"] == "succeeded"
    after = scraped_when(client, all_ended)
    assert more(before, after, "job_attempts_total", **of) == 1
    assert more(before, after, "job_attempts_ended_total", state="succeeded", **of) == 1
    assert more(before, after, "job_attempt_duration_seconds_count", **of) == 1
    assert more(before, after, "job_wait_seconds_count", **of) == 1
    assert more(before, after, "database_writes_total", result="committed") > 2
    assert more(before, after, "database_commit_duration_seconds_count") > 1
    assert after("database_up") == 1
    assert after("webhooks_total", result="delivered") == 0


def test_a_worker_that_is_killed_is_counted_and_leaves_no_series_behind(client: httpx.Client) -> None:
    before = scraped_when(
        client,
        lambda now: (
            now("worker_resident_memory_bytes", model="process") > 0
            and now("workers", model="process", state="free") == 1
        ),
    )
    killed(client)
    of = {"model": "process"}
    after = scraped_when(
        client,
        lambda now: (
            now("workers", state="free", **of) == 1 and more(before, now, "worker_restarts_total", **of) == 1
        ),
    )
    assert more(before, after, "worker_ends_total", reason="killed", **of) == 1
    assert more(before, after, "queue_duration_seconds_count", **of) == 1
    places = [
        dict(has)["worker"]
        for name, has in after.samples
        if "resident" in name and ("model", "process") in has
    ]
    assert len(places) <= 1


def test_versions_are_shown_while_they_are_loaded_and_keep_what_was_counted(client: httpx.Client) -> None:
    for factor in (2, 3):
        job = client.post(f"{V2}/m/train/", json={"factor": factor}).json()["uuid"]
        assert job_calls.ended(client, job)["state"] == "succeeded"
    assert client.post(f"{V2}/m/versions/1/predict", json={"x": 1}).status_code == 200
    of_one = {"model": "m", "version": "1"}
    one = scraped_when(client, lambda now: now("version_requests_total", **of_one) == 1)
    assert one("live_version_info", model="m", version="0") == 1
    assert not one.has("live_version_info", **of_one)
    moved = client.put(f"{V2}/m/aliases/live", json={"version": 1}, timeout=60)
    assert moved.status_code == 200, moved.text
    spread = client.put(f"{V2}/m/traffic", json={"weights": {"2": 0.25}}, timeout=60)
    assert spread.status_code == 200, spread.text
    for _ in range(8):
        assert client.post(f"{V2}/m/predict", json={"x": 1}).status_code == 200
    after = scraped_when(client, lambda now: now("version_requests_total", model="m") == 9)
    assert (after("version_weight_ratio", **of_one), after("live_version_info", **of_one)) == (0.75, 1)
    assert after("version_weight_ratio", model="m", version="2") == 0.25
    assert (after("version_requests_total", **of_one), after("model_ready", **of_one)) == (7, 1)
    assert after("version_requests_total", model="m", version="2") == 2
    assert after("queue_duration_seconds_count", model="m") >= 9


def test_a_model_that_is_unloaded_keeps_its_counters(client: httpx.Client) -> None:
    assert client.post(f"{V2}/echo/predict", json={"number": 1}).status_code == 200
    before = scraped_when(client, lambda now: now("requests_total", model="echo") > 0)
    assert client.post("/v2/repository/models/echo/unload").status_code == 200
    gone = scraped(client)
    assert gone("model_state", model="echo", state="unloaded") == 1
    assert (gone("workers", model="echo"), gone("ready")) == (0, 1)
    assert client.post("/v2/repository/models/echo/load").status_code == 200
    assert client.post(f"{V2}/echo/predict", json={"number": 1}).status_code == 200
    after = scraped_when(
        client, lambda now: more(before, now, "requests_total", code="200", model="echo") == 1
    )
    assert more(before, after, "worker_duration_seconds_count", model="echo") == 1
    assert after("model_state", model="echo", state="ready") == 1


def test_what_http_itself_refuses_is_counted(client: httpx.Client) -> None:
    before = scraped(client)
    refused(client)
    after = scraped(client)
    assert more(before, after, "http_refused_total", code="400") == 1
    assert more(before, after, "http_connections_accepted_total") >= 1
    assert after("http_connections") >= 1


def test_the_server_tells_of_its_own_process(client: httpx.Client) -> None:
    found = scraped_when(client, lambda now: now("event_loop_lag_seconds_count") > 0)
    assert found("process_resident_memory_bytes") > 1e7
    assert found("process_open_fds") > 5
    assert found("python_info") == 1
    assert found("build_info") == 1
    assert (found("body_memory_bytes"), found("spool_bytes")) == (0, 0)
    assert found("scrape_failures_total") == 0


def test_a_port_of_its_own_shows_metrics_and_nothing_else(server: Server, client: httpx.Client) -> None:
    url = server.wait_for_log(r"metrics on (http://\S+)/metrics").group(1)
    with httpx.Client(base_url=url, timeout=60.0) as own:
        assert scraped(own)("ready") == 1
        assert scraped(own, accept=PROMETHEUS)("ready") == 1
        for path in ("/", "/v2/models", "/metrics/more", "/docs"):
            assert own.get(path).status_code == 404
        assert own.post("/metrics").status_code == 405
        assert own.get("/metrics", headers={"host": "evil.example"}).status_code == 421
