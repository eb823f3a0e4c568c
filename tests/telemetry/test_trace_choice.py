"""Which requests are traced, and what is told of a call by whoever exports its spans."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest

from modelport.contract.calls import Answer, Call
from modelport.contract.traces import LateSpan, Span, TraceContext, is_place
from modelport.engine.pending import Pending
from modelport.engine.spans import note_sent, spans_of
from modelport.telemetry.traces.requests import Traces

ASKED = 20_000
PLACE = ("ab" * 16, "cd" * 8, "ef" * 8, "vendor=1")


def nobody(_: object) -> None:
    """Who hears of nothing here."""


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.5, 1.0])
def test_so_many_are_traced_as_are_asked_for(ratio: float) -> None:
    random.seed(1611)
    traces = Traces(nobody, ratio)
    places = [place for place in (traces.begin(None) for _ in range(ASKED)) if place]
    assert len(places) == pytest.approx(ratio * ASKED, abs=4 * (ratio * (1 - ratio) * ASKED) ** 0.5)
    assert all(is_place(place) for place in places)
    assert len({place[0] for place in places}) == len(places)


@pytest.mark.parametrize("ratio", [0.0, 0.3, 1.0])
def test_without_following_clients_the_id_of_their_trace_decides(ratio: float) -> None:
    traces = Traces(nobody, ratio, follows_parent=False)
    draw = random.Random(7)
    ids = [f"{draw.getrandbits(128):032x}" for _ in range(1000)]
    parents = [TraceContext(one, "cd" * 8, sampled=False) for one in ids]
    chosen = [bool(traces.begin(parent)) for parent in parents]
    assert chosen == [bool(traces.begin(parent)) for parent in parents]
    assert sum(chosen) == pytest.approx(1000 * ratio, abs=60 * (0 < ratio < 1))


@pytest.mark.parametrize("own", ["12" * 8, "", "\x00", "no id of a span!", "12" * 400])
def test_whatever_a_worker_calls_its_span_it_is_one_below_that_of_the_worker(own: str) -> None:
    told: list[Span | LateSpan] = []
    pool: Any = SimpleNamespace(name="iris", version=3, spans=told.append)
    pending = Pending(Call(1, trace=PLACE), nobody_waits, 0.0, 1.0)
    spans = spans_of(pending.call, pool)
    assert spans is not None
    note_sent([pending], 77)
    spans.over(pending, Answer(1, micros=12, began=5_000, span_id=own))
    queue, worker, model = [one if isinstance(one, Span) else one() for one in told]
    assert [span.name for span in (queue, worker, model)] == ["queue", "worker", "model"]
    assert all(is_place(span.place) for span in (queue, worker, model))
    assert (worker.place, queue.place[1], model.place[1]) == (PLACE, PLACE[1], PLACE[2])
    assert (model.place[2] == own) == (own == "12" * 8)
    assert (model.start, model.end, model.attributes) == (5_000, 17_000, {"modelport.status": 200})
    assert worker.attributes["modelport.worker"] == 77


def nobody_waits(pending: Pending, answer: Answer) -> None:
    """Who is told of the answer."""
