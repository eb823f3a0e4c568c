"""The disk fails in the middle: what it could not keep is not confirmed, and what it did is not believed."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import httpx
import pytest
from job_calls import ASYNC, Gate, ended, job, predict, reached, train
from serving import Server, serving

pytestmark = pytest.mark.slow
MODELS = ("works=trainable:Works",)
SYNCS = "fdatasync,fsync"
Failing: TypeAlias = Callable[[Server, str, str], AbstractContextManager[None]]


@pytest.fixture
def failing(tmp_path: Path) -> Failing:
    """Lets system calls of a server fail, by strace, and makes sure that some did."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    return lambda server, calls, how: _failing(server, calls, how, tmp_path / "trace")


@contextlib.contextmanager
def _failing(server: Server, calls: str, how: str, trace: Path) -> Iterator[None]:
    inject = ["-e", f"trace={calls}", "-e", f"inject={calls}:{how}"]
    command = ["strace", "-f", "-o", str(trace), *inject, "-p", str(server.process.pid)]
    tracer = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    try:
        said = tracer.stderr.readline()
        if "attached" not in said:
            pytest.skip(f"no process may be traced here: {said.strip()}")
        yield
    finally:
        tracer.terminate()  # it lets go of the server
        tracer.communicate(timeout=10)
    assert "(INJECTED)" in trace.read_text()


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as opened:
        yield opened


def ask(client: httpx.Client, text: str = "") -> httpx.Response:
    return client.post("/v2/models/works/predict/", json={"text": text}, headers=ASYNC)


def assert_predicts(client: httpx.Client) -> None:
    assert client.post("/v2/models/works/predict/", json={}).status_code == 200


def test_a_new_data_folder_is_found_after_a_power_cut(tmp_path: Path) -> None:
    """Every name that is new on the way to it is synced in the folder above."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    code = "from modelport.jobs.folders import *; import sys; JobFolders(Path(sys.argv[1])).make_root()"
    program = [sys.executable, "-c", code, str(tmp_path / "new" / "data")]
    trace = ["strace", "-f", "-y", "-o", str(tmp_path / "trace"), "-e", "trace=fsync"]
    subprocess.run([*trace, *program], check=True, capture_output=True)
    synced = (tmp_path / "trace").read_text()
    for folder in (tmp_path, tmp_path / "new", tmp_path / "new" / "data"):
        assert f"<{folder}>)" in synced


def test_after_a_sync_that_failed_nothing_is_confirmed_until_a_restart(
    tmp_path: Path, failing: Failing, gate: Gate
) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    with serving(*MODELS, *data) as server:
        client = server.client
        before = predict(client, text="before")
        assert ended(client, before)["state"] == "succeeded"
        running = predict(client, "wait", number=gate.port)
        held = gate.arrival()
        queued = predict(client, text="queued")
        with failing(server, SYNCS, "error=EIO:when=1"):
            refused = ask(client, "not confirmed")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert "the disk under" in refused.json()["detail"]
        again = ask(client)  # the disk works again, but nobody knows what it holds
        assert again.status_code == 503
        assert "could not sync, so nothing more is written to it" in again.json()["detail"]
        assert "restart modelport" in again.json()["detail"]
        assert client.delete(f"/v2/jobs/{queued}").status_code == 503
        assert client.get(f"/v2/jobs/{before}/result").json()["predictions"]["text"] == "before"
        held.release()
        held.wait_end()
        assert job(client, running)["state"] == "running"  # its end is not confirmed, either
        assert_predicts(client)
        assert "Traceback" not in server.log
    with serving(*MODELS, *data) as server:
        client = server.client
        assert client.get(f"/v2/jobs/{before}/result").json()["predictions"]["text"] == "before"
        held = gate.arrival()
        assert held.attempt == 2
        held.release()
        assert ended(client, queued)["attempt"] == 1
        assert ended(client, running)["state"] == "succeeded"


@pytest.mark.parametrize(
    ("how", "status", "why"),
    [
        ("error=EIO:when=1", 503, "the disk under "),
        ("error=EIO:when=2", 503, "the disk under "),
        ("error=ENOSPC:when=1", 507, "no room is left for "),
    ],
)
def test_a_write_that_failed_harms_only_what_was_written(
    tmp_path: Path, failing: Failing, how: str, status: int, why: str
) -> None:
    with serving(*MODELS, "--data-dir", str(tmp_path / "data")) as server:
        client = server.client
        before = predict(client, text="before")
        assert ended(client, before)["state"] == "succeeded"
        with failing(server, "pwrite64", how):
            refused = ask(client, "refused")
            assert (refused.status_code, why in refused.json()["detail"]) == (status, True), refused.text
        after = predict(client, text="after")
        assert ended(client, after)["state"] == "succeeded"
        listed = client.get("/v2/jobs").json()["jobs"]
        assert [found["id"] for found in listed] == [after, before]
        assert "Traceback" not in server.log


def test_a_write_that_is_interrupted_is_done_again(tmp_path: Path, failing: Failing) -> None:
    with serving(*MODELS, "--data-dir", str(tmp_path / "data")) as server:
        with failing(server, "pwrite64", "error=EINTR:when=1..3"):
            job_id = predict(server.client)
            assert ended(server.client, job_id)["state"] == "succeeded"


def test_an_upload_that_could_not_be_synced_makes_no_job(tmp_path: Path, failing: Failing) -> None:
    data = tmp_path / "data"
    with serving(*MODELS, "--data-dir", str(data)) as server:
        client = server.client
        with failing(server, "fsync", "error=EIO"):
            files = {"table": ("a.csv", b"rows")}
            refused = client.post("/v2/models/works/train/", files=files)
        assert refused.status_code == 507, refused.text
        assert refused.json()["detail"] == "the job could not be stored: Input/output error"
        assert client.get("/v2/jobs").json()["jobs"] == []
        assert [path for path in (data / "jobs").rglob("*") if path.is_file()] == []
        assert client.post("/v2/models/works/train/", files=files).status_code == 200


def test_a_result_that_could_not_be_synced_is_none(tmp_path: Path, failing: Failing, gate: Gate) -> None:
    with serving(*MODELS, "--data-dir", str(tmp_path / "data")) as server:
        client = server.client
        job_id = predict(client, "wait_for_large", text="3000000", number=gate.port)
        held = gate.arrival()
        with failing(server, "fsync", "error=EIO"):
            held.release()
            found = ended(client, job_id)
        assert (found["state"], found["ended_by"]) == ("failed", "disk")
        assert found["error"] == "its result could not be kept: Input/output error"
        assert client.get(f"/v2/jobs/{job_id}/result").status_code == 409
        assert_predicts(client)


def test_a_training_goes_on_while_writes_fail_for_a_moment(
    tmp_path: Path, failing: Failing, gate: Gate
) -> None:
    with serving(*MODELS, "--data-dir", str(tmp_path / "data")) as server:
        client = server.client
        job_id = train(client, "progress", number=gate.port)
        held = gate.arrival()
        with failing(server, "pwrite64", "error=EIO:when=1..20"):
            held.release()
            server.wait_for_log(rf"job {job_id}: the disk under .*; trying again")
        assert reached(client, job_id, ("succeeded",))["progress"]["done"] == 989
