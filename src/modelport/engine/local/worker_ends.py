"""Why a worker has ended that was not told to, in one of a few words that can be counted."""

from __future__ import annotations

from modelport.engine.local.worker_process import Worker


def end_of(worker: Worker, reason: str) -> str:
    """The word of `Tally.ends` for a worker that was lost for this reason."""
    if worker.hung:
        return "hung"
    if worker.told:
        return "memory"
    if worker.kill_reason:
        return "stopped"
    if reason == "signal SIGKILL":
        return "killed"
    return "signal" if reason.startswith("signal") else "exit"
