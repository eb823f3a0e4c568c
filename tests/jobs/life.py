"""A server's life in one breath, to be killed anywhere: `python life.py DATABASE`.

Each line on stdout is a fact that the store has confirmed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from modelport.jobs.records import NewEvent, NewJob, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore


def say(**fact: Any) -> None:
    """Tell the test."""
    print(json.dumps(fact), flush=True)


async def live(where: str) -> None:
    """Submit, run, report, lose, rescue and prune."""
    store = await JobStore.open(where)

    async def submit(job_id: str, **more: Any) -> None:
        key = {"idempotency_key": job_id, "request_hash": "h"} if job_id.endswith("key") else {}
        await store.submit(NewJob(id=job_id, kind="predict", model="m", max_attempts=3, **key, **more))
        say(did="submit", job=job_id)

    hook = {"callback_url": "https://example.org/"}
    await asyncio.gather(*(submit(f"job{number}", **hook) for number in range(5)), submit("job-key"))
    await submit("cancelled")
    await store.request_cancel("cancelled")
    say(did="cancel", job="cancelled")
    for round_ in range(3):
        for claim in await store.claim(f"owner {round_}", 2, 60.0):
            job_id, token = claim.job.id, claim.token
            say(did="claim", job=job_id, token=token)
            lines = [NewEvent(type="log", data={"line": str(number)}) for number in range(3)]
            say(did="append", job=job_id, last=await store.append(job_id, token, lines))
            if round_ != 1:
                outcome = Outcome(state=State.SUCCEEDED, result=f"{job_id} {token}".encode())
                await store.finish(job_id, token, outcome)
                say(did="finish", job=job_id, token=token)
        await store.rescue({f"owner {round_}"})
    removed = await store.prune(time.time() + 60)
    say(did="prune", jobs=list(removed))
    await submit("last")
    await store.close()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1]))
