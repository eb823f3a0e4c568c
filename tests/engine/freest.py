"""The rule by which a call finds its worker, as simply as it can be said."""

from __future__ import annotations

from collections.abc import Sequence

from modelport.engine.local.worker_process import Worker


def freest(workers: Sequence[Worker], batch: int, waiting: int) -> Worker | None:
    """Of those that are ready and share no call that must be alone, the one that has the fewest calls.

    One that has none, if the model takes batches; but the only one may have a batch, if a whole one waits.
    """
    held = {worker: list(worker.in_flight.values()) for worker in workers if worker.ready}
    able = [worker for worker, calls in held.items() if not any(pending.call.alone for pending in calls)]
    if batch > 1:
        most = batch if len(able) == 1 and waiting >= batch else 0
        able = [worker for worker in able if len(held[worker]) <= most]
    return min(able, key=lambda worker: (len(held[worker]), worker.number), default=None)
