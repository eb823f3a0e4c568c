"""Power cuts at random moments of a server's life: `python tests/jobs/power_cuts.py --cuts 200`.

The life of `power_life.py` is recorded once, system call by system call. For each cut a folder is made that
the disk may hold then, torn writes and lost names included; a real store opens it, and what was confirmed
before the cut must be there: jobs (K1, K2, K3), inputs, artifacts, results. Half a file is never visible.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from history import Record
from history_final import final
from history_rules import RULES
from power_life import content
from power_trace import Reader, Trace, cut, record

from modelport.jobs.folders import JobFolders
from modelport.jobs.records import NewJob, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore


async def whole(folder: Path, facts: list[dict[str, Any]]) -> int:
    """Check a folder after a cut against what had been confirmed; returns how many jobs were found."""
    folders = JobFolders(folder)
    store = await JobStore.open(folder / "jobs.sqlite")
    try:
        jobs = {job.id: job for job in (await store.list(limit=500, with_call=True)).jobs}
        history = [final(job, None, list(await store.events(job.id))) for job in jobs.values()]
        for fact in facts:
            job = jobs.get(fact["job"])
            if fact["did"] == "submit":
                value = {"job": fact["job"], "principal": ""}
                history.append(Record("client", "submit", "", 0, 0, "ok", value))
                inputs = folders.inputs(fact["job"]) / "table"
                assert inputs.read_bytes() == content(fact["job"], "input")
            elif fact["did"] == "artifacts":
                listed = {name for name, _ in folders.list_artifacts(fact["job"])}
                assert listed == set(fact["names"]), f"{fact}: only {listed} are there"
            else:
                assert job is not None, f"{fact} is lost"
                assert job.state is State.SUCCEEDED, f"{fact} is lost"
        for job in jobs.values():
            for name, _ in folders.list_artifacts(job.id):
                kept = folders.artifacts(job.id) / name
                assert kept.read_bytes() == content(job.id, name), f"half of {kept} is visible"
            if job.state is State.SUCCEEDED:
                assert job.outcome is not None
                result = folders.of(job.id) / job.outcome.result_file
                assert result.read_bytes() == content(job.id, "result"), f"half of {result} is visible"
        broken = {name: wrong for name in ("K1", "K2", "K3") if (wrong := RULES[name](history))}
        assert not broken, broken
        await _goes_on(store)
        return len(jobs)
    finally:
        await store.close()


async def _goes_on(store: JobStore) -> None:
    """What was left is run to its end, and something new."""
    await store.rescue({"one"})
    await store.submit(NewJob(id="new", kind="predict", model="m"))
    claims = await store.claim("two", 100, 60.0)
    assert "new" in {claim.job.id for claim in claims}
    for claim in claims:
        assert await store.finish(claim.job.id, claim.token, Outcome(state=State.SUCCEEDED)) is not None


def recorded(folder: Path) -> Trace:
    """Live a life under strace."""
    life = folder / "life"
    life.mkdir()
    log = folder / "strace.log"
    record(Path(__file__).with_name("power_life.py"), life, log)
    trace = Reader(life, log).trace()
    shutil.rmtree(life)
    log.unlink()
    return trace


def cuts(folder: Path, trace: Trace, count: int, seed: int) -> int:
    """Cut the power so often, each time at another moment; returns how many jobs were found in all.

    Raises `AssertionError` that names the cut.
    """
    found = 0
    first = min(line for line, _ in trace.facts)
    for number in range(count):
        dice = random.Random(f"{seed} {number}")
        # A few cuts fall into the making of the database, before anything is confirmed.
        line = dice.randint(0 if number % 10 == 0 else first, trace.length)
        facts = [json.loads(text) for at, text in trace.facts if at <= line]
        target = folder / f"cut{number}"
        cut(trace, line, dice, target)
        try:
            found += asyncio.run(whole(target, facts))
        except Exception as error:  # whatever it is, it is of this cut
            raise AssertionError(f"cut {number} of seed {seed}, line {line}: {error!r}") from error
        shutil.rmtree(target)
    return found


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="power-cuts-") as root:
        trace = recorded(Path(root))
        found = cuts(Path(root), trace, asked.cuts, asked.seed)
    seconds = time.monotonic() - begun
    print(
        f"{asked.cuts} power cuts in {trace.length} lines of strace, {seconds:.0f} s: "
        f"{found} jobs found, nothing that was confirmed is lost"
    )


if __name__ == "__main__":
    main()
