"""What it costs to tell how it goes: predictions with traces and the access log, in turns with plain ones."""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator
from typing import NamedTuple

import psutil

from benchmarks import servers
from benchmarks.measures import BODY, CONNECTIONS, Row

SMALL = str(servers.MODELS / "small_typed.py")
PREDICT = "/v2/models/small_typed/predict"
ROUNDS = 4
STARTS = 4  # of both servers: each process has its own luck with its memory, of some percent of its rate
UNSAMPLED = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00\r\n"


class Way(NamedTuple):
    """A server with these options, which is asked with these fields; it may lose so much of its rate."""

    what: str
    options: tuple[str, ...]
    fields: str = ""
    most: float | None = None


class Turn(NamedTuple):
    """Answers a second, and microseconds of processor time for each: of the server, and of its worker."""

    rate: float
    server: float
    worker: float


def predictions(seconds: float) -> list[Row]:
    """Small predictions, each way in turn with the plain one."""
    with tempfile.TemporaryDirectory() as folder, _collector() as url:
        traced = ("--traces", url, "--trace-sample")
        log = ("--access-log", "json", "--access-log-file", f"{folder}/access.log")
        ways = (
            Way("nothing more: what this machine tells apart", ()),
            Way("traces of 1 %", (*traced, "0.01"), most=0.03),
            Way("traces that their clients do not want", (*traced, "1"), UNSAMPLED),
            Way("traces of all", (*traced, "1")),
            Way("the access log in JSON", log, most=0.05),
        )
        rows: list[Row] = []
        for way in ways:
            rows.append(_compared(way, seconds))
        return rows


def _compared(way: Way, seconds: float) -> Row:
    pairs: list[tuple[Turn, Turn]] = []
    for start in range(STARTS):
        options = ((), way.options) if start % 2 else (way.options, ())  # which starts first
        with servers.modelport(SMALL, *options[0]) as one, servers.modelport(SMALL, *options[1]) as two:
            plain, other = (one, two) if start % 2 else (two, one)
            for number in range(ROUNDS + 1):
                asked = [(plain, ""), (other, way.fields)]
                asked = asked if number % 2 else asked[::-1]  # nor is one always asked behind the other
                turns = {server: _turn(server, fields, seconds / 5) for server, fields in asked}
                if number:  # the first one warms up
                    pairs.append((turns[plain], turns[other]))
    rates = [1 - other.rate / plain.rate for plain, other in pairs]
    more = [other.server - plain.server for plain, other in pairs]
    of_worker = [other.worker - plain.worker for plain, other in pairs]
    base = statistics.median(plain.server + plain.worker for plain, _ in pairs)
    cost = (statistics.median(more) + statistics.median(of_worker)) / base
    found = (
        f"{statistics.median(rates):.1%} fewer a second; {statistics.median(more):+.2f} µs of the server's "
        f"processor for each, {statistics.median(of_worker):+.2f} of its worker's, of {base:.1f} = {cost:.1%}"
    )
    met = None if way.most is None else statistics.median(rates) < way.most
    return Row(f"small predictions with {way.what}", found, f"< {way.most:.0%}" if way.most else "", met)


def _turn(server: tuple[int, int], fields: str, seconds: float) -> Turn:
    port, pid = server
    process = psutil.Process(pid)
    before, worker_before = _used(process)
    rate = servers.load(port, servers.request(PREDICT, BODY, fields), CONNECTIONS, seconds)
    after, worker_after = _used(process)
    each = 1e6 / (rate * seconds)
    return Turn(rate, (after - before) * each, (worker_after - worker_before) * each)


def _used(process: psutil.Process) -> tuple[float, float]:
    """Seconds of processor time that a server has had, and those of its children."""
    children = sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True))
    return sum(process.cpu_times()[:2]), children


@contextlib.contextmanager
def _collector() -> Iterator[str]:
    """Run a collector on the second core; yields its address."""
    port = servers.free_port()
    command = [sys.executable, "-m", "benchmarks.collector", str(port)]
    with servers.beside(command):
        yield f"http://127.0.0.1:{port}"
