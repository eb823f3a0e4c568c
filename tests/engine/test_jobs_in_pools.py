"""A long prediction that the model's own workers make, while another version of it becomes live."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
from engines import run, running
from making import running as running_job

from modelport.contract.calls import Call
from modelport.jobs.in_pool import PoolAttempt
from modelport.jobs.records import Claim
from modelport.jobs.states import State
from modelport.jobs.store import JobStore


async def claimed(folder: Path) -> Claim:
    body = json.dumps({"text": "long"}).encode()
    call = Call(1, content_type="application/json", body=body)
    store = await JobStore.open(str(folder / "jobs.sqlite"))
    try:
        return await running_job(store, model="m", call=msgspec.msgpack.encode(call))
    finally:
        await store.close()


def test_a_prediction_that_waits_for_room_is_made_by_the_version_that_becomes_live(tmp_path: Path) -> None:
    async def test() -> None:
        claim = await claimed(tmp_path)
        async with running("Orders", tmp_path / "spool", queue_size=1) as site:
            old, new = site.pool, site.engine.new_pool(site.pool.source, 1)
            new.start()
            await new.settled.wait()
            held = site.held()
            await site.arrival()
            waiting = site.submit(text="waiting")  # which fills the queue
            attempt = PoolAttempt(site.engine, claim, tmp_path / "job")
            outcome = asyncio.create_task(attempt.run())
            await asyncio.sleep(0)  # the attempt is refused for want of room
            assert not attempt.has_begun
            site.engine.make_live(new)
            await old.stop()
            made = await outcome
            assert (made.state, json.loads(made.result)["ran"]) == (State.SUCCEEDED, ["long"])
            assert [(await call.answer()).status for call in (held, waiting)] == [503, 503]

    run(test)
