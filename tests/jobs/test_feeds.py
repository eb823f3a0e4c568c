"""The feed of a job that is followed: when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from making import running

from modelport.jobs.feeds import Feeds
from modelport.jobs.records import Event, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore

pytestmark = pytest.mark.anyio


def states(events: Sequence[Event]) -> bytes:
    return json.dumps([event.data["state"] for event in events]).encode()


async def test_it_ends_with_the_job_and_not_at_the_next_look(
    store: JobStore,
) -> None:
    store.database.poll_seconds = 3600.0  # nobody looks again without being told
    claim = await running(store)
    followed = Feeds(store).follow(claim.job.id, 0, 3600.0, states)
    assert await anext(followed) == b'["queued", "running"]'
    await store.finish(claim.job.id, claim.token, Outcome(state=State.SUCCEEDED))
    async with asyncio.timeout(60):
        assert [batch async for batch in followed] == [b'["succeeded"]']
