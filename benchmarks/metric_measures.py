"""What a scrape of fifty models costs the server.

It is told in processor time, of which a scrape a second takes that share from predictions. Their rates with
it and without differ by less than those of two runs.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request

import psutil

from benchmarks import servers
from benchmarks.measures import BODY, CONNECTIONS, Row

SMALL = servers.MODELS / "small_typed.py"
MODELS = 50
SCRAPES = 100
READY_SECONDS = 300.0
WANTED = 0.02


def scrapes() -> list[Row]:
    """Scrapes of a server whose fifty models have all been asked."""
    sources = [f"m{number}={SMALL}" for number in range(MODELS)]
    with servers.modelport(*sources, ready="/v2/health/live") as (port, pid):
        _wait_ready(port)
        for number in range(MODELS):
            servers.load(port, servers.request(f"/v2/models/m{number}/predict", BODY), CONNECTIONS, 0.05)
        lines = _scrape(port)
        before = _used(pid)
        for _ in range(SCRAPES):
            _scrape(port)
        cost = (_used(pid) - before) / SCRAPES
    what = f"a scrape of {MODELS} models, {lines:,} lines"
    found = f"{cost * 1000:.1f} ms of the server's processor = {cost:.1%} of it at one a second"
    return [Row(what, found, f"<= {WANTED:.0%}", cost <= WANTED)]


def _wait_ready(port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready", timeout=5).close()
            return
        except urllib.error.HTTPError:
            time.sleep(0.2)
    raise RuntimeError(f"{MODELS} models were not ready in {READY_SECONDS:g} s")


def _scrape(port: int) -> int:
    """Scrape once; returns how many lines there are."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return answer.read().count(b"\n")


def _used(pid: int) -> float:
    return sum(psutil.Process(pid).cpu_times()[:2])
