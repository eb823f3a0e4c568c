"""What must hold after a soak, besides K1 to K10: each rule a function from the ledger to what broke it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from history import Record
from history_rules import broken_rules
from soak_calls import Call

MOMENT = 1.0  # a kill is noted a little before it is felt, and what it does a little after
FOLLOWED_SECONDS = 15.0  # of calm, after which every server answers with what another one made live
SHOWN = 10  # of what broke a rule


@dataclass
class Ledger:
    """What a soak promised and saw. `promotions` are those of the database, oldest first, with times `at`.

    `factors` are those of the versions that there are; `serves` what each server says at the end is live, and
    answers with; `files` what was wrong with what trainings left; `left` what was lost, or should be gone.
    """

    history: list[Record]
    calls: list[Call]
    promotions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    factors: dict[int, int] = field(default_factory=dict[int, int])
    serves: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    runs: dict[str, int] = field(default_factory=dict[str, int])  # the version of each run, by its job
    files: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])
    bugs: list[str] = field(default_factory=list[str])  # tracebacks in the logs of servers

    def faults(self, *whats: str, server: int | None = None) -> list[Record]:
        """The kills of some kinds; with `server` those alone that were felt there."""
        return [
            record
            for record in self.history
            if record.op == "fault"
            and record.key in whats
            and (server is None or record.value["server"] in (server, None))
        ]


def calls_fail_where_a_process_was_killed(ledger: Ledger) -> list[str]:
    """C1: a call fails with the process that ran it, one for each worker, or while its server starts."""
    wrong: list[str] = []
    spent: Counter[str] = Counter()
    for call in sorted(ledger.calls, key=lambda call: call.done):
        if call.said == "answered":
            continue
        if call.said == "cut":
            kills = ledger.faults("server", server=call.server)
            explained = any(_meets(kill.t_invoke, call.since, call.done) for kill in kills)
        elif call.said == "turned away":  # by a server that starts, before its model is there
            kills = ledger.faults("server", server=call.server)
            explained = any(call.begun <= k.t_done + MOMENT and k.t_invoke <= call.done for k in kills)
        elif call.text.startswith("500") and "the worker ended" in call.text:
            near = [
                kill.number
                for kill in ledger.faults("worker", "node", server=call.server)
                if spent[kill.number] < _workers(kill) and _ends_meet(kill, call)
            ]
            spent.update(near[:1])
            explained = bool(near)
        else:
            explained = False
        if not explained:
            wrong.append(f"{call} has failed, and no kill explains it")
    return wrong


def _workers(kill: Record) -> int:
    """Of how many workers a kill was the end."""
    return 1 if kill.key == "worker" else kill.value["workers"]


def _ends_meet(kill: Record, call: Call) -> bool:
    """Whether a call ended with what a kill ended: workers notice a while later that their node is gone."""
    gone = kill.t_invoke if kill.key == "worker" else kill.value["gone"]
    return call.begun - MOMENT <= gone and kill.t_invoke <= call.done + MOMENT


def _meets(moment: float, since: float, until: float) -> bool:
    return since - MOMENT <= moment <= until + MOMENT


def promotions_are_kept(ledger: Ledger) -> list[str]:
    """P1: what was confirmed to be live was so, once, and nothing else; one came after the other."""
    wrong: list[str] = []
    asked = [record for record in ledger.history if record.op == "promote" and record.type != "fail"]
    told = Counter(p["after"] for p in ledger.promotions)
    for record in asked:
        if record.ok and record.value["changed"]:
            near = [p for p in ledger.promotions if p["after"] == record.value["version"]]
            if not any(_meets(p["at"], record.t_invoke, record.t_done) for p in near):
                wrong.append(f"{record} was confirmed, and is not among the promotions")
    for promotion in ledger.promotions:
        wishes = [
            record
            for record in asked
            if record.t_invoke - MOMENT <= promotion["at"]
            and (not record.ok or promotion["at"] <= record.t_done + MOMENT)
            and record.value.get("version", promotion["after"]) == promotion["after"]
            and record.key in ("", str(promotion["after"]))
        ]
        if not wishes:
            wrong.append(f"nobody asked for {promotion}")
    sure = Counter(r.value["version"] for r in asked if r.ok and r.value["changed"])
    possible = Counter(r.key for r in asked)
    wrong += [
        f"version {version} became live {told[version]} times, confirmed {count} times"
        for version, count in sure.items()
        if told[version] < count
    ]
    wrong += [
        f"version {version} became live {count} times, and was asked for {possible[str(version)]} times"
        for version, count in told.items()
        if count > possible[str(version)] + possible[""]
    ]
    live = 0
    for promotion in ledger.promotions:
        if promotion["before"] != live:
            wrong.append(f"{promotion} came after version {promotion['before']}, and {live} was live")
        live = promotion["after"]
    return wrong


def answers_are_of_the_live_version(ledger: Ledger) -> list[str]:
    """P2: each answer is of a version that is live, or was so until a moment ago; in the end, of the last."""
    wrong: list[str] = []
    times = [promotion["at"] for promotion in ledger.promotions]
    lives = [0, *(promotion["after"] for promotion in ledger.promotions)]
    known = {factor: version for version, factor in ledger.factors.items()} | {1: 0}
    for call in ledger.calls:
        if call.said != "answered":
            continue
        version = known.get(call.factor)
        newest = bisect_right(times, call.done + MOMENT)
        oldest = bisect_right(times, _calm_before(ledger, call, FOLLOWED_SECONDS))
        if version is None or version not in lives[oldest : newest + 1]:
            wrong.append(f"{call} was answered by version {version}, live were {lives[oldest : newest + 1]}")
    last = lives[-1]
    expected = (last, 1 if last == 0 else ledger.factors.get(last, 0))
    wrong += [
        f"server {number} ends with version and factor {found}, not {expected}"
        for number, found in enumerate(ledger.serves)
        if found != expected
    ]
    return wrong


def _calm_before(ledger: Ledger, call: Call, seconds: float) -> float:
    """The moment before a call since which its server had so many seconds without a fault of its own."""
    faults = ledger.faults("server", "database", "node", server=call.server)
    moment, left = call.begun, seconds
    for fault in sorted(faults, key=lambda fault: -fault.t_done):
        if fault.t_invoke >= moment:
            continue
        calm = max(0.0, moment - fault.t_done)
        if calm >= left:
            break
        left -= calm
        moment = min(moment, fault.t_invoke)
    return moment - left


def trainings_leave_what_they_promised(ledger: Ledger) -> list[str]:
    """F1: a training that has succeeded is one run with its version and its files; no other one is."""
    factors = {
        r.value["job"]: r.value["factor"]
        for r in ledger.history
        if r.op == "submit" and r.ok and "factor" in r.value
    }
    wrong = list(ledger.files)
    finals = {record.key: record.value for record in ledger.history if record.op == "final"}
    for job, factor in factors.items():
        state = finals[job]["state"] if job in finals else "lost"
        version = ledger.runs.get(job)
        if (state == "succeeded") != (version is not None):
            wrong.append(f"the training {job} is {state}, and its version is {version}")
        elif version is not None and ledger.factors.get(version) != factor:
            wrong.append(
                f"the training {job} of {factor} is version {version} of {ledger.factors.get(version)}"
            )
    wrong += [f"{job} made version {v}, and is {finals[job]['state']}" for job, v in ledger.runs.items()
              if job in finals and finals[job]["state"] != "succeeded"]  # fmt: skip
    return wrong


def nothing_is_left(ledger: Ledger) -> list[str]:
    """L1: everything came back, what a killed server had started went with it, and no file is nobody's."""
    return ledger.left


def nothing_was_unforeseen(ledger: Ledger) -> list[str]:
    """B1: no server logged a traceback: each kill was met by code that knows of it."""
    return ledger.bugs


RULES: dict[str, Callable[[Ledger], list[str]]] = {
    "C1": calls_fail_where_a_process_was_killed,
    "P1": promotions_are_kept,
    "P2": answers_are_of_the_live_version,
    "F1": trainings_leave_what_they_promised,
    "L1": nothing_is_left,
    "B1": nothing_was_unforeseen,
}


def judged(ledger: Ledger) -> dict[str, list[str]]:
    """What broke each rule, K1 to K10 among them; empty if all hold."""
    own = {name: wrong for name, rule in RULES.items() if (wrong := rule(ledger))}
    return broken_rules(ledger.history) | own


def told(broken: dict[str, list[str]]) -> str:
    """The same for people: some of what broke each rule."""
    lines: list[str] = []
    for name, wrong in broken.items():
        lines.append(f"{name} is broken {len(wrong)} times:")
        lines += [f"  {words}" for words in wrong[:SHOWN]]
    return "\n".join(lines)
