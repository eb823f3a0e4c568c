"""The feed of a job that is followed: when it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from making import running
from starlette.types import Message

from modelport.api.job_streams import WholeStream
from modelport.jobs.feeds import Feeds
from modelport.jobs.records import Event, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage.errors import StoreUnavailable

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


async def test_a_stream_whose_database_goes_away_is_cut_and_no_failure_of_the_server(
    anyio_backend: str,
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"the first"
        raise StoreUnavailable("it cannot be used now")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await WholeStream(body(), media_type="text/plain").stream_response(send)
    assert [message.get("body") for message in sent] == [None, b"the first"]
    assert sent[-1]["more_body"]  # nothing says that it is whole
