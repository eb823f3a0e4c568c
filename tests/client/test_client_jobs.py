"""Jobs through the client, on a real server: submitted, followed, cancelled, and what came out of them."""

from __future__ import annotations

import io
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import client_models
import pytest
from client_target import MODELS, MakeClient
from serving import Server, serving

from modelport.client import (
    ArgumentsRefused,
    Content,
    JobFailed,
    ModelFailed,
    NotFound,
    RequestRefused,
    TimedOut,
)

SOURCES = [f"{name}={MODELS}:{name}" for name in ("Trains", "ReadsFile", "Draws", "Old")]


@pytest.fixture(scope="module")
def job_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("jobs")
    with serving(*SOURCES, "--data-dir", str(folder), "--job-workers", "2", "--cancel-grace", "5") as server:
        yield server


@pytest.fixture
def client(make_client: MakeClient, job_server: Server) -> Any:
    return make_client(job_server.url)


# -- from submission to result -----------------------------------------------------------------------


def test_a_prediction_as_a_job(client: Any) -> None:
    job = client.submit("Trains", number=5, priority=2)
    assert (job.kind, job.model, job.priority) == ("predict", "Trains", 2)
    assert job.arguments["number"] == 5
    assert job.result() == {"number": 5}
    assert (job.state, job.attempt, job.error) == ("succeeded", 1, None)
    assert job.ended
    assert job.created_at <= job.started_at <= job.finished_at
    assert job.created_at.tzinfo is not None
    assert job.duration >= 0


def test_the_envelope_of_a_prediction_is_taken_off_in_a_job_too(client: Any) -> None:
    assert client.submit("Old", text="t").result() == {"text": "t"}


def test_what_a_training_returned_is_not_touched(client: Any) -> None:
    job = client.train("Trains", epochs=1)
    assert job.result() == {"status": "OK", "predictions": 1}
    assert job.kind == "train"


def test_a_validation(client: Any) -> None:
    assert client.validate("Trains").result() == 0.75


def test_a_job_with_a_file(client: Any) -> None:
    assert client.submit("ReadsFile", file=io.BytesIO(b"content")).result() == "content"


def test_the_result_of_a_job_may_be_a_file(client: Any) -> None:
    picture = client.submit("Draws").result()
    assert isinstance(picture, Content)
    assert (picture.content, picture.content_type) == (client_models.PNG, "image/png")
    assert picture.name == "picture of é.png"


def test_a_key_that_was_used_gives_the_first_job(client: Any, request: pytest.FixtureRequest) -> None:
    key = request.node.name
    first = client.submit("Trains", number=1, idempotency_key=key)
    again = client.submit("Trains", number=1, idempotency_key=key)
    first.wait()
    ended = client.submit("Trains", number=1, idempotency_key=key)
    assert first.id == again.id == ended.id
    assert ended.state == "succeeded"
    with pytest.raises(RequestRefused, match="was used for another request"):
        client.submit("Trains", number=2, idempotency_key=key)


def test_a_job_that_fails_says_why(client: Any) -> None:
    job = client.train("Trains", fail=True)
    with pytest.raises(JobFailed, match="the loss is not finite") as failed:
        job.result()
    assert (failed.value.state, failed.value.job) == ("failed", getattr(job, "target", job))
    assert "the loss is not finite" in job.error


def test_arguments_of_a_job_are_checked_at_once(client: Any) -> None:
    with pytest.raises(ArgumentsRefused, match="number: Input should be a valid integer"):
        client.submit("Trains", number="five")
    with pytest.raises(ArgumentsRefused, match="epochs: "):
        client.train("Trains", epochs="many")


def test_a_model_that_cannot_train(client: Any) -> None:
    with pytest.raises(ModelFailed, match="501"):
        client.train("Draws")


# -- following ---------------------------------------------------------------------------------------


def test_waiting_shows_progress_as_it_comes(client: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    seen: list[Any] = []

    def look(job: Any) -> None:
        seen.append((job.state, job.progress))
        if job.progress is not None and job.progress.done == 2:
            gate.touch()  # the training ends only after its progress was seen

    job = client.train("Trains", epochs=2, wait_for=str(gate))
    assert job.wait(progress=look).state == "succeeded"
    assert [progress.message for _, progress in seen if progress][-1] == "epoch 2"
    assert seen[-1][0] == "succeeded"
    assert (job.progress.done, job.progress.total) == (2, 2)


def test_a_wait_that_is_too_short_leaves_the_job_alone(client: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = client.train("Trains", wait_for=str(gate))
    with pytest.raises(TimedOut, match=rf"job {job.id}, which is \w+, took longer than 0\.2 seconds"):
        job.wait(0.2)
    with pytest.raises(TimedOut):
        job.result(timeout=0.1)
    gate.touch()
    assert job.wait().state == "succeeded"
    assert job.wait(0.0).state == "succeeded"


def test_every_event_comes_once_and_in_order(client: Any) -> None:
    job = client.train("Trains", epochs=3)
    events = list(job.events())
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    types = {"state", "log", "metric", "progress", "artifact", "environment"}
    assert {event.type for event in events} == types
    states = [event.data["state"] for event in events if event.type == "state"]
    assert (states[0], states[-1]) == ("queued", "succeeded")
    metric = next(event for event in events if event.type == "metric")
    assert metric.data == {"name": "loss", "value": 1.0, "step": 1}
    assert metric.attempt == 1
    assert metric.at.tzinfo is not None
    assert list(job.events(after=4)) == events[4:]
    assert list(job.events(after=len(events))) == []


def test_looking_at_old_events_does_not_change_the_job(client: Any) -> None:
    job = client.submit("Trains").wait()
    assert next(iter(job.events())).data["state"] == "queued"
    assert job.state == "succeeded"


def test_the_log_line_by_line(client: Any, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = client.train("Trains", epochs=2, wait_for=str(gate))
    lines = job.log(follow=True)
    assert next(lines) == "epoch 1"
    gate.touch()
    assert list(lines) == ["epoch 2"]
    assert list(job.log()) == ["epoch 1", "epoch 2"]


# -- what came out -----------------------------------------------------------------------------------


def test_metrics_are_series(client: Any) -> None:
    metrics = client.train("Trains", epochs=2).wait().metrics()
    assert list(metrics) == ["loss"]
    assert [(point.step, point.value) for point in metrics["loss"]] == [(1, 1.0), (2, 0.5)]
    assert metrics["loss"][0].at <= metrics["loss"][1].at


def test_a_metric_that_is_no_number_is_one_all_the_same(client: Any) -> None:
    metrics = client.submit("Trains", loss="nan").wait().metrics()
    assert [(point.step, math.isnan(point.value)) for point in metrics["loss"]] == [(None, True)]


def test_artifacts_are_saved(client: Any, tmp_path: Path) -> None:
    job = client.train("Trains").wait()
    (artifact,) = job.artifacts()
    assert (artifact.name, artifact.size) == ("final/weights é.bin", len(client_models.PNG))
    assert artifact.read() == client_models.PNG
    assert artifact.save(tmp_path) == tmp_path / "weights é.bin"
    assert job.artifact(artifact.name).save(tmp_path / "own.bin").read_bytes() == client_models.PNG
    with pytest.raises(NotFound, match="the job has no artifact 'other'"):
        job.artifact("other").save(tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.bin", "weights é.bin"]


# -- finding and cancelling ---------------------------------------------------------------------------


def test_a_job_is_cancelled(client: Any, tmp_path: Path) -> None:
    job = client.train("Trains", epochs=1, wait_for=str(tmp_path / "never"))
    assert next(job.log(follow=True)) == "epoch 1"  # it runs
    job.cancel()
    assert job.cancel_requested
    assert job.wait().state == "cancelled"
    with pytest.raises(JobFailed, match="cancelled"):
        job.result()


def test_jobs_are_listed_newest_first(client: Any) -> None:
    made = [client.submit("Old", text="t") for _ in range(3)]
    with closing(client.jobs(model="Old", kind="predict")) as listed:
        assert [next(listed).id for _ in made] == [job.id for job in reversed(made)]
    assert [job.wait().state for job in made] == ["succeeded"] * 3
    assert {job.id for job in made} <= {job.id for job in client.jobs(state="succeeded")}
    assert list(client.jobs(model="Old", state="failed")) == []


def test_a_filter_that_is_none_is_refused(client: Any) -> None:
    with pytest.raises(RequestRefused, match="state 'done' is none of queued, running"):
        list(client.jobs(state="done"))


def test_a_job_is_found_by_its_id(client: Any) -> None:
    job = client.submit("Trains", number=1)
    found = client.job(job.id)
    assert (found.id, found.arguments) == (job.id, job.arguments)
    assert found.wait().state == "succeeded"
    assert job.refresh().state == "succeeded"
    assert repr(getattr(job, "target", job)) == f"<Job {job.id}: predict Trains, succeeded>"


def test_a_job_that_never_was(client: Any) -> None:
    with pytest.raises(NotFound, match="there is no job 'ab'"):
        client.job("ab")
    with pytest.raises(ValueError, match="must not be empty"):
        client.job("")


# -- a bar -------------------------------------------------------------------------------------------

WAITS = """
import sys
sys.modules["tqdm"] = None  # as where it is not installed
import modelport
with modelport.Client(sys.argv[1]) as client:
    client.train("Trains", epochs=2).wait(progress=True)
"""


def test_a_bar_where_there_is_no_terminal_prints_nothing(job_server: Server) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WAITS, job_server.url], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_bar_in_a_terminal(job_server: Server) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        with os.fdopen(theirs, "wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", WAITS, job_server.url],
                stderr=stderr,
                env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
            )
        shown = b"".join(iter(lambda: _read(terminal), b"")).decode()
    assert process.wait(60) == 0
    assert "Trains succeeded: epoch 2" in shown
    assert "100%" in shown
    assert "\x1b[?25h" in shown  # the cursor is back


def _read(terminal: IO[bytes]) -> bytes:
    try:
        return terminal.read(4096)
    except OSError:  # Linux's way to say that the other side is closed
        return b""
