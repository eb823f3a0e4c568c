"""What scrapes of fifty models cost the server, and predictions beside them.

One scrape is told in processor time, of which a scrape a second takes that share from predictions. These are
measured with a scrape a second and without, in turns: the middle of their ratios, since the rates of two runs
differ by more, and the least processor time of each.
"""

from __future__ import annotations

import statistics
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import psutil

from benchmarks import servers
from benchmarks.access_measures import measured
from benchmarks.measures import BODY, CONNECTIONS, Row

SMALL = servers.MODELS / "small_typed.py"
MODELS = 50
SCRAPES = 100
READY_SECONDS = 300.0
WANTED = 0.02
ROUNDS = 5
LEAST_SECONDS = 4.0  # of a round: there are as many scrapes in it, but for one


def scrapes(seconds: float) -> list[Row]:
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
        beside = _beside(port, pid, seconds)
    what = f"a scrape of {MODELS} models, {lines:,} lines"
    found = f"{cost * 1000:.1f} ms of the server's processor = {cost:.1%} of it at one a second"
    return [Row(what, found, f"<= {WANTED:.0%}", cost <= WANTED), beside]


def _beside(port: int, pid: int, seconds: float) -> Row:
    """Predictions of one of the models with a scrape a second, and without."""
    raw = servers.request("/v2/models/m0/predict", BODY)
    costs: dict[bool, list[float]] = {False: [], True: []}
    rates: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS):
        for is_scraped in costs:
            with _scraping(port) if is_scraped else nullcontext():
                rate, cost = measured(port, pid, raw, max(seconds / ROUNDS, LEAST_SECONDS))
            costs[is_scraped].append(cost)
            rates[is_scraped].append(rate)
    ratio = statistics.median(one / other for one, other in zip(rates[True], rates[False], strict=True))
    found = (
        f"{statistics.median(rates[True]):,.0f}/s = {ratio:.3f} of without; "
        f"{min(costs[True]):.1f} µs of the server's processor for each, without {min(costs[False]):.1f}"
    )
    what = f"small predictions, with a scrape of {MODELS} models a second"
    return Row(what, found, f">= {1 - WANTED}", ratio >= 1 - WANTED)


@contextmanager
def _scraping(port: int) -> Iterator[None]:
    """A scrape a second while this lasts."""
    stop = threading.Event()

    def scrape() -> None:
        while not stop.wait(1.0):
            _scrape(port)

    scraping = threading.Thread(target=scrape)
    scraping.start()
    try:
        yield
    finally:
        stop.set()
        scraping.join()


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
