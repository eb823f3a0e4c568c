"""K1 to K10: what must hold in every history, each rule a function from the records to what broke it.

The operations that the rules know, with their keys and values:

    submit    idempotency key   job, principal
    get       job               state, revision; or missing
    result    job               result; or missing
    events    job               events: [[sequence, text], …], ids rising; or missing
    cancel    job               state; or missing
    walk      -                 jobs, of all pages
    webhook   job               id, valid, state, revision, answered
    start,end job               attempt, token, as user code noted them
    prune     -                 jobs that retention was allowed to remove
    fault     what was killed   from the kill until all served again
    settle    -                 bound in seconds; from the last fault until every job had ended
    final     job               the job as the store has it at the end, see `history_final`
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

from history import Record

from modelport.jobs.states import TERMINAL, TRANSITIONS, State

History = Sequence[Record]
NEAR_SECONDS = 1.0  # a fault may be felt a little before its kill was noted, and after
READS = ("get", "result", "events", "cancel")


def _of(history: History, *ops: str) -> list[Record]:
    return [record for record in history if record.op in ops]


def _finals(history: History) -> dict[str, Record]:
    return {record.key: record for record in _of(history, "final")}


def _acked(history: History) -> dict[str, Record]:
    """The first confirmed submission of each job that must still be there."""
    found: dict[str, Record] = {}
    for record in _of(history, "submit"):
        if record.ok:
            found.setdefault(record.value["job"], record)
    for pruned in _of(history, "prune"):
        for job in pruned.value["jobs"]:
            found.pop(job, None)
    return found


def acked_jobs_are_found(history: History) -> list[str]:
    """K1: a job that was confirmed is found from then on."""
    acked, finals = _acked(history), _finals(history)
    lost = [f"{job} was confirmed and is lost" for job in acked if job not in finals]
    for read in _of(history, *READS):
        first = acked.get(read.key)
        if read.ok and read.value.get("missing") and first and first.t_done <= read.t_invoke:
            lost.append(f"{read.key} was confirmed and not found by {read.proc}")
    return lost


def one_job_for_a_key(history: History) -> list[str]:
    """K2: one job at most for each principal and idempotency key."""
    jobs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in _of(history, "submit"):
        if record.ok and record.key:
            jobs[record.value["principal"], record.key].add(record.value["job"])
    for final in _of(history, "final"):
        if final.value["idempotency_key"]:
            jobs[final.value["principal"], final.value["idempotency_key"]].add(final.key)
    return [f"{key} has {sorted(found)}" for key, found in jobs.items() if len(found) > 1]


def _ways() -> dict[State, set[State]]:
    """The states that can be seen after a state."""
    reach = {state: {state, *after} for state, after in TRANSITIONS.items()}
    for _ in State:
        for state, found in reach.items():
            reach[state] = found.union(*(reach[one] for one in found))
    return reach


REACHABLE = _ways()


def states_keep_to_their_ways(history: History) -> list[str]:
    """K3: reads and events follow the table of states, and results never change."""
    wrong: list[str] = []
    reads: dict[str, list[Record]] = defaultdict(list)
    results: dict[str, set[str]] = defaultdict(set)
    for record in _of(history, "get", "cancel", "final", "result"):
        if "state" in record.value and record.ok:
            reads[record.key].append(record)
        if record.value.get("result") is not None:
            results[record.key].add(record.value["result"])
    for job, found in reads.items():
        for first, second in itertools.combinations(found, 2):
            before, after = State(first.value["state"]), State(second.value["state"])
            if first.t_done <= second.t_invoke and after not in REACHABLE[before]:
                wrong.append(f"{job} was {before} and later {after}")
    wrong += [f"{job} has several results" for job, found in results.items() if len(found) > 1]
    for final in _of(history, "final"):
        states = [State(name) for name in final.value["states"]]
        ways = [pair for pair in itertools.pairwise(states) if pair != (State.RUNNING, State.RUNNING)]
        wrong += [f"{final.key} went from {a} to {b}" for a, b in ways if b not in TRANSITIONS[a]]
        if states[:1] != [State.QUEUED] or states[-1] != final.value["state"]:
            wrong.append(f"{final.key} is {final.value['state']} after {states}")
    return wrong + _torn_reads(history)


def _torn_reads(history: History) -> list[str]:
    """Every read of a job's events is a beginning of the longest."""
    longest: dict[str, list[list[object]]] = {}
    lists = [record for record in _of(history, "events", "final") if "events" in record.value]
    for record in sorted(lists, key=lambda record: -len(record.value["events"])):
        found, whole = record.value["events"], longest.setdefault(record.key, record.value["events"])
        if [list(one) for one in found] != [list(one) for one in whole[: len(found)]]:
            return [f"{record.key}: {record.proc} read other events than the rest"]
    return []


def revisions_never_fall(history: History) -> list[str]:
    """K4: no reader sees a job go back."""
    last: dict[tuple[str, str], int] = {}
    fallen: list[str] = []
    for read in _of(history, "get"):
        if not read.ok or "revision" not in read.value:
            continue
        seen = (read.proc, read.key)
        if read.value["revision"] < last.get(seen, 0):
            fallen.append(f"{read.key}: {read.proc} read {read.value['revision']} after {last[seen]}")
        last[seen] = max(read.value["revision"], last.get(seen, 0))
    return fallen


def the_last_attempt_ends_the_job(history: History) -> list[str]:
    """K5: an end that was accepted comes from the attempt with the highest token that was granted."""
    starts: dict[str, list[Record]] = defaultdict(list)
    for start in _of(history, "start"):
        starts[start.key].append(start)
    wrong: list[str] = []
    for final in _of(history, "final"):
        accepted = final.value["accepted"]
        if accepted is None:
            continue
        for name in accepted:
            ran = [start.value[name] for start in starts[final.key]]
            if accepted[name] != final.value[name] or accepted[name] != max(ran, default=None):
                wrong.append(
                    f"{final.key}: {name} {accepted[name]} ended it, {final.value[name]} was granted"
                )
    return wrong


def all_end_once_faults_stop(history: History) -> list[str]:
    """K6: after the last fault every job ends within the bound."""
    wrong = [
        f"{final.key} is still {final.value['state']}"
        for final in _of(history, "final")
        if State(final.value["state"]) not in TERMINAL
    ]
    for settle in _of(history, "settle"):
        if not settle.ok or settle.t_done - settle.t_invoke > settle.value["bound"]:
            wrong.append(f"not settled in {settle.value['bound']} s")
    return wrong


def undisturbed_jobs_run_once(history: History) -> list[str]:
    """K7: a job with no fault near it runs exactly once."""
    faults = [(fault.t_invoke - NEAR_SECONDS, fault.t_done + NEAR_SECONDS) for fault in _of(history, "fault")]
    starts = Counter(record.key for record in _of(history, "start"))
    wrong: list[str] = []
    for final in _of(history, "final"):
        begin, end = final.value["created"], final.value["finished"]
        if end is None or any(begin <= until and since <= end for since, until in faults):
            continue
        least = 1 if final.value["state"] == State.SUCCEEDED else 0
        if not least <= starts[final.key] <= 1:
            wrong.append(f"{final.key} ran {starts[final.key]} times without a fault")
    return wrong


def webhooks_arrive(history: History) -> list[str]:
    """K8: each end is told at least once, under one id, with a valid signature, in order."""
    wrong: list[str] = []
    came: dict[str, list[Record]] = defaultdict(list)
    for hook in _of(history, "webhook"):
        came[hook.key].append(hook)
        if not hook.value["valid"]:
            wrong.append(f"{hook.key}: a webhook is not signed as it should be")
    for job, hooks in came.items():
        ids: dict[int, set[str]] = defaultdict(set)
        for hook in hooks:
            ids[hook.value["revision"]].add(hook.value["id"])
        if any(len(found) > 1 for found in ids.values()):
            wrong.append(f"{job}: one event has several ids: {dict(ids)}")
        firsts = list(dict.fromkeys(hook.value["revision"] for hook in hooks))
        if firsts != sorted(firsts):
            wrong.append(f"{job}: webhooks came in the order {firsts}")
    for final in _of(history, "final"):
        if not final.value["callback"] or State(final.value["state"]) not in TERMINAL:
            continue
        told = [hook for hook in came[final.key] if 200 <= hook.value["answered"] < 300]
        if not any(hook.value["revision"] == final.value["revision"] for hook in told):
            wrong.append(f"{final.key}: nobody was told that it is {final.value['state']}")
    return wrong


def walks_find_each_job_once(history: History) -> list[str]:
    """K9: a walk over all pages finds every job that existed throughout exactly once."""
    wrong: list[str] = []
    acked = _acked(history)
    for walk in _of(history, "walk"):
        if not walk.ok:
            continue
        found = Counter(walk.value["jobs"])
        wrong += [f"{walk.proc} found {job} {times} times" for job, times in found.items() if times > 1]
        for job, first in acked.items():
            if first.t_done <= walk.t_invoke and job not in found:
                wrong.append(f"{walk.proc} did not find {job}")
    return wrong


def cancelled_jobs_do_not_start(history: History) -> list[str]:
    """K10: after a cancellation was confirmed, no run that starts later may succeed."""
    finals = _finals(history)
    cancelled: dict[str, float] = {}
    for cancel in _of(history, "cancel"):
        if cancel.ok and not cancel.value.get("missing"):
            cancelled[cancel.key] = min(cancel.t_done, cancelled.get(cancel.key, cancel.t_done))
    return [
        f"{start.key} was cancelled, started after that and succeeded"
        for start in _of(history, "start")
        if start.t_invoke > cancelled.get(start.key, float("inf"))
        and start.key in finals
        and finals[start.key].value["state"] == State.SUCCEEDED
    ]


RULES: dict[str, Callable[[History], list[str]]] = {
    "K1": acked_jobs_are_found,
    "K2": one_job_for_a_key,
    "K3": states_keep_to_their_ways,
    "K4": revisions_never_fall,
    "K5": the_last_attempt_ends_the_job,
    "K6": all_end_once_faults_stop,
    "K7": undisturbed_jobs_run_once,
    "K8": webhooks_arrive,
    "K9": walks_find_each_job_once,
    "K10": cancelled_jobs_do_not_start,
}


def broken_rules(history: History) -> dict[str, list[str]]:
    """What broke each rule; empty if all hold."""
    ordered = sorted(history, key=lambda record: record.t_invoke)
    return {name: wrong for name, rule in RULES.items() if (wrong := rule(ordered))}
