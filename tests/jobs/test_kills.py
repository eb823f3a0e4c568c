"""kill -9 between any two steps: what was confirmed is there, what was not is there whole or not at all."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelport.jobs.records import Job, Outcome
from modelport.jobs.states import ENDED, TERMINAL, TRANSITIONS, State
from modelport.jobs.store import JobStore
from modelport.storage import failpoints

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
LATER = {"commit.before": 9, "commit.after": 9, "claim.after": 2, "finish.after": 2, "append.after": 4}


def live(where: str, failpoint: str) -> tuple[int, list[dict[str, Any]]]:
    """Run `life.py` until it is killed; returns its exit status and what was confirmed."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "life.py"), where],
        env={**os.environ, failpoints.VARIABLE: failpoint},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == b"" or done.returncode != -signal.SIGKILL
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", sorted(failpoints.STORE))
async def test_killed_at_a_place(where: str, name: str) -> None:
    # The code is the same on both; the moments in a commit differ most on the file.
    for hits in {1, 1 if where.startswith("postgresql") else LATER.get(name, 1)}:
        status, facts = live(where, f"{name}:kill@{hits}")
        assert status == -signal.SIGKILL, f"{name} was not reached {hits} times"
        store = await JobStore.open(where)
        await _holds(store, facts)
        await _recovers(store)
        await store.prune(float("inf"))  # the second life begins with an empty database
        for delivery in await store.due_deliveries(100, "test", 60.0):
            await store.delivered(delivery.id)
        await store.prune(float("inf"))
        await store.close()
        if name.startswith("migrate"):
            break


async def _holds(store: JobStore, facts: list[dict[str, Any]]) -> None:
    pruned = {job for fact in facts if fact["did"] == "prune" for job in fact["jobs"]}
    pruning = any(fact["did"] == "finish" for fact in facts)  # a prune may have begun, unconfirmed
    for fact in facts:
        job = await store.get(fact["job"]) if "job" in fact else None
        if fact["did"] == "prune" or fact["job"] in pruned:
            assert job is None
            continue
        if job is None:
            assert pruning, f"{fact} was confirmed and is lost"
            assert fact["job"] in ("cancelled", "job-key"), f"{fact}: it owed a webhook, and is lost"
            continue
        if fact["did"] == "cancel":
            assert job.state is State.CANCELLED
        if fact["did"] == "append":
            assert job.last_event >= fact["last"]
        if fact["did"] == "finish":
            assert job.state is State.SUCCEEDED
            assert job.outcome is not None
            assert job.outcome.result == f"{fact['job']} {fact['token']}".encode()
    for job in (await store.list(limit=100)).jobs:
        await _is_whole(store, job)


async def _is_whole(store: JobStore, job: Job) -> None:
    events = await store.events(job.id)
    assert [event.sequence for event in events] == list(range(1, job.last_event + 1))
    states = [State(event.data["state"]) for event in events if event.type == "state"]
    assert states[0] is State.QUEUED
    assert states[-1] is job.state
    for before, after in itertools.pairwise(states):
        assert after in TRANSITIONS[before]
    assert (job.outcome is not None) == (job.state in ENDED)


async def _recovers(store: JobStore) -> None:
    """Everything that was left ends, as after a restart."""
    await store.rescue({"owner 0", "owner 1", "owner 2"})
    await store.rescue({"owner 0", "owner 1", "owner 2"})
    for claim in await store.claim("test", 100, 60.0):
        assert await store.finish(claim.job.id, claim.token, Outcome(state=State.SUCCEEDED)) is not None
    left = (await store.list(limit=100)).jobs
    assert all(job.state in TERMINAL for job in left)
    owed = await store.due_deliveries(100, "test", 0.0)
    hooked = {job.id for job in left if job.callback_url}
    assert {delivery.job_id for delivery in owed} == hooked


async def test_without_a_kill_the_whole_life_is_lived(where: str) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "life.py"), where],
        capture_output=True,
        timeout=60,
        check=True,
    )
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert {fact["did"] for fact in facts} == {"submit", "cancel", "claim", "append", "finish", "prune"}
    assert facts[-1] == {"did": "submit", "job": "last"}


def test_a_place_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no place is called 'submit.never'; there are append.after,"):
        failpoints.parse("submit.never:kill@1")
    for wrong in ("commit.after:sleep", "commit.after:kill@0", "commit.after:kill@x"):
        with pytest.raises(ValueError, match="expected name:kill@n"):
            failpoints.parse(wrong)
