"""What it costs to ask who asks, and how much they use: the same predictions with a key and without."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile

import psutil

from benchmarks import servers
from benchmarks.measures import BODY, CONNECTIONS, Row

SMALL = str(servers.MODELS / "small_typed.py")
PREDICT = "/v2/models/small_typed/predict"
ROUNDS = 5
WAYS = {"without": "", "with": "", "limited": "1000000000/h"}  # by the rate of its key


def predictions(seconds: float) -> list[Row]:
    """Small predictions, in turns: of who is not asked, of who has a key, and of who is limited by a rate."""
    with tempfile.TemporaryDirectory() as data:
        keys = {way: new_key(data, way, rate) for way, rate in WAYS.items() if way != "without"}
        with servers.modelport(SMALL) as plain, servers.modelport(SMALL, "--auth", "on", data_dir=data) as on:
            rates: dict[str, list[float]] = {way: [] for way in WAYS}
            costs: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(ROUNDS):
                for way in WAYS:
                    field = f"X-API-Key: {keys[way]}\r\n" if way in keys else ""
                    raw = servers.request(PREDICT, BODY, field)
                    port, pid = on if way in keys else plain
                    rate, cost = measured(port, pid, raw, seconds / ROUNDS)
                    rates[way].append(rate)
                    costs[way].append(cost)
    return [
        _row("a key", "with", rates, costs, 0.95),
        _row("a key and a rate", "limited", rates, costs, None),
    ]


def _row(
    what: str, way: str, rates: dict[str, list[float]], costs: dict[str, list[float]], wanted: float | None
) -> Row:
    pairs = zip(rates[way], rates["without"], strict=True)
    ratio = statistics.median(one / other for one, other in pairs)
    found = (
        f"{statistics.median(rates[way]):,.0f}/s = {ratio:.2f} of without; "
        f"{min(costs[way]):.1f} µs of the server's processor for each, without {min(costs['without']):.1f}"
    )
    met = None if wanted is None else ratio >= wanted
    return Row(f"small predictions with {what}", found, f">= {wanted}" if wanted else "", met)


def measured(port: int, pid: int, raw: bytes, seconds: float) -> tuple[float, float]:
    """Answers a second, and the microseconds of processor time that the server had for each."""
    server = psutil.Process(pid)
    before = sum(server.cpu_times()[:2])
    rate = servers.load(port, raw, CONNECTIONS, seconds)
    return rate, (sum(server.cpu_times()[:2]) - before) / (rate * seconds) * 1e6


def new_key(data: str, name: str, rate: str) -> str:
    """A new key that may predict, as often as `rate` says."""
    command = [sys.executable, "-m", "modelport", "keys", "create", "--name", name, "--scopes", "predict"]
    command += ["--data-dir", data, *(["--rate", rate] if rate else [])]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    return made.stdout.strip()
