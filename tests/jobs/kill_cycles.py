"""Kill -9 at random moments, again and again: `python tests/jobs/kill_cycles.py --cycles 1000`.

In each cycle a process opens a store as a server does, recovers what the killed one before it left, submits,
runs, cancels and announces jobs, and is killed. After so many cycles on one database everything is brought to
its end, and K1 to K10 are checked against what had been confirmed. `--servers N` adds kills of whole servers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import kill_life
from history import Record, Recorder, load, load_runs
from history_rules import broken_rules

IN_THE_START = 0.25  # this share of the lives is killed at any moment of their start
CYCLES_OF_ONE = 25  # kills of one database before it is checked
LONGEST_START = 0.3  # seconds after which a life is killed that may not have begun yet
LONGEST_LIFE = 20  # steps that were confirmed, before a life is killed at the next moment
A_MOMENT = 0.01


def in_child(act: Callable[[], None]) -> int:
    """Begin `act` in a forked process, which costs a fraction of a fresh one; returns its id.

    The parent has no threads and has opened no database.
    """
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        act()
        status = 0
    finally:
        os._exit(status)


def kill_once(folder: Path, name: str, before: set[str], dice: random.Random) -> None:
    """One cycle: begin a life, and end it at some moment."""
    recorder = Recorder(folder / "history")
    with recorder.operation("nemesis", "fault", name) as record:
        seed = str(dice.random())
        steps, tells_steps = os.pipe()
        pid = in_child(lambda: kill_life.begin(folder, name, before, seed, tells_steps))
        os.close(tells_steps)
        if dice.random() < IN_THE_START:
            time.sleep(dice.uniform(0.0, LONGEST_START))
        else:
            for _ in range(dice.randint(1, LONGEST_LIFE)):
                os.read(steps, 1)
            time.sleep(dice.uniform(0.0, A_MOMENT))
        os.close(steps)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        record.type = "ok"
    recorder.close()
    if os.WTERMSIG(status) != signal.SIGKILL:
        raise AssertionError(f"the life {name} ended by itself: {status}")


def one_database(folder: Path, cycles: int, dice: random.Random) -> list[Record]:
    """The history of a database that was killed so many times."""
    lives: set[str] = set()
    for number in range(cycles):
        kill_once(folder, f"life{number}", lives, dice)
        lives.add(f"life{number}")

    def recover() -> None:
        asyncio.run(kill_life.recover(folder, lives))

    _, status = os.waitpid(in_child(recover), 0)
    if status:
        raise AssertionError(f"nothing recovers in {folder}: {status}")
    return load(folder / "history") + load_runs(folder / "side")


def store_cycles(cycles: int, seed: int, say: Callable[[str], None]) -> Counter[str]:
    """So many kills of a store; returns what was counted. Raises `AssertionError` with what broke a rule."""
    counted: Counter[str] = Counter()
    for first in range(0, cycles, CYCLES_OF_ONE):
        some = min(CYCLES_OF_ONE, cycles - first)
        with tempfile.TemporaryDirectory(prefix="kill-cycles-") as folder:
            history = one_database(Path(folder), some, random.Random(f"{seed} {first}"))
        broken = broken_rules(history)
        if broken:
            raise AssertionError(f"after {first + some} kills: {broken}")
        counted.update(_counts(history))
        say(f"{first + some} kills")
    return counted


def _counts(history: list[Record]) -> Counter[str]:
    counted: Counter[str] = Counter()
    for record in history:
        counted[f"{record.op} {'confirmed' if record.ok else 'unknown'}"] += 1
    submitted = {record.value["job"] for record in history if record.op == "submit" and record.ok}
    counted["jobs confirmed"] = len(submitted)
    counted["jobs found"] = sum(record.op == "final" for record in history)
    return counted


def server_cycles(cycles: int, seed: int, say: Callable[[str], None]) -> Counter[str]:
    """Whole servers under clients, killed so many times."""
    import threading

    from history_clients import Clients, Nemesis
    from history_site import Site

    with tempfile.TemporaryDirectory(prefix="kill-cycles-") as root:
        site = Site(Path(root))
        clients, nemesis = Clients(site, seed), Nemesis(site, seed)
        try:
            site.start()
            clients.begin()
            rest = threading.Event()
            while nemesis.faults["server"] + nemesis.faults["all"] < cycles:
                rest.wait(nemesis.dice.uniform(0.0, 1.5))
                nemesis.strike(nemesis.dice.choice(["server", "server", "all", "job"]))
                say(f"{nemesis.faults} kills")
            clients.end()
            site.settle()
            history = asyncio.run(site.whole_history())
        finally:
            clients.stop.set()
            site.close()
        broken = broken_rules(history)
        if broken:
            raise AssertionError(f"servers: {broken}")
        return _counts(history)


def main() -> None:
    """Run what the command line asks for, and print what was counted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cycles", type=int, default=1000, help="kills of a store")
    parser.add_argument("--servers", type=int, default=0, help="kills of whole servers, besides")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)

    def say(text: str) -> None:
        print(text, flush=True)

    for name, act, cycles in (
        ("store", store_cycles, asked.cycles),
        ("server", server_cycles, asked.servers),
    ):
        if cycles:
            begun = time.monotonic()
            counted = act(cycles, asked.seed, say)
            print(f"{name}: {cycles} kills in {time.monotonic() - begun:.0f} s, K1 to K10 hold")
            print(", ".join(f"{what} {number}" for what, number in sorted(counted.items())), flush=True)


if __name__ == "__main__":
    main()
