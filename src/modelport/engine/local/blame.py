"""Which calls are to blame for a worker that died, and what becomes of one that a call has hung up."""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from modelport.contract.calls import Call, Chunk
from modelport.engine.local.worker_process import Worker
from modelport.engine.pending import Pending
from modelport.engine.tally import Tally, VersionTally

log = logging.getLogger("modelport.engine")


class Owner(Protocol):
    """The workers of a model, as its pool has them at any moment, and the end of a call's files."""

    name: str
    name_of_call: Callable[[int], str]
    workers: list[Worker]
    tally: Tally
    counted: VersionTally  # what of it is this version's

    def retire(self, worker: Worker) -> None: ...
    def discard(self, call_id: int) -> None: ...


class Verdict(enum.Enum):
    """What is done to a worker whose call did not end when it was given up.

    One that is retired gets no more calls, and is looked at again until those that it has have ended.
    """

    WAIT = "wait"
    RETIRE = "retire"
    KILL = "kill"


def verdict_on(worker: Worker, hung: Pending, workers: Sequence[Worker]) -> Verdict:
    """What is to be done because of a call that was given up, and is there still.

    Only what runs can hang: a call that waits behind others, or in a batch, waits with them. What runs in a
    thread costs the others nothing but that, unless it keeps all of Python waiting. `workers` are those of
    the model, of which one may be retired at a time: a successor is one model more in memory.
    """
    others = [pending for pending in worker.in_flight.values() if pending.wanted]
    if worker.retiring and not others:
        return Verdict.KILL
    running = worker.running_calls()
    if hung.call.id not in running:
        return Verdict.WAIT if running or others else Verdict.KILL
    if not worker.has_heard(hung.cancellation) or worker.main_call == hung.call.id:
        return Verdict.KILL  # and nothing else can run
    goes_on = any(pending.call.id in running or pending.stream is not None for pending in others)
    may_retire = worker.retiring or not any(other.retiring for other in workers)
    return Verdict.RETIRE if goes_on and may_retire else Verdict.KILL


def told_of(call: Call, pool: Owner) -> dict[str, str]:
    """What the log tells of a call beside a message."""
    name = call.request_id if call.way and call.request_id else pool.name_of_call(call.id)
    return {"request_id": name, "principal": call.by, "model": pool.name}


def say_hung(call: Call, pool: Owner, then: str) -> None:
    """Log that a call did not end when it was given up."""
    said = "%s: a prediction did not end when it was stopped; %s"
    log.error(said, pool.name, then, extra=told_of(call, pool))


def say_stream_failed(call: Call, chunk: Chunk, pool: Owner) -> None:
    """Log what ended a stream."""
    said = "%s: a stream failed: %s\n%s"
    log.error(said, pool.name, chunk.error, chunk.failure, extra=told_of(call, pool))


def suspects(worker: Worker) -> set[int]:
    """The calls of which one has ended the worker: the one for which it was killed, else those that ran.

    None if nobody can say, as where a batch ran.
    """
    ran = {worker.hung} if worker.hung else worker.running_calls()
    return ran & worker.in_flight.keys()
