"""Each rule holds in a good history, and finds the mistake in a bad one."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from history import Record, Recorder, append_run, load, load_runs
from history_rules import RULES, broken_rules

SUBMIT = {"job": "a", "principal": "me"}
FINAL: dict[str, Any] = {
    "state": "succeeded",
    "revision": 3,
    "attempt": 1,
    "token": 7,
    "principal": "me",
    "idempotency_key": "k",
    "callback": True,
    "created": 10.0,
    "finished": 14.0,
    "states": ["queued", "running", "succeeded"],
    "events": [[1, "state queued"], [2, "state running"], [3, "state succeeded"]],
    "result": "1",
    "accepted": {"attempt": 1},
}
HOOK = {"id": "msg_1", "valid": True, "state": "succeeded", "revision": 3, "answered": 204}


def record(op: str, key: str, at: float, value: dict[str, Any], **fields: Any) -> Record:
    return Record(**{"proc": "p", "op": op, "key": key, "t_invoke": at, "t_done": at + 0.5, "type": "ok",
                     "value": value, **fields})  # fmt: skip


def run(job: str, at: float, attempt: int = 1, token: int = 7) -> Record:
    return record("start", job, at, {"attempt": attempt, "token": token})


def good(**final: Any) -> list[Record]:
    """A job that was submitted, ran once, was read and announced."""
    return [
        record("submit", "k", 10, SUBMIT),
        run("a", 11),
        record("get", "a", 12, {"state": "running", "revision": 2}),
        record("events", "a", 13, {"events": FINAL["events"][:2]}),
        record("webhook", "a", 15, HOOK),
        record("get", "a", 16, {"state": "succeeded", "revision": 3}),
        record("result", "a", 17, {"result": "1"}),
        record("walk", "", 18, {"jobs": ["a"]}),
        record("settle", "", 19, {"bound": 5.0}),
        record("final", "a", 20, {**FINAL, **final}),
    ]


TWICE = {"job": "b", "principal": "me"}
BAD: dict[str, tuple[str, list[Record]]] = {
    "lost at the end": ("K1", good()[:-1]),
    "not found later": ("K1", [*good(), record("get", "a", 21, {"missing": True})]),
    "two jobs of a key": ("K2", [*good(), record("submit", "k", 11, TWICE), record("final", "b", 20, FINAL)]),
    "two jobs of a key, one unconfirmed": ("K2", [*good(), record("final", "b", 20, FINAL)]),
    "an end that was left": ("K3", [*good(), record("get", "a", 20.6, {"state": "running", "revision": 3})]),
    "an illegal step": ("K3", good(states=["queued", "succeeded"])),
    "an end without its event": ("K3", good(states=["queued", "running"])),
    "another result": ("K3", [*good(), record("result", "a", 18, {"result": "2"})]),
    "other events": ("K3", [*good(), record("events", "a", 18, {"events": [[2, "state running"]]})]),
    "going back": ("K4", [*good(), record("get", "a", 18, {"state": "succeeded", "revision": 2})]),
    "a stale attempt ended it": ("K5", good(attempt=2)),
    "a later attempt ran": ("K5", [*good(), run("a", 13, attempt=2)]),
    "a stale token ended it": ("K5", good(accepted={"attempt": 1, "token": 6})),
    "still running": ("K6", good(state="running", states=["queued", "running"], accepted=None)),
    "ended too late": ("K6", [*good(), record("settle", "", 19, {"bound": 5.0}, t_done=25.0)]),
    "never settled": ("K6", [*good(), record("settle", "", 19, {"bound": 5.0}, type="info")]),
    "ran twice for nothing": ("K7", [*good(), run("a", 12)]),
    "never ran": ("K7", [one for one in good() if one.op != "start"]),
    "nobody was told": ("K8", [one for one in good() if one.op != "webhook"]),
    "told, but not taken": (
        "K8",
        [record("webhook", "a", 15, {**HOOK, "answered": 500}) if r.op == "webhook" else r for r in good()],
    ),
    "a forged webhook": ("K8", [*good(), record("webhook", "a", 16, {**HOOK, "valid": False})]),
    "another id": ("K8", [*good(), record("webhook", "a", 16, {**HOOK, "id": "msg_2"})]),
    "the wrong order": ("K8", [*good(), record("webhook", "a", 16, {**HOOK, "id": "m", "revision": 2})]),
    "a job twice in a walk": ("K9", [*good(), record("walk", "", 18, {"jobs": ["a", "a"]})]),
    "a job missed by a walk": ("K9", [*good(), record("walk", "", 18, {"jobs": []})]),
    "started after the cancellation": ("K10", [record("cancel", "a", 10.2, {"state": "running"}), *good()]),
}


def test_a_good_history_breaks_no_rule() -> None:
    assert broken_rules(good()) == {}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_history_is_found_out(what: str) -> None:
    rule, history = BAD[what]
    assert rule in broken_rules(history)


def test_every_rule_has_a_bad_history() -> None:
    assert {rule for rule, _ in BAD.values()} == set(RULES)


@pytest.mark.parametrize(
    "more",
    [
        [record("submit", "k", 10, {}, type="info")],  # whether it was done is unknown
        [record("fault", "all", 11, {}), run("a", 12)],  # run twice, with a fault in between
        [record("cancel", "a", 12, {"state": "running"})],  # it had started before
        [record("get", "a", 9, {"missing": True})],  # not yet confirmed
        [record("walk", "", 10, {"jobs": []})],
        [record("walk", "", 18, {"jobs": []}, type="info")],
        [record("webhook", "a", 15.5, {**HOOK, "answered": 0})],
    ],
)
def test_what_may_happen_breaks_no_rule(more: list[Record]) -> None:
    assert broken_rules([*good(), *more]) == {}


def test_a_pruned_job_may_be_gone() -> None:
    history = [*good()[:-1], record("prune", "", 19, {"jobs": ["a"]})]
    assert broken_rules(history) == {}


def test_records_are_kept_whole_and_what_never_ended_is_unknown(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "history")

    def ask(name: str) -> None:
        for number in range(50):
            with recorder.operation(name, "get", str(number)) as one:
                one.type, one.value = "ok", {"state": "queued"}

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(TimeoutError), recorder.operation("a", "submit"):
        raise TimeoutError
    recorder.close()
    records = load(tmp_path / "history")
    assert len(records) == 201
    assert [one.op for one in records if one.type == "info"] == ["submit"]


def test_runs_are_read_from_the_side_file(tmp_path: Path) -> None:
    side = tmp_path / "side"
    assert load_runs(side) == []
    append_run(str(side), "a", 1, 7, "start")
    append_run(str(side), "a", 1, 7, "end")
    assert [(run.op, run.key, run.value) for run in load_runs(side)] == [
        ("start", "a", {"attempt": 1, "token": 7}),
        ("end", "a", {"attempt": 1, "token": 7}),
    ]
