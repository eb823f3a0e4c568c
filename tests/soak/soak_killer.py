"""Kills one process after the other with SIGKILL, by a plan that a seed decides."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from typing import NamedTuple

import psutil
from history_site import until
from soak_nodes import is_alive
from soak_site import WHOLE_SECONDS, Supervised, is_job, is_worker

GONE_SECONDS = 20.0  # within which nothing is left of what a killed server had started
NODE_SECONDS = 60.0  # the same for a node: Ray finds out only after a while that one does not answer
VICTIM_SECONDS = 2.0  # to wait for a process of the kind that is to be killed, before another kind is taken
STRIKE_SECONDS = 60.0  # to wait for a process of any kind


class Strike(NamedTuple):
    """One kill of the plan: when, in seconds from the begin, what, and which of those there are then."""

    at: float
    what: str
    share: float  # from 0 to 1


class Victim(NamedTuple):
    """A process, and the number of the server that it belongs to; the database belongs to none."""

    process: psutil.Process
    server: int | None


def servers(site: Supervised) -> list[Victim]:
    numbers = range(len(site.site.ports))
    return [Victim(p, n) for n in numbers if (p := site.server_process(n)) is not None]


def workers(site: Supervised) -> list[Victim]:
    """The processes that answer predictions."""
    return _children(site, is_worker)


def jobs(site: Supervised) -> list[Victim]:
    """The processes of trainings, and the warm ones of predictions that are jobs."""
    return _children(site, is_job)


def database(site: Supervised) -> list[Victim]:
    """The first process of PostgreSQL, as often as all others, at whose end it begins anew, too."""
    main = site.postgres.main_process() if site.postgres is not None else None
    if main is None:
        return []
    others: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        others = main.children()
    return [Victim(process, None) for process in (*others, *[main] * max(1, len(others)))]


def nodes(site: Supervised) -> list[Victim]:
    """The processes that are nodes of a cluster; they belong to the server that has its workers there."""
    if site.nodes is None:
        return []
    return [Victim(raylet, len(site.site.ports) - 1) for raylet in site.nodes.raylets().values()]


def _children(site: Supervised, kind: Callable[[psutil.Process], bool]) -> list[Victim]:
    numbers = range(len(site.site.ports))
    return [Victim(p, n) for n in numbers for p in site.children(n) if kind(p)]


# What is killed, and how often beside the others.
TARGETS: dict[str, tuple[int, Callable[[Supervised], list[Victim]]]] = {
    "server": (3, servers),
    "worker": (3, workers),
    "job": (3, jobs),
    "database": (2, database),
    "node": (2, nodes),
}


def plan(seed: int, seconds: float, every: float, without: Collection[str] = ()) -> list[Strike]:
    """The kills of a soak: the same for the same seed, and each kind once before chance decides.

    `without` are kinds that there is nothing of.
    """
    dice = random.Random(seed)
    kinds = [name for name in TARGETS if name not in without]
    weights = [TARGETS[name][0] for name in kinds]
    first = dice.sample(kinds, len(kinds))
    count = max(len(kinds), int(seconds / every))
    chosen = first + dice.choices(kinds, weights, k=count - len(first))
    return [Strike((number + 1) * every, what, dice.random()) for number, what in enumerate(chosen)]


class Killer:
    """Carries out a plan. What is felt of a kill is over when all serves again: the record ends then."""

    def __init__(self, site: Supervised, strikes: list[Strike]):
        self.site = site
        self.strikes = strikes
        self._watches: list[threading.Thread] = []
        self._counts: Counter[str] = Counter()

    def counts(self) -> dict[str, int]:
        """How many of each kind were killed so far."""
        return dict(self._counts)

    def run(self, stop: threading.Event) -> None:
        """Go through the plan, and wait until the last kill was got over."""
        begun = time.monotonic()
        for strike in self.strikes:
            if stop.wait(max(0.0, begun + strike.at - time.monotonic())):
                break
            self._strike(strike)
        for watch in self._watches:
            watch.join(2 * WHOLE_SECONDS)

    def _strike(self, strike: Strike) -> None:
        """Kill what the plan says; if there is nothing of that kind now, of the next, until there is one."""
        kinds = [strike.what, *(name for name in TARGETS if name != strike.what)]
        deadline = time.monotonic() + STRIKE_SECONDS
        while time.monotonic() < deadline:
            for what in kinds:
                find = TARGETS[what][1]
                if until(lambda find=find: bool(find(self.site)), VICTIM_SECONDS) and (
                    found := find(self.site)
                ):
                    victim = found[int(strike.share * len(found))]
                    watch = threading.Thread(target=self._kill, args=(what, victim), daemon=True)
                    self._watches.append(watch)
                    self._counts[what] += 1
                    watch.start()
                    return

    def _kill(self, what: str, victim: Victim) -> None:
        """Kill it, and wait until what it had started is gone and all serves again.

        The record tells of the workers of predictions that went with it, and until when.
        """
        left = self._had_started(what, victim)
        with self.site.site.recorder.operation(
            "killer", "fault", what, server=victim.server, pid=victim.process.pid
        ) as record:
            record.value["workers"] = sum(is_worker(process) for process in left)
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.process.kill()
            until(lambda: not is_alive(victim.process), GONE_SECONDS)
            if not self.site.have_gone(left, NODE_SECONDS if what == "node" else GONE_SECONDS):
                alive = [process for process in left if is_alive(process)]
                self.site.lost.append(f"{what} {victim} was killed, and {alive} lived on")
            record.value["gone"] = time.time()
            if not until(self.site.is_whole, WHOLE_SECONDS):
                self.site.lost.append(f"not whole {WHOLE_SECONDS:g} s after a {what} was killed")
            record.type = "ok"

    def _had_started(self, what: str, victim: Victim) -> list[psutil.Process]:
        if what == "node":
            return self.site.with_node(victim.process)
        return self.site.children(victim.server) if what == "server" and victim.server is not None else []
