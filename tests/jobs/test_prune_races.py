"""Jobs that another server removes while somebody reads them: what is answered is whole, or not there."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from job_calls import ended, events, predict, train
from postgres_server import Postgres
from serving import Server, serving

pytestmark = pytest.mark.slow
MODELS = ("works=trainable:Works",)
SIZE = 20_000_000  # more than the buffers between a server and a client that does not read


@pytest.fixture(scope="module")
def shared(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    data = tmp_path_factory.mktemp("data")
    return "--database-url", postgres.new_database(), "--data-dir", str(data)


@pytest.fixture(scope="module")
def server(shared: tuple[str, ...]) -> Iterator[Server]:
    with serving(*MODELS, *shared, "--job-workers", "2") as server:
        yield server


def prune(shared: tuple[str, ...]) -> None:
    """Another server that keeps nothing: it removes every job that has ended when it starts."""
    with serving(*MODELS, *shared, "--keep-jobs", "0.01s") as other:
        other.wait_for_log(r"removed \d+ jobs that have been kept for long enough")


def test_a_download_that_has_begun_is_whole_and_a_log_is_whole_or_cut(
    server: Server, shared: tuple[str, ...]
) -> None:
    client = server.client
    large = predict(client, "large", number=SIZE)
    chatty = predict(client, "long_lines", number=SIZE // 4000)
    for job_id in (large, chatty):
        assert ended(client, job_id)["state"] == "succeeded"
    whole = client.get(f"/v2/jobs/{large}/result").content
    with (
        client.stream("GET", f"/v2/jobs/{large}/result") as download,
        client.stream("GET", f"/v2/jobs/{chatty}/log") as log,
        client.stream("GET", f"/v2/jobs/{chatty}/log?follow=1") as followed,
    ):
        parts = download.iter_raw()
        got = next(parts)
        cut = [log.iter_raw(), followed.iter_raw()]
        for one in cut:
            assert next(one).startswith(b"line 0 ")
        prune(shared)
        assert got + b"".join(parts) == whole
        for one in cut:
            with pytest.raises(httpx.RemoteProtocolError, match="without|incomplete"):
                for _ in one:
                    pass
    for job_id in (large, chatty):
        for path in ("", "/result", "/log", "/events", "/metrics", "/artifacts/"):
            assert client.get(f"/v2/jobs/{job_id}{path}").status_code == 404
    assert "Traceback" not in server.log


def test_requests_that_meet_the_removal_get_all_or_404(server: Server, shared: tuple[str, ...]) -> None:
    client = server.client
    ids = [predict(client, "artifacts") for _ in range(3)] + [predict(client, "large", number=2_000_000)]
    for job_id in ids:
        assert ended(client, job_id)["state"] == "succeeded"
    paths = ["", "/result", "/log", "/metrics", "/artifacts/", "/artifacts/model.bin"]
    before = {(i, p): client.get(f"/v2/jobs/{i}{p}").content for i in ids for p in paths}
    seen = {events(client, job_id)[-1]["state"] for job_id in ids}
    assert seen == {"succeeded"}
    wrong: list[str] = []
    over = threading.Event()

    def read(job_id: str) -> None:
        with httpx.Client(base_url=server.url, timeout=30) as own:
            while not over.is_set():
                for path in paths:
                    try:
                        answer = own.get(f"/v2/jobs/{job_id}{path}")
                    except httpx.RemoteProtocolError as error:
                        if path != "/log":  # which may be cut, if it is seen to be
                            wrong.append(f"{path}: {error}")
                        continue
                    if answer.status_code != 404 and answer.content != before[job_id, path]:
                        wrong.append(f"{path}: {answer.status_code} {answer.text[:200]}")
                statuses = {
                    own.delete(f"/v2/jobs/{job_id}").status_code,
                    own.post(f"/v2/jobs/{job_id}/retry").status_code,
                }
                if not statuses <= {200, 404, 409}:
                    wrong.append(f"{statuses}")

    readers = [threading.Thread(target=read, args=(job_id,)) for job_id in ids]
    for reader in readers:
        reader.start()
    try:
        prune(shared)
    finally:
        over.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert client.get("/v2/jobs").json()["jobs"] == []
    assert "Traceback" not in server.log


def test_files_that_are_not_there_any_longer_are_404(server: Server, shared: tuple[str, ...]) -> None:
    client = server.client
    large, kept = train(client, "large", number=3_000_000), train(client, "artifacts")
    for job_id in (large, kept):
        assert ended(client, job_id)["state"] == "succeeded"
        shutil.rmtree(Path(shared[-1]) / "jobs" / job_id[-2:] / job_id)
    gone = [
        f"/v2/jobs/{large}/result",
        f"/v2/models/works/train/{large}",
        f"/v2/jobs/{kept}/artifacts/model.bin",
    ]
    for path in gone:
        answer = client.get(path)
        assert answer.status_code == 404, answer.text
    assert client.get(gone[0]).json()["detail"].startswith("the file is gone")
    assert client.get(f"/v2/jobs/{kept}/artifacts/").json() == {"artifacts": []}
