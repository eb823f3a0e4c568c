"""What this server counts of the jobs that it runs, in plain numbers, for whoever shows metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from time import time

from modelport.histogram import Histogram
from modelport.jobs.records import Claim
from modelport.jobs.states import State
from modelport.telemetry.metrics.families import JOB_BOUNDS

Of = tuple[str, str]  # a model, and the kind of a job


def _seconds() -> defaultdict[Of, Histogram]:
    return defaultdict(lambda: Histogram(JOB_BOUNDS))


class JobTally:
    """What was counted since the server began.

    `begun` and `ended` are attempts, the latter by the state in which they have ended, `attempts` the seconds
    that they took; `waits` those from the request for a job to its first attempt. `webhooks` are tries to
    deliver one: `delivered`, `failed`, or `given_up` if no other follows.
    """

    def __init__(self) -> None:
        self.begun: Counter[Of] = Counter()
        self.ended: Counter[tuple[str, str, str]] = Counter()
        self.attempts = _seconds()
        self.waits = _seconds()
        self.webhooks: Counter[str] = Counter({"delivered": 0, "failed": 0, "given_up": 0})

    def began(self, claim: Claim) -> None:
        """An attempt begins."""
        job = claim.job
        self.begun[job.model, job.kind] += 1
        if claim.attempt == 1:
            self.waits[job.model, job.kind].observe(max(0.0, (job.started_at or time()) - job.created_at))

    def end(self, claim: Claim, state: State, seconds: float) -> None:
        """An attempt has ended, and took so long."""
        job = claim.job
        self.ended[job.model, job.kind, state.value] += 1
        self.attempts[job.model, job.kind].observe(seconds)
