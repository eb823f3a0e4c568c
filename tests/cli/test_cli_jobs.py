"""`modelport jobs …` against a running server, and against the folder that one has left."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cli_process import SECONDS, modelport
from serving import Server, environment

from modelport.jobs.folders import JobFolders
from modelport.jobs.records import NewJob, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore


def jobs(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return modelport("jobs", *arguments, **variables)


def listed(*arguments: str) -> list[dict[str, Any]]:
    done = jobs("list", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def train(server: Server, **arguments: Any) -> str:
    """Start a training; returns its id."""
    return server.client.post("/v2/models/t/train/", params=arguments).json()["uuid"]


def ended(server: Server, job_id: str) -> str:
    """Read a job's log until it has ended; returns its state."""
    server.client.get(f"/v2/jobs/{job_id}/log", params={"follow": "1"})
    return server.client.get(f"/v2/jobs/{job_id}").json()["state"]


@contextlib.contextmanager
def following(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "modelport", "jobs", "log", "-f", *arguments],
        env=environment(PYTHONUNBUFFERED="1"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_list_and_show(server: Server, data_dir: Path) -> None:
    good, bad = train(server, epochs=2), train(server, epochs=0, mode="error")
    assert (ended(server, good), ended(server, bad)) == ("succeeded", "failed")
    url = ("--url", server.url)
    assert [job["id"] for job in listed(*url, "--state", "failed")] == [bad]
    assert [job["id"] for job in listed(*url, "--model", "t", "--kind", "train", "-n", "1")] == [bad]
    table = jobs("list", *url).stdout
    assert re.search(rf"^{bad}  train +t +failed ", table, re.MULTILINE)
    assert re.search(rf"^{good}  train +t +succeeded +100% \(2 of 2\) training", table, re.MULTILINE)
    shown = jobs("show", good, *url).stdout
    for words in (f"id +{good}", "state +succeeded", "argument epochs +2",
                  "artifact +notes.txt \\(13 bytes\\)",
                  "metric loss +0.5 at step 1, between 0.5 and 1"):  # fmt: skip
        assert re.search(words, shown), shown
    assert re.search("error +the loss is not a number", jobs("show", bad, *url).stdout)
    as_json = json.loads(jobs("show", good, "--json", *url).stdout)
    assert as_json == server.client.get(f"/v2/jobs/{good}").json()
    # The same out of the folder, while the server has it.
    folder = ("--data-dir", str(data_dir))
    assert jobs("show", good, *folder).stdout == shown
    (same,) = [job for job in listed(*folder) if job["id"] == good]
    assert same == as_json
    assert jobs("log", good, *folder).stdout == "epoch 0\nwarning 0\nepoch 1\nwarning 1\n"


def test_a_log_is_followed_until_ctrl_c_or_the_end_that_cancel_brings(server: Server, data_dir: Path) -> None:
    job = train(server, epochs=1, mode="polite")
    by_server, by_folder = (job, "--url", server.url), (job, "--data-dir", str(data_dir))
    with following(*by_server) as left, following(*by_server) as first, following(*by_folder) as second:
        for process in (left, first, second):
            assert process.stdout is not None
            assert [process.stdout.readline() for _ in range(2)] == ["epoch 0\n", "warning 0\n"]
        left.send_signal(signal.SIGINT)
        assert left.wait(SECONDS) == 130
        done = jobs("cancel", job, MODELPORT_URL=server.url)  # it runs: following does not hold it
        assert (done.returncode, done.stdout) == (0, f"{job} is running, asked to stop\n")
        for process, status in ((first, 0), (second, 0), (left, 130)):
            assert process.stdout is not None
            assert process.stdout.read() == ""
            assert process.wait(SECONDS) == status
    assert server.client.get(f"/v2/jobs/{job}").json()["ended_by"] == "flag"


def test_what_is_refused_is_said(server: Server, data_dir: Path) -> None:
    job = train(server, epochs=0)
    assert ended(server, job) == "succeeded"
    done = jobs("retry", job, "--url", server.url)
    assert done.returncode == 1
    assert "only an interrupted one can be retried" in done.stderr
    done = jobs("log", "nothing", "--url", server.url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no job 'nothing'" in done.stderr
    # What a server has in its hands is not changed behind its back.
    for arguments in (("cancel", job), ("prune", "--older-than", "0")):
        done = jobs(*arguments, "--data-dir", str(data_dir))
        assert (done.returncode, done.stdout) == (1, "")
        assert "a server uses" in done.stderr
        assert "ask it, with --url" in done.stderr
    assert server.client.get(f"/v2/jobs/{job}").status_code == 200


class Stranger(BaseHTTPRequestHandler):
    """Some other program that speaks HTTP."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>It works!</h1>")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def test_where_no_server_of_ours_answers() -> None:
    with HTTPServer(("127.0.0.1", 0), Stranger) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{other.server_port}"
        assert "this is no modelport server" in jobs("list", "--url", url).stderr
        other.shutdown()
    done = jobs("list", MODELPORT_URL=url)
    assert done.returncode == 1
    assert f"no server answers at {url} " in done.stderr
    assert "name another with --url or MODELPORT_URL" in done.stderr
    done = jobs("list", "--url", "127.0.0.1:5000")
    assert done.returncode == 2
    assert "write http://…, https://… or unix:///path" in done.stderr


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A folder that a server has left: one job of each kind of state, each with a file."""
    asyncio.run(_fill(tmp_path))
    return tmp_path


async def _fill(folder: Path) -> None:
    store = await JobStore.open(folder / "jobs.sqlite")
    folders = JobFolders(folder)
    for name, state in (("done", State.SUCCEEDED), ("lost", State.INTERRUPTED), ("waiting", None)):
        await store.submit(NewJob(id=name, kind="train", model="m"))
        (folders.make(name) / "file").write_text("kept")
        if state is not None:
            (claim,) = await store.claim("somebody", 1, 60.0)
            await store.finish(name, claim.token, Outcome(state=state))
    await store.close()


def test_a_folder_without_a_server_can_be_changed(left: Path) -> None:
    folder = ("--data-dir", str(left))
    assert {job["id"]: job["state"] for job in listed(*folder)} == {
        "done": "succeeded", "lost": "interrupted", "waiting": "queued",
    }  # fmt: skip
    assert jobs("cancel", "waiting", "done", *folder).stdout == "waiting is cancelled\ndone is succeeded\n"
    assert jobs("retry", "lost", *folder).stdout == "lost is queued\n"
    refused = jobs("retry", "done", *folder)
    assert refused.returncode == 1
    assert "only an interrupted job can be retried" in refused.stderr
    assert "there is no job 'nothing'" in jobs("cancel", "nothing", *folder).stderr


def test_prune_removes_ended_jobs_and_their_files(left: Path) -> None:
    own = {"MODELPORT_DATA_DIR": str(left)}
    assert jobs("prune", "--older-than", "30d", **own).stdout == "removed 0 jobs\n"
    assert jobs("prune", "--older-than", "0", **own).stdout == "removed 2 jobs\n"
    assert [job["id"] for job in listed("--data-dir", str(left))] == ["waiting"]
    folders = JobFolders(left)
    assert (folders.of("waiting") / "file").read_text() == "kept"
    assert not folders.of("done").exists()
    assert not folders.of("lost").exists()
    wrong = jobs("prune", "--older-than", "a month", **own)
    assert wrong.returncode == 2
    assert "write for example 30d, 12h, 45m or 90s" in wrong.stderr


def test_a_folder_that_cannot_be_read_is_named_and_left_alone(left: Path, tmp_path: Path) -> None:
    database = left / "jobs.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'later'")
        connection.commit()
    for arguments in (("list",), ("prune", "--older-than", "0")):
        done = jobs(*arguments, "--data-dir", str(left))
        assert done.returncode == 1
        assert "was written by another version of modelport" in done.stderr
    database.write_bytes(b"no database at all, " * 1000)
    done = jobs("list", "--data-dir", str(left))
    assert done.returncode == 1
    assert "jobs.sqlite is damaged" in done.stderr
    empty = tmp_path / "empty"
    done = jobs("list", "--data-dir", str(empty))
    assert done.returncode == 1
    assert f"{empty}: there are no jobs here" in done.stderr
    assert not os.path.lexists(empty)
