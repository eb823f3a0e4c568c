"""Which of the jobs that wait may run now: as many at once as settings say, and in which order.

A *slot* is the right to run something: a training, a prediction, or predictions that a model takes together.
The models of a *lane* share its slots: all but those that have a number of slots for themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from modelport.jobs.claims import Waiting

MOST = 256  # jobs that are claimed at once


class Place(Enum):
    """How a job may run."""

    SLOT = auto()  # it takes a slot of its lane
    TOGETHER = auto()  # with another one of its model, which has just taken one
    AHEAD = auto()  # by a worker of its model that has a slot, and is free in a moment


@dataclass
class Room:
    """What may run now.

    `slots` are those that are free in each lane, `lanes` the lanes of models. `together` says of each model
    that is ready how many predictions it takes at once, `ahead` how many its workers will make in a moment.
    """

    slots: dict[str, int]
    lanes: dict[str, str] = field(default_factory=dict[str, str])
    together: dict[str, int] = field(default_factory=dict[str, int])
    ahead: dict[str, int] = field(default_factory=dict[str, int])

    def models(self) -> list[str]:
        """The models of which some job may run."""
        return [n for n in self.together if self.slots[self.lanes[n]] > 0 or self.ahead.get(n)]

    def limit(self) -> int:
        """How many jobs may be run at most."""
        largest = max(self.together.values(), default=1)
        free = sum(max(slots, 0) for slots in self.slots.values())
        return min(free * largest + sum(self.ahead.values()), MOST)

    def choose(self, there: Sequence[Waiting]) -> list[int]:
        """The numbers of those that may run, of jobs in their order."""
        places = self.places(there)
        return [job.number for job, place in zip(there, places, strict=True) if place is not None]

    def places(self, there: Sequence[Waiting]) -> list[Place | None]:
        """The place of each job in its order. It is the same for a job if those without one are left out."""
        free, ahead = dict(self.slots), dict(self.ahead)
        beside: dict[str, int] = {}  # how many predictions may join one that has a slot
        late: set[str] = set()  # lanes in which somebody waits for a slot: nobody overtakes
        places: list[Place | None] = []
        for job in there:
            lane = self.lanes[job.model]
            place = None
            if job.kind == "predict" and not job.attempt and beside.get(job.model):
                place = Place.TOGETHER
                beside[job.model] -= 1
            elif free[lane] > 0:
                place = Place.SLOT
                free[lane] -= 1
                if job.kind == "predict" and not job.attempt:
                    beside[job.model] = self.together.get(job.model, 1) - 1
            elif job.kind == "predict" and lane not in late and ahead.get(job.model):
                place = Place.AHEAD
                ahead[job.model] -= 1
            if place is None:
                late.add(lane)
            places.append(place)
        return places
