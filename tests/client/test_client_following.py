"""A job is followed over broken connections, streams that end too early, and a server that is killed."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from client_target import MODELS, MakeClient
from scripted_server import CUT, Answer, Asked, scripted
from serving import serving, wait_until

from modelport.client import ConnectionFailed, NotFound
from modelport.client.following import Following
from modelport.client.records import JobRecord

JOB = {"id": "j1", "kind": "train", "model": "m", "state": "running"}
ENDED = JOB | {"state": "succeeded", "progress": {"done": 2.0, "total": 2.0, "message": ""}}
AT = "2026-01-02T03:04:05.678Z"
SSE = {"content-type": "text/event-stream"}


def event(sequence: int, kind: str, data: str) -> bytes:
    return f'id: {sequence}\nevent: {kind}\ndata: {{"attempt":1,"at":"{AT}",{data}}}\n\n'.encode()


RUNNING = event(1, "state", '"state":"running"')
LOG = event(2, "log", '"line":"a line","stream":"stdout"')
LAST = event(3, "state", '"state":"succeeded"')


def streams(asked: list[Asked]) -> list[str | None]:
    """The number that each event stream was asked to go on after."""
    return [each.headers.get("last-event-id") for each in asked if each.path.endswith("/events")]


def test_a_broken_stream_goes_on_where_it_broke(make_client: MakeClient) -> None:
    with scripted(
        Answer(body=JOB),
        Answer(body=RUNNING + LOG[:20], headers=SSE, breaks=True),
        CUT,
        Answer(503, {"detail": "starting"}),
        Answer(body=LOG + LAST, headers=SSE),
        Answer(body=ENDED),
    ) as server:
        job = make_client(server.url).job("j1")
        assert [each.sequence for each in job.events()] == [1, 2, 3]
        assert streams(server.asked) == [None, "1", "1", "1"]
        assert job.state == "succeeded"


def test_a_stream_that_repeats_itself_is_not_repeated(make_client: MakeClient) -> None:
    with scripted(
        Answer(body=JOB),
        Answer(body=RUNNING + LOG, headers=SSE),
        Answer(body=JOB),
        Answer(body=RUNNING + LOG + LAST, headers=SSE),
        Answer(body=ENDED),
    ) as server:
        assert [each.sequence for each in make_client(server.url).job("j1").events()] == [1, 2, 3]


def test_events_after_the_stream_ended_too_early_are_not_lost(make_client: MakeClient) -> None:
    """The job ended between the stream's end and the look at the job."""
    with scripted(
        Answer(body=JOB),
        Answer(body=RUNNING, headers=SSE),
        Answer(body=ENDED),
        Answer(body=LOG + LAST, headers=SSE),
        Answer(body=ENDED),
    ) as server:
        job = make_client(server.url).job("j1")
        assert job.wait().state == "succeeded"
        assert job.progress.done == 2
        assert streams(server.asked) == [None, "1"]


def test_an_interrupted_job_that_runs_again_is_followed_on(make_client: MakeClient) -> None:
    interrupted = event(2, "state", '"state":"interrupted"')
    with scripted(
        Answer(body=JOB),
        Answer(body=RUNNING + interrupted, headers=SSE),
        Answer(body=JOB | {"state": "queued"}),
        Answer(body=LAST, headers=SSE),
        Answer(body=ENDED),
    ) as server:
        assert make_client(server.url).job("j1").wait().state == "succeeded"


def test_a_job_that_is_gone_is_not_waited_for(make_client: MakeClient) -> None:
    with scripted(Answer(body=JOB), Answer(404, {"detail": "there is no job 'j1'"})) as server:
        with pytest.raises(NotFound, match="there is no job 'j1'"):
            make_client(server.url).job("j1").wait()


def test_a_server_that_stays_away_is_given_up(make_client: MakeClient) -> None:
    with scripted(Answer(body=JOB)) as server:
        job = make_client(server.url, lost_for=0.3).job("j1")
    with pytest.raises(ConnectionFailed, match=r"has not answered for 0\.3 seconds"):
        job.wait()


def test_a_connection_that_would_be_silent_beyond_the_deadline_is_opened_again() -> None:
    following = Following(JobRecord("j1"), 0, 0.3, 300.0)
    connecting = following.connect()
    next(connecting)
    with pytest.raises(StopIteration):
        connecting.send(httpx.Response(200))
    assert not following.outlives_deadline
    wait_until(lambda: following.outlives_deadline, lambda: "it would be silent for 0.3 s from here on")


def test_an_artifact_that_breaks_off_leaves_no_file(make_client: MakeClient, tmp_path: Path) -> None:
    with scripted(Answer(body=ENDED), Answer(body=b"half", breaks=True)) as server:
        artifact = make_client(server.url).job("j1").artifact("model.bin")
        with pytest.raises(ConnectionFailed, match=r"GET /v2/jobs/j1/artifacts/model\.bin"):
            artifact.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_wait_outlives_the_server(make_client: MakeClient, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    arguments = (f"Trains={MODELS}:Trains", "--data-dir", str(tmp_path / "data"), "--job-attempts", "2")
    with serving(*arguments) as first:
        port = urlsplit(first.url).port
        job = make_client(first.url).train("Trains", wait_for=str(gate))
        running = threading.Event()
        ended: list[Any] = []

        def look(seen: Any) -> None:
            if seen.progress is not None:
                running.set()

        waiting = threading.Thread(target=lambda: ended.append(job.wait(60, progress=look).state))
        waiting.start()
        assert running.wait(30)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    gate.touch()
    with serving("--port", str(port), *arguments):
        waiting.join(60)
        assert ended == ["succeeded"]
        assert job.attempt == 2
