"""Which of the jobs that wait may run: by slots, together with others, or ahead; nobody is overtaken."""

from __future__ import annotations

import pytest

from modelport.jobs.claims import Waiting
from modelport.jobs.room import Place, Room

SLOT, TOGETHER, AHEAD = Place
LANES = {"a": "", "b": "", "own": "own"}


def jobs(*said: str) -> list[Waiting]:
    """Jobs in their order: `a` is a prediction of a, `a*` one that was tried before, `A` a training."""
    return [
        Waiting(number, "train" if text[0].isupper() else "predict", text.lower().rstrip("*"), "*" in text)
        for number, text in enumerate(said)
    ]


@pytest.mark.parametrize(
    ("room", "there", "places"),
    [
        (Room({"": 2}), ["a", "B", "a"], [SLOT, SLOT, None]),
        (Room({"": 1, "own": 1}), ["a", "b", "own", "Own"], [SLOT, None, SLOT, None]),
        (Room({"": 1}, together={"a": 3}), ["a", "a", "A", "a", "a"], [SLOT, TOGETHER, None, TOGETHER, None]),
        (Room({"": 2}, together={"a": 3}), ["a*", "a", "a*", "a"], [SLOT, SLOT, None, TOGETHER]),
        (Room({"": 0}, ahead={"a": 2}), ["a", "a", "a"], [AHEAD, AHEAD, None]),
        (Room({"": 0}, ahead={"a": 2}), ["A", "a"], [None, None]),
        (Room({"": 0}, ahead={"a": 2}), ["a", "b", "a"], [AHEAD, None, None]),
        (Room({"": 0, "own": 0}, ahead={"a": 2}), ["own", "a"], [None, AHEAD]),
        (Room({"": -1}), ["a"], [None]),
    ],
)
def test_places(room: Room, there: list[str], places: list[Place | None]) -> None:
    room.lanes = LANES
    waiting = jobs(*there)
    assert room.places(waiting) == places
    chosen = room.choose(waiting)
    assert chosen == [number for number, place in enumerate(places) if place is not None]
    assert room.places([waiting[number] for number in chosen]) == [place for place in places if place]


def test_as_many_jobs_are_looked_at_as_may_run_of_the_models_that_may_run_any() -> None:
    room = Room({"": 2, "own": -1}, LANES, together={"a": 4, "own": 1}, ahead={"own": 3})
    assert (room.models(), room.limit()) == (["a", "own"], 11)
    assert Room({"": 0}, LANES, together={"a": 1}).models() == []
