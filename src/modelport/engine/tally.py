"""What an engine counts of one model, in plain numbers, for whoever shows metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from modelport.contract.calls import Answer
from modelport.engine.pending import Pending
from modelport.histogram import Histogram

QUEUE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)
BATCH_CALLS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
WORKER_SECONDS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    5.0,
    30.0,
)
ENDS: tuple[str, ...] = ("hung", "memory", "killed", "signal", "exit", "stopped")


class Tally:
    """What was counted of a model since the server began, by the pools of all its versions together.

    So nothing in it goes down when a version takes the place of another, or the model is loaded anew.
    `queued` has the seconds that calls waited for a worker, by the clock of the loop, which may count whole
    milliseconds; `batches` how many went to a worker at once,
    `worked` the seconds that answers took there. `pieces` were sent by streams. `ends` says why workers have
    ended that were not told to, and how often: `hung` and `memory` were killed for that, `killed` by the
    system or somebody (SIGKILL), `signal` died of another signal, `exit` ended by itself, `stopped` was ended
    for any other reason.
    """

    def __init__(self) -> None:
        self.queued = Histogram(QUEUE_SECONDS)
        self.batches = Histogram(BATCH_CALLS)
        self.worked = Histogram(WORKER_SECONDS)
        self.pieces = 0
        self.restarts = 0
        self.memory_replacements = 0
        self.ends = Counter(
            dict.fromkeys(ENDS, 0)
        )  # all of them: from no number to 1 is no rise to Prometheus

    def sent(self, calls: Sequence[Pending], now: float) -> None:
        """These were given to a worker, at this time of the loop."""
        self.batches.observe(len(calls))
        self.queued.observe_all([now - pending.enqueued for pending in calls])

    def answered(self, answers: Sequence[Answer]) -> None:
        """A worker has answered these. Streams are not counted, nor what did not reach the model (0)."""
        took = [answer.micros / 1e6 for answer in answers if answer.micros and not answer.stream]
        self.worked.observe_all(took)
