"""Servers with disks of their own on one PostgreSQL and one S3: each serves what any of them has made.

One of them runs no jobs: whatever it is asked for was made by the other one, on the other disk.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx
import job_calls
import pytest
from postgres_server import Postgres
from s3_server import S3, s3_server
from serving import Server, serving, wait_until
from version_site import MODEL, factor, live, promoted, runs, succeeded, train

pytestmark = pytest.mark.slow
MODELS = (MODEL, "t=trainable:Trainable")
LARGE_MODEL = "l=large_files:Large"
LARGE, NAME = bytes(range(256)) * (8 << 10), "folder/ä large.bin"
SECONDS = 30.0


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def shared(postgres: Postgres, s3: S3) -> tuple[str, ...]:
    return ("--database-url", postgres.new_database(), "--files-url", s3.url, "--default-model", "m")


@pytest.fixture(scope="module")
def servers(
    shared: tuple[str, ...], s3: S3, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Server]]:
    """One that runs jobs, and one that is asked for them."""
    disks = [str(tmp_path_factory.mktemp(name)) for name in ("one", "other")]
    links = ("--files-link-seconds", "60")
    options = (*MODELS, LARGE_MODEL, *shared, *links, "--log-payloads", "1", "--payload-file-size", "1")
    with serving(*options, "--data-dir", disks[0], **s3.variables) as runs_jobs:
        none = ("--data-dir", disks[1], "--job-workers", "0")
        with serving(*options, *none, **s3.variables) as asked:
            yield runs_jobs, asked


def ended(client: httpx.Client, job_id: str) -> dict[str, object]:
    return job_calls.ended(client, job_id, 60.0)


def test_a_version_that_one_has_trained_is_promoted_and_served_by_the_other(
    servers: tuple[Server, Server],
) -> None:
    one, other = (server.client for server in servers)
    train(one, factor=2)
    promoted(other, 1)
    wait_until(lambda: live(one) == 1, lambda: servers[0].log, SECONDS)
    assert (factor(one), factor(other)) == (2, 2)


def test_artifacts_results_and_logs_of_one_are_served_by_the_other(servers: tuple[Server, Server]) -> None:
    one, other = (server.client for server in servers)
    files = {"table": ("a.csv", b"1,2\n" * 1000)}
    job_id = other.post("/v2/models/t/train/", data={"epochs": "2"}, files=files).json()["uuid"]
    done = ended(other, job_id)
    assert done["state"] == "succeeded", done
    results = [client.get(f"/v2/jobs/{job_id}/result") for client in (one, other)]
    assert results[0].content == results[1].content
    assert results[1].json()["size"] == 4000  # what came to one disk was read at the other
    listed = [client.get(f"/v2/jobs/{job_id}/artifacts/").json() for client in (one, other)]
    assert listed[0] == listed[1]
    (artifact,) = listed[1]["artifacts"]
    for _ in range(2):  # from the place, then from this disk
        assert other.get(artifact["href"]).content == one.get(artifact["href"]).content == b"what came out"
    for what in ("log", "metrics", "events"):
        told = [client.get(f"/v2/jobs/{job_id}/{what}").text for client in (one, other)]
        assert told[0] == told[1]
        assert "epoch 1" in told[1] or "accuracy" in told[1]


def test_what_a_job_says_while_it_runs_is_told_by_both(servers: tuple[Server, Server]) -> None:
    one, other = (server.client for server in servers)
    job_id = one.post("/v2/models/t/train/", json={"mode": "polite"}).json()["uuid"]

    def has(client: httpx.Client, what: str, said: str) -> bool:
        return said in client.get(f"/v2/jobs/{job_id}/{what}").text

    for what, said in (("log", "epoch 2"), ("metrics", "loss")):
        wait_until(lambda what=what, said=said: has(one, what, said), lambda: log_of(servers), SECONDS)
        assert has(other, what, said)
    assert {client.get(f"/v2/jobs/{job_id}").json()["state"] for client in (one, other)} == {"running"}
    other.delete(f"/v2/jobs/{job_id}")
    assert ended(other, job_id)["state"] == "cancelled"


def log_of(servers: tuple[Server, Server]) -> str:
    return "".join(server.log for server in servers)


def test_who_follows_links_has_large_artifacts_from_the_store_itself(servers: tuple[Server, Server]) -> None:
    one, other = (server.client for server in servers)
    job_id = one.post("/v2/models/l/train/", json={}).json()["uuid"]
    assert ended(one, job_id)["state"] == "succeeded"
    for client in (one, other):
        files = client.get(f"/v2/jobs/{job_id}/artifacts/").json()["artifacts"]
        listed = {file["name"]: file["href"] for file in files}
        asked = client.get(listed[NAME], params={"redirect": "true"})
        assert asked.status_code == 307
        assert asked.headers["cache-control"] == "no-store"
        link = httpx.get(asked.headers["location"], timeout=60.0)
        assert link.content == LARGE
        assert link.headers["content-disposition"] == "attachment; filename*=utf-8''%C3%A4%20large.bin"
        assert link.headers["content-type"] == "application/octet-stream"
        assert client.get(listed[NAME]).content == LARGE  # who does not ask has it from the server
        sent = client.get(listed["one"], params={"redirect": "true"})  # the store has one name for both
        assert (sent.status_code, sent.content) == (200, LARGE[1:])
        assert client.head(listed[NAME], params={"redirect": "true"}).status_code == 200
    assert one.get(listed[NAME], params={"redirect": "maybe"}).status_code == 422


def test_predictions_that_one_has_kept_are_in_the_report_of_the_other(servers: tuple[Server, Server]) -> None:
    one, other = (server.client for server in servers)
    path = "/v2/models/m/versions/0/predict/"
    for client in (one, other):
        assert client.post(path, json={"x": 1.0}).is_success
    windows = count(60)

    def seen() -> bool:
        """A report that nobody has asked for before has the calls of both."""
        report = other.get(f"/v2/models/m/monitoring?version=0&window={next(windows)}m").json()
        found = next(iter(report["versions"]), None)
        return found is not None and found["calls"] == 2

    wait_until(seen, lambda: "".join(server.log for server in servers), 120.0)
    assert other.delete("/v2/models/m/payloads").json()["files"] >= 2


def test_while_the_place_is_away_predictions_go_on_and_the_end_of_a_training_waits(
    servers: tuple[Server, Server], s3: S3
) -> None:
    one, other = (server.client for server in servers)
    start = len(servers[0].lines)
    with s3.away():
        run_id = train(other, wait=False, factor=5)
        servers[0].wait_for_log(
            rf"job {run_id}: the shared files at {s3.url} cannot be used now", 60.0, start
        )
        assert {factor(client) for client in (one, other)} == {2}
        assert other.get(f"/v2/jobs/{run_id}").json()["state"] == "running"
        refused = other.post("/v2/models/t/train/", files={"table": ("a.csv", b"1")})
        assert refused.status_code == 503
        assert s3.url in refused.json()["detail"]
    succeeded(other, run_id)
    version = next(number for number, run in runs(other).items() if run == run_id)
    assert factor(other, f"/v2/models/m/versions/{version}/predict/") == 5


def test_a_server_that_is_killed_while_it_keeps_files_has_named_nothing_that_is_not_there(
    shared: tuple[str, ...], s3: S3, postgres: Postgres, tmp_path: Path
) -> None:
    database = ("--database-url", postgres.new_database())
    options = (*MODELS, *shared, *database, "--data-dir", str(tmp_path))
    dies = {"MODELPORT_FAILPOINT": "files.kept:kill@1"}
    with serving(*options, **s3.variables, **dies) as server:
        run_id = train(server.client, wait=False, factor=2)
        assert server.process.wait(60) == -signal.SIGKILL
    with serving(*options, **s3.variables) as server:
        assert ended(server.client, run_id)["state"] == "interrupted"
        assert runs(server.client) == {}
        assert server.client.post(f"/v2/jobs/{run_id}/retry").is_success
        succeeded(server.client, run_id)
        assert list(runs(server.client)) == [1]
        promoted(server.client, 1)
        assert factor(server.client) == 2
