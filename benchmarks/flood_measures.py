"""What a thousand wrong keys a second from one address cost those who have a right one, and the server."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from benchmarks import servers
from benchmarks.access_measures import PREDICT, SMALL, new_key
from benchmarks.flood import BETWEEN
from benchmarks.measures import BODY, Row
from benchmarks.steady import SteadyLoad, percentile
from modelport.identity.key_text import new_key as wrong_key

PER_SECOND = 1000
FLOODERS = 20
ROUNDS = 5
SLOWED = 400  # wrong ones, after which their address is slowed down for longer than is measured
BUSY = 2000  # requests a second of honest clients, where what is taken from them is measured
STEADY = 300  # requests a second of the honest client whose waits are measured
WANTED = 0.95
PATHS = {"at a model": PREDICT, "at the root": "/predict", "at nothing": "/nothing"}


def floods(seconds: float) -> list[Row]:
    """Honest predictions with and without a flood beside them, in turns; and what one refusal costs."""
    with tempfile.TemporaryDirectory() as data:
        key = new_key(data, "honest", "")
        with servers.modelport(SMALL, "--auth", "on", data_dir=data) as (port, pid):
            honest = servers.request(PREDICT, BODY, f"X-API-Key: {key}\r\n")
            _slow_down(port)
            rows = [_cost(port, pid, where, path, seconds) for where, path in PATHS.items()]
            return [*rows, _beside_honest((port, pid), honest, seconds), _waits(port, honest, seconds)]


def _wrong(path: str, keys: int) -> list[bytes]:
    return [servers.request(path, BODY, f"X-API-Key: {wrong_key()}\r\n") for _ in range(keys)]


def _slow_down(port: int) -> None:
    _flooded(port, _wrong(PREDICT, 1), SLOWED / PER_SECOND)


def _flooder(port: int, requests: list[bytes], seconds: float) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.flood", str(port), str(PER_SECOND), str(seconds)]
    command.append(str(FLOODERS))
    piped = subprocess.PIPE
    process = subprocess.Popen(command, stdin=piped, stdout=piped, cwd=servers.ROOT)
    psutil.Process(process.pid).nice(10)
    psutil.Process(process.pid).cpu_affinity(list(servers.CLIENT_CORE))
    assert process.stdin is not None
    process.stdin.write(BETWEEN.join(requests))
    process.stdin.close()
    return process


def _end(process: subprocess.Popen[bytes]) -> tuple[int, dict[str, int]]:
    """How many a flooder has sent, and what it was answered."""
    assert process.stdout is not None
    found = json.loads(process.stdout.read())
    process.wait()
    return found["sent"], found["statuses"]


def _flooded(port: int, requests: list[bytes], seconds: float) -> tuple[int, dict[str, int]]:
    return _end(_flooder(port, requests, seconds))


@contextmanager
def _beside(port: int, seconds: float, *, is_flooded: bool) -> Iterator[None]:
    """A flood of new keys while this lasts, or none."""
    process = _flooder(port, _wrong(PREDICT, PER_SECOND), seconds) if is_flooded else None
    try:
        yield
    finally:
        if process is not None:
            _end(process)


def _cost(port: int, pid: int, where: str, path: str, seconds: float) -> Row:
    """The processor time of the server for each, of one key again and again and of new ones."""
    found: list[float] = []
    for keys in (1, PER_SECOND):
        costs: list[float] = []
        for _ in range(ROUNDS):
            before = _used(pid)
            sent, _ = _flooded(port, _wrong(path, keys), seconds / ROUNDS)
            costs.append((_used(pid) - before) / sent * 1e6)
        found.append(min(costs))
    share = found[1] / 1e6 * PER_SECOND
    words = f"{found[0]:.0f} µs of the server's processor, a new one each time {found[1]:.0f} µs"
    words += f" = {share:.1%} of it at {PER_SECOND:,} a second"
    return Row(f"a wrong key {where} that is refused", words, f"<= {1 - WANTED:.0%}", share <= 1 - WANTED)


def _beside_honest(server: tuple[int, int], honest: bytes, seconds: float) -> Row:
    """What of the server's processor a flood takes from others, who ask as often with it as without."""
    port, pid = server
    used: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS):
        for is_flooded, those in used.items():
            with _beside(port, seconds / ROUNDS + 0.5, is_flooded=is_flooded):
                before = _used(pid)
                asyncio.run(_steady(port, honest, seconds / ROUNDS, BUSY))
                those.append((_used(pid) - before) / (seconds / ROUNDS))
    more = statistics.median(one - other for one, other in zip(used[True], used[False], strict=True))
    found = (
        f"{statistics.median(used[True]):.1%} of a processor, without {statistics.median(used[False]):.1%}: "
    )
    found += f"{more:.1%} more"
    what = f"{BUSY:,} small predictions with a key a second, beside {PER_SECOND:,} wrong ones"
    return Row(what, found, f"<= {1 - WANTED:.0%} more", more <= 1 - WANTED)


def _waits(port: int, honest: bytes, seconds: float) -> Row:
    """The waits of a client that asks `STEADY` times a second, as it finds them."""
    waits: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(ROUNDS):
        for is_flooded, those in waits.items():
            with _beside(port, seconds / ROUNDS + 0.5, is_flooded=is_flooded):
                those += asyncio.run(_steady(port, honest, seconds / ROUNDS))
    found = [
        f"{percentile(those, 0.5) * 1000:.2f} and {percentile(those, 0.99) * 1000:.2f} ms"
        for those in (waits[True], waits[False])
    ]
    what = f"the waits of {STEADY} predictions a second beside it (median, 99 %)"
    return Row(what, f"{found[0]}, without {found[1]}", "", None)


async def _steady(port: int, request: bytes, seconds: float, per_second: float = STEADY) -> list[float]:
    load = SteadyLoad(port, request, per_second)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(seconds)
    load.stop()
    await running
    wrong = {one.status for one in load.answers} - {200}
    if wrong:
        raise RuntimeError(f"answers other than 200: {wrong}")
    return [one.at - one.due for one in load.answers]


def _used(pid: int) -> float:
    return sum(psutil.Process(pid).cpu_times()[:2])
