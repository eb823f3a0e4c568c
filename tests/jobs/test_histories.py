"""Real servers, real clients, kill -9 at any moment: K1 to K10 hold in what all of them saw."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from history import Record
from history_clients import Clients, Nemesis
from history_rules import broken_rules
from history_site import Site
from postgres_server import Postgres

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(300)]
SEED = 20_261_124
SECONDS = 20.0  # and longer, where so little has happened by then that it would prove nothing
NEEDED = {"submit", "get", "result", "events", "cancel", "walk", "webhook", "start", "fault"}
WEBHOOKS = {"taken": True, "refused": False}


async def harmed(site: Site, seed: int, seconds: float) -> list[Record]:
    """The history of a site that was used and harmed for so long, and had time to recover."""
    print(f"seed {seed}")
    clients, nemesis = Clients(site, seed), Nemesis(site, seed)
    for number in range(len(site.servers)):
        site.start(number)
    site.receiver.dice = random.Random(seed)
    clients.begin()
    try:
        nemesis.run(seconds, threading.Event(), lambda: not missing_in(site.so_far()))
    finally:
        clients.end()
    site.settle()
    return await site.whole_history()


def missing_in(history: list[Record]) -> list[str]:
    """What a history lacks: one in which nothing happened proves nothing."""
    done = {record.op for record in history if record.ok}
    missing = sorted(NEEDED - done)
    if not any(record.type == "info" and record.t_done for record in history):
        missing.append("an operation of which nobody knows whether it was done")
    told = {200 <= record.value["answered"] < 300 for record in history if record.op == "webhook"}
    missing += [f"a webhook that was {word}" for word, taken in WEBHOOKS.items() if taken not in told]
    if not any(record.value["attempt"] > 1 for record in history if record.op == "start"):
        missing.append("a job that was run again")
    return missing


async def test_on_sqlite(tmp_path: Path, anyio_backend: str) -> None:
    site = Site(tmp_path)
    try:
        history = await harmed(site, SEED, SECONDS)
    finally:
        site.close()
    assert broken_rules(history) == {}
    assert missing_in(history) == []


async def test_two_servers_on_postgresql(tmp_path: Path, postgres: Postgres, anyio_backend: str) -> None:
    site = Site(tmp_path, postgres, servers=2)
    try:
        history = await harmed(site, SEED + 1, SECONDS)
    finally:
        site.close()
    assert broken_rules(history) == {}
    assert missing_in(history) == []
