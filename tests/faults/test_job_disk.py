"""The data folder is full, not to be written, or another server's: predictions go on and jobs say why not."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_calls import ASYNC, Gate, ended, job, log, predict, train
from serving import Server, serving
from small_disks import mounted

SIZE = "8m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, of a few megabytes."""
    with mounted(tmp_path, f"size={SIZE}") as folder:
        yield folder


def assert_predicts(server: Server) -> None:
    answer = server.client.post("/v2/models/works/predict/", json={"text": "still here"})
    assert answer.json()["predictions"]["text"] == "still here"


@pytest.mark.slow
def test_a_job_that_fills_the_disk_fails_and_the_server_lives(small_disk: Path) -> None:
    with serving("works=trainable:Works", "--data-dir", str(small_disk), "--job-workers", "1") as server:
        client = server.client
        before = predict(client, text="kept")
        assert ended(client, before)["state"] == "succeeded"
        job_id = train(client, "fill")
        found = ended(client, job_id)
        assert found["state"] == "failed"
        assert "No space left on device" in found["error"]
        assert_predicts(server)
        assert client.get(f"/v2/jobs/{before}/result").json()["predictions"]["text"] == "kept"
        answer = client.post("/v2/models/works/train/", files={"table": ("a.csv", b"x" * 4_000_000)})
        assert answer.status_code == 507
        assert client.get("/v2/health/ready").status_code == 200
        for path in small_disk.rglob("large"):
            path.unlink()
        after = predict(client, text="as before")
        assert ended(client, after)["state"] == "succeeded"
        assert job(client, job_id)["error"] == found["error"]


@pytest.mark.slow
def test_a_job_whose_log_fills_the_disk_fails_with_that_message(small_disk: Path) -> None:
    with serving("works=trainable:Works", "--data-dir", str(small_disk)) as server:
        client = server.client
        ballast = small_disk / "ballast"
        ballast.write_bytes(b"x" * 5_000_000)
        job_id = train(client, "flood", number=60_000)
        server.wait_for_log(rf"job {job_id} is given up: no room is left")
        assert_predicts(server)
        found = ended(client, job_id)
        assert (found["state"], found["ended_by"]) == ("failed", "disk full")
        assert found["error"].startswith("no room is left for ")
        assert log(client, job_id)[0] == "line 0"
        ballast.unlink()
        assert ended(client, predict(client))["state"] == "succeeded"


@pytest.mark.slow
def test_a_job_that_fails_of_the_full_disk_tells_it_in_its_own_words(small_disk: Path) -> None:
    """Though the store was the first to notice."""
    with Gate() as gate, serving("works=trainable:Works", "--data-dir", str(small_disk)) as server:
        job_id = train(server.client, "fill_and_print", number=gate.port)
        held = gate.arrival()
        server.wait_for_log(rf"job {job_id} is given up: no room is left")
        held.release()
        found = ended(server.client, job_id)
        assert (found["state"], found["ended_by"]) == ("failed", "exception")
        assert "No space left on device" in found["error"]


@contextlib.contextmanager
def without_jobs(*arguments: str) -> Iterator[Server]:
    with serving("works=trainable:Works", *arguments) as server:
        yield server


def assert_says_why(server: Server, why: str) -> None:
    """Everything of jobs is answered 503 with the reason; the rest works."""
    assert_predicts(server)
    client = server.client
    asked = [
        client.get("/v2/jobs"),
        client.get("/v2/jobs/some"),
        client.get("/v2/jobs/some/events"),
        client.get("/v2/models/works/train/"),
        client.post("/v2/models/works/train/", json={}),
        client.post("/v2/models/works/train/", files={"table": ("a.csv", b"x")}),
        client.post("/v2/models/works/predict/", json={}, headers=ASYNC | {"Idempotency-Key": "once"}),
        client.post("/v2/models/works/predict/?priority=3", json={}, headers={"Prefer": "wait=5"}),
    ]
    for answer in asked:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["detail"].startswith("this server has no jobs: ")
        assert why in answer.json()["detail"]
    assert client.get("/v2/models/works/signature").json()["has_jobs"] is False  # the page offers none
    server.wait_for_log(re.escape(why))
    for prefer in ("respond-async", "wait=5", "respond-async, wait=5"):
        answer = client.post(
            "/v2/models/works/predict/", json={"text": "at once"}, headers={"Prefer": prefer}
        )
        assert (answer.status_code, answer.json()["predictions"]["attempt"]) == (200, 0)
        assert "preference-applied" not in answer.headers
    assert client.get("/v2/health/ready").status_code == 200


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with without_jobs("--data-dir", str(tmp_path / "file" / "data")) as server:
        assert_says_why(server, "Not a directory")


def test_a_data_folder_that_may_not_be_written(tmp_path: Path) -> None:
    """Root may write everywhere but where nobody can: a file system that is mounted to be read."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    if os.getuid() != 0:
        with without_jobs("--data-dir", str(folder)) as server:
            assert_says_why(server, "Permission denied")
        return
    with mounted(folder, "ro"), without_jobs("--data-dir", str(folder)) as server:
        assert_says_why(server, "Read-only file system")


@pytest.mark.slow
def test_a_data_folder_of_another_server(tmp_path: Path) -> None:
    with without_jobs("--data-dir", str(tmp_path)) as first:
        with without_jobs("--data-dir", str(tmp_path)) as second:
            assert_says_why(second, f"another server uses the data folder {tmp_path}; give this one its own")
        assert ended(first.client, predict(first.client))["state"] == "succeeded"
        assert (tmp_path / "lock").read_text() == f"{first.process.pid}\n"


@pytest.mark.slow
def test_a_database_that_cannot_be_reached(tmp_path: Path) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:9/none"
    with without_jobs("--data-dir", str(tmp_path), "--database-url", url) as server:
        assert_says_why(server, "the database none on 127.0.0.1 cannot be used now")
        assert "secret" not in server.log
