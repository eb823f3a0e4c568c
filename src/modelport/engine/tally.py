"""What an engine counts of one model, in plain numbers, for whoever shows metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

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
MOST_VERSIONS = 32  # of a model, that are counted apart
MOST_SIZES = 1024  # of batches, that are counted apart: larger ones count as this one


class VersionTally:
    """What was counted of one version of a model.

    `queued` has the seconds that calls waited for a worker, by the clock of the loop, which may count whole
    milliseconds; `batches` how many went to a worker at once, `worked` the seconds that answers took there.
    `executed` has, of a model that takes calls together, by how many calls it took: how often it did, and in
    how many microseconds.
    """

    def __init__(self) -> None:
        self.queued = Histogram(QUEUE_SECONDS)
        self.batches = Histogram(BATCH_CALLS)
        self.worked = Histogram(WORKER_SECONDS)
        self.executed: dict[int, tuple[int, int]] = {}

    def sent(self, calls: Sequence[Pending], now: float) -> None:
        """These were given to a worker, at this time of the loop."""
        self.batches.observe(len(calls))
        self.queued.observe_all([now - pending.enqueued for pending in calls])

    def answered(self, answers: Sequence[Answer], *, together: bool) -> None:
        """A worker has answered these, which its model has taken `together` if it does that.

        Streams are not counted, nor what did not reach the model (0).
        """
        took = [answer.micros / 1e6 for answer in answers if answer.micros and not answer.stream]
        self.worked.observe_all(took)
        if together and answers and answers[0].micros:
            size = min(len(answers), MOST_SIZES)
            times, micros = self.executed.get(size, (0, 0))
            self.executed[size] = times + 1, micros + answers[0].micros

    def join(self, other: VersionTally) -> None:
        """Count with another one from now on, which has all that was counted here."""
        for mine, theirs in ((self.queued, other.queued), (self.batches, other.batches)):
            theirs.add(mine)
        other.worked.add(self.worked)
        for size, (times, micros) in self.executed.items():
            before = other.executed.get(size, (0, 0))
            other.executed[size] = before[0] + times, before[1] + micros
        self.queued, self.batches, self.worked = other.queued, other.batches, other.worked
        self.executed = other.executed


class Tally:
    """What was counted of a model since the server began, by the pools of all its versions together.

    So nothing in it goes down when a version takes the place of another, or the model is loaded anew.
    `pieces` were sent by streams. `ends` says why workers have ended that were not told to, and how often:
    `hung` and `memory` were killed for that, `killed` by the system or somebody (SIGKILL), `signal` died of
    another signal, `exit` ended by itself, `stopped` was ended for any other reason.
    """

    def __init__(self) -> None:
        self._versions: dict[int, VersionTally] = {}
        self._before = VersionTally()  # of versions that are counted apart no longer
        self.pieces = 0
        self.restarts = 0
        self.memory_replacements = 0
        self.ends = Counter(
            dict.fromkeys(ENDS, 0)
        )  # all of them: from no number to 1 is no rise to Prometheus

    def of(self, version: int) -> VersionTally:
        """What was counted of a version, for who counts it and who shows it."""
        found = self._versions.get(version)
        if found is None:
            for oldest in list(self._versions)[: 1 - MOST_VERSIONS]:
                self._versions.pop(oldest).join(self._before)
            found = self._versions[version] = VersionTally()
        return found

    @property
    def queued(self) -> Histogram:
        """The seconds that calls waited, of all versions."""
        return self._all(QUEUE_SECONDS, lambda one: one.queued)

    @property
    def batches(self) -> Histogram:
        """How many calls went to a worker at once, of all versions."""
        return self._all(BATCH_CALLS, lambda one: one.batches)

    @property
    def worked(self) -> Histogram:
        """The seconds that answers took, of all versions."""
        return self._all(WORKER_SECONDS, lambda one: one.worked)

    def _all(self, bounds: Sequence[float], of: Callable[[VersionTally], Histogram]) -> Histogram:
        found = Histogram(bounds)
        for one in (self._before, *self._versions.values()):
            found.add(of(one))
        return found
