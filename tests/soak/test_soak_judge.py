"""Each rule of a soak holds in a good ledger, and finds the mistake in a bad one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from history import Record
from soak_calls import Call
from soak_judge import RULES, Ledger, judged, told
from soak_killer import TARGETS, plan

ENDED = "500 the worker ended while it ran this prediction"


def record(op: str, key: str, at: float, value: dict[str, Any], **fields: Any) -> Record:
    said = {"proc": "p", "t_done": at + 0.5, "type": "ok", "number": f"{op} {at}", **fields}
    return Record(op=op, key=key, t_invoke=at, value=value, **said)


def kill(what: str, at: float, server: int | None = 0, seconds: float = 2.0) -> Record:
    value = {"server": server, "workers": int(what == "node"), "gone": at + seconds / 2}
    return record("fault", what, at, value, t_done=at + seconds)


def call(at: float, said: str = "answered", **fields: Any) -> Call:
    known = {"client": 0, "server": 0, "number": 1, "since": at - 0.1, "factor": 1, "done": at + 0.1}
    return Call(**{**known, "begun": at, "said": said, **fields})


TRAINED = record("submit", "k", 10, {"job": "a", "principal": "", "factor": 5})
PROMOTED = record("promote", "1", 100, {"version": 1, "before": 0, "changed": True})
FINAL: dict[str, Any] = {
    "state": "succeeded", "revision": 3, "attempt": 1, "token": 7, "principal": "", "idempotency_key": "k",
    "callback": False, "created": 10.0, "finished": 14.0, "states": ["queued", "running", "succeeded"],
    "events": [], "result": "1", "accepted": {"attempt": 1},
}  # fmt: skip


def good(*history: Record, calls: tuple[Call, ...] = (), **others: Any) -> Ledger:
    """A training that became version 1, which became live; a worker and a server were killed, and felt."""
    ledger = Ledger(
        history=[
            TRAINED,
            record("start", "a", 11, {"attempt": 1, "token": 7}),
            record("settle", "", 300, {"bound": 5.0}),
            record("final", "a", 301, FINAL),
            PROMOTED,
            kill("worker", 40),
            kill("server", 50),
            *history,
        ],
        calls=[
            call(20), call(40, "failed", text=ENDED), call(50, "cut"), call(51, "turned away", text="503"),
            call(99), call(100.2, factor=5), call(105, server=1), call(200, factor=5), *calls,
        ],
        promotions=[{"before": 0, "after": 1, "at": 100.2}],
        factors={1: 5},
        serves=[(1, 5), (1, 5)],
        runs={"a": 1},
    )  # fmt: skip
    return replace(ledger, **others)


TWICE = [{"before": 0, "after": 1, "at": 100.2}, {"before": 1, "after": 1, "at": 100.3}]
STRANGE = [{"before": 0, "after": 1, "at": 100.2}, {"before": 1, "after": 0, "at": 150.0}]
UNTRUE = [{"before": 2, "after": 1, "at": 100.2}]
BAD: dict[str, tuple[str, Ledger]] = {
    "a job that is lost": ("K1", good(record("submit", "z", 60, {"job": "z", "principal": ""}))),
    "a call that failed for nothing": ("C1", good(calls=(call(70, "failed", text=ENDED),))),
    "two calls for one worker": ("C1", good(calls=(call(40.01, "failed", text=ENDED),))),
    "a call that failed otherwise": ("C1", good(calls=(call(40, "failed", text="500 something else"),))),
    "two calls for the one worker of a node": (
        "C1",
        good(kill("node", 70), calls=(call(70.5, "failed", text=ENDED), call(70.7, "failed", text=ENDED))),
    ),
    "a call that began when its node was gone": (
        "C1",
        good(kill("node", 70, seconds=20.0), calls=(call(85, "failed", text=ENDED),)),
    ),
    "a worker of another server": ("C1", good(calls=(call(40, "failed", server=1, text=ENDED),))),
    "a connection that was cut for nothing": ("C1", good(calls=(call(70, "cut"),))),
    "a connection to another server": ("C1", good(calls=(call(50, "cut", server=1),))),
    "a call that was turned away": ("C1", good(calls=(call(70, "turned away", text="503"),))),
    "a call without an answer": ("C1", good(calls=(call(50, "silent"),))),
    "a database that was felt": (
        "C1",
        good(kill("database", 70, None), calls=(call(70, "turned away", text="503"),)),
    ),
    "a promotion that was lost": ("P1", good(promotions=[])),
    "a promotion made twice": ("P1", good(promotions=TWICE)),
    "a promotion that nobody asked for": ("P1", good(promotions=STRANGE)),
    "a promotion after what was not live": ("P1", good(promotions=UNTRUE)),
    "an answer of an old version": ("P2", good(calls=(call(130, factor=1, server=1),))),
    "an answer of a version to come": ("P2", good(calls=(call(60, factor=5),))),
    "an answer of no version": ("P2", good(calls=(call(60, factor=77),))),
    "a server that does not follow": ("P2", good(serves=[(1, 5), (0, 1)])),
    "a server that says one and answers another": ("P2", good(serves=[(1, 5), (1, 1)])),
    "a training without a version": ("F1", good(runs={})),
    "a version of another training": ("F1", good(factors={1: 6})),
    "a version of a job that failed": (
        "F1",
        good(record("final", "b", 301, {**FINAL, "state": "failed"}), runs={"a": 1, "b": 2}),
    ),
    "files that are not there": ("F1", good(files=["a: its files are answered 404 and 404"])),
    "a traceback": ("B1", good(bugs=["Traceback"])),
    "a process that lives on": ("L1", good(left=["a process is left"])),
}


def test_a_good_ledger_breaks_no_rule() -> None:
    assert judged(good()) == {}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_ledger_is_found_out(what: str) -> None:
    rule, ledger = BAD[what]
    broken = judged(ledger)
    assert rule in broken
    assert told(broken).startswith(f"{next(iter(broken))} is broken ")


def test_every_rule_has_a_bad_ledger() -> None:
    assert {rule for rule, _ in BAD.values()} >= set(RULES)


@pytest.mark.parametrize(
    "more",
    [
        good(calls=(call(90.0),), promotions=[*good().promotions]),
        good(kill("database", 101, None, seconds=20.0), calls=(call(125, server=1),)),  # it could not follow
        good(kill("node", 70, seconds=20.0), calls=(call(78, "failed", text=ENDED),)),  # it fell silent late
        good(record("promote", "0", 400, {}, type="info")),  # whether it was done is unknown
        good(record("promote", "0", 400, {"text": "busy"}, type="fail")),
    ],
)
def test_what_nobody_can_know_is_allowed(more: Ledger) -> None:
    assert judged(more) == {}


def test_a_seed_decides_every_kill() -> None:
    first = plan(7, 600, 3)
    assert first == plan(7, 600, 3)
    assert first != plan(8, 600, 3)
    assert (len(first), first[0].at, first[-1].at) == (200, 3, 600)
    assert {strike.what for strike in plan(7, 1, 3)} == set(TARGETS)
    assert {strike.what for strike in plan(7, 600, 3, without=["database"])} == set(TARGETS) - {"database"}
