"""A server and its job that sleep longer than their lease: what they say when they wake is refused."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_calls import Gate, ended, events, job, log, train
from postgres_server import Postgres
from serving import serving

pytestmark = pytest.mark.slow
MODELS = ("works=trainable:Works", "again=trainable:WorksAgain")


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as opened:
        yield opened


def test_a_job_that_wakes_after_another_attempt_has_ended_changes_nothing(
    postgres: Postgres, tmp_path: Path, gate: Gate
) -> None:
    shared = ("--database-url", postgres.new_database(), "--data-dir", str(tmp_path))
    with serving(*MODELS, *shared) as sleeper:
        job_id = train(sleeper.client, "wait", "again", number=gate.port, text="slept")
        first = gate.arrival()
        with serving(*MODELS, *shared) as other:
            for pid in (sleeper.process.pid, first.pid):
                os.kill(pid, signal.SIGSTOP)
            second = gate.arrival()
            assert (first.attempt, second.attempt) == (1, 2)
            second.release()
            before = ended(other.client, job_id)
            told = events(other.client, job_id)
            result = other.client.get(f"/v2/jobs/{job_id}/result").content
            first.release()
            os.kill(first.pid, signal.SIGCONT)  # it prints, returns its result, and waits to be heard
            wait_until_idle(first.pid)
            os.kill(sleeper.process.pid, signal.SIGCONT)
            sleeper.wait_for_log(rf"job {job_id} .*another server")
            first.wait_end()
            for client in (sleeper.client, other.client):
                assert job(client, job_id) == before
                assert events(client, job_id) == told
                assert client.get(f"/v2/jobs/{job_id}/result").content == result
            assert log(other.client, job_id) == ["released"]
            assert ended(sleeper.client, train(sleeper.client, "echo"))["state"] == "succeeded"
            assert "Traceback" not in sleeper.log


def wait_until_idle(pid: int) -> None:
    """Until a process sleeps, with nothing left to do."""
    deadline = time.monotonic() + 60
    while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "SZ":
        assert time.monotonic() < deadline
        time.sleep(0.01)
