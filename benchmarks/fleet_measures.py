"""Servers on one PostgreSQL: what they cost it when nobody asks, and how soon they know of each other."""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import psutil

from benchmarks import servers
from benchmarks.measures import Row
from benchmarks.news_measures import MODEL, Asked

FLEETS = ((1, 1), (10, 1), (50, 1), (50, 10))  # servers, and their poll_seconds
JOBS = 500
PROMOTIONS = 10
REST_SECONDS = 15.0
PATIENCE = 60.0


def fleets() -> Iterator[Row]:
    """The servers of each of `FLEETS`, one fleet after the other."""
    sys.path.append(str(servers.ROOT / "tests"))
    import postgres_server

    found = postgres_server.programs()
    if found is None:
        yield Row("servers on one database", "no PostgreSQL here", "", None)
        return
    postgres_server.SETTINGS += " -c max_connections=450"
    postgres = postgres_server.Postgres(found)
    try:
        postgres.make()
        for number, poll in FLEETS:
            yield from _fleet(postgres, number, poll)
    finally:
        postgres.remove()


def _fleet(postgres: Any, number: int, poll: int) -> Iterator[Row]:
    url = postgres.new_database()
    with _running(number, url, poll) as (asked, pids):
        fleet = _Fleet(postgres, url, asked, pids)
        for measure in (fleet.at_rest, fleet.promotions, fleet.jobs):
            for what, found in measure().items():
                yield Row(f"{number} servers that look each {poll} s: {what}", found, "", None)


@contextlib.contextmanager
def _running(number: int, url: str, poll: int) -> Iterator[tuple[list[Asked], list[int]]]:
    first = 20_000 + servers.free_port() % 10_000
    options = (MODEL, "--workers", "0", "--database-url", url, "--poll-seconds", str(poll))
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        variables = {"PYTHONPATH": f"{servers.ROOT / 'src'}:{servers.ROOT}", "MODELPORT_DATA_DIR": folder}
        command = [sys.executable, "-m", "benchmarks.fleet", str(number), str(first), *options]
        with servers.running(command, first, "/v2/health/ready", variables, pinned=False) as pid:
            fleet = psutil.Process(pid)
            for port in range(first, first + number):
                _wait(f"http://127.0.0.1:{port}/v2/health/ready", fleet)
            yield [Asked(first + one, "") for one in range(number)], [one.pid for one in fleet.children()]


def _wait(url: str, fleet: psutil.Process) -> None:
    class Lives:
        args = "the fleet"
        returncode = 1

        def poll(self) -> int | None:
            return None if fleet.is_running() else 1

    lives: Any = Lives()
    servers.wait_for(url, lives)


class _Fleet:
    """Servers of one database, and what is asked of them."""

    def __init__(self, postgres: Any, url: str, asked: list[Asked], pids: list[int]):
        self._postgres = postgres
        self._url = url
        self._asked = asked
        self._pids = pids

    def at_rest(self) -> dict[str, str]:
        """What it costs that they are there, and nobody asks."""
        time.sleep(5.0)  # what they do after their start
        before, began = self._counts(), time.perf_counter()
        time.sleep(REST_SECONDS)
        after, seconds = self._counts(), time.perf_counter() - began
        commits, database, own = ((b - a) / seconds for a, b in zip(before, after, strict=True))
        memory = [psutil.Process(pid).memory_full_info().uss for pid in self._pids]
        return {
            "connections at rest": str(self._connections()),
            "transactions at rest": f"{commits:.1f}/s",
            "PostgreSQL's processor at rest": f"{database * 100:.1f} % of one",
            "a server's processor at rest": f"{own / len(self._pids) * 100:.2f} % of one",
            "a server's own memory": f"{statistics.median(memory) / (1 << 20):.0f} MB",
        }

    def promotions(self) -> dict[str, str]:
        """How long after the answer to a promotion the last server answers by it, each asked in turn."""
        one, others = self._asked[0], self._asked[1:]
        for number in (1, 2):
            _, job = one.ask("POST", f"/v2/models/told/train/?number={number}")
            _until(lambda job=job: one.ask("GET", f"/v2/jobs/{job['uuid']}")[1]["state"] == "succeeded")
        times: list[float] = []
        for count in range(PROMOTIONS + 2):
            version = 1 + count % 2
            one.ask("PUT", "/v2/models/told/aliases/live", {"version": version})
            began = time.perf_counter()
            for other in others:
                _until(lambda other=other, version=version: _number(other) == version)
            times.append(time.perf_counter() - began)
        median, most = statistics.median(times[2:]), max(times[2:])  # at first they load it
        said = f"{median * 1000:.0f} ms (median of {PROMOTIONS}), {most * 1000:.0f} ms at most"
        return {"a promotion, seen by the last of the others": said} if others else {}

    def jobs(self) -> dict[str, str]:
        """Small jobs, submitted at all servers in turn, until all have ended."""
        before, began = self._counts(), time.perf_counter()
        for count in range(JOBS):
            asked = self._asked[count % len(self._asked)]
            status, said = asked.ask("POST", "/v2/models/told/predict", {}, Prefer="respond-async")
            if status != 202:
                raise RuntimeError(f"a job was not taken: {status}: {said}")
        submitted, most = time.perf_counter() - began, self._connections()
        _until(lambda: self._ended() >= JOBS)
        after, seconds = self._counts(), time.perf_counter() - began
        commits, database, _ = (b - a for a, b in zip(before, after, strict=True))
        return {
            f"{JOBS} small jobs": f"{JOBS / seconds:.0f}/s, submitted at {JOBS / submitted:.0f}/s",
            "connections then": str(max(most, self._connections())),
            "transactions, a job": f"{commits / JOBS:.1f}",
            "PostgreSQL's processor, a job": f"{database / JOBS * 1000:.1f} ms",
        }

    def _ended(self) -> int:
        ended = "SELECT count(*) FROM jobs WHERE state = 'succeeded' AND kind = 'predict'"
        return self._postgres.number(ended, self._url)

    def _connections(self) -> int:
        name = self._url.rpartition("/")[2]
        return self._postgres.sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")

    def _counts(self) -> tuple[float, float, float]:
        """Transactions, and seconds of the processor: PostgreSQL's, and the servers'."""
        name = self._url.rpartition("/")[2]
        done = self._postgres.sql(
            f"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'"
        )
        main = self._postgres.main_process()
        return float(done), _seconds([main, *main.children()]), _seconds(map(psutil.Process, self._pids))


def _seconds(processes: Any) -> float:
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _number(server: Asked) -> Any:
    said = server.ask("POST", "/v2/models/told/predict/", {})[1]
    return said["predictions"] if isinstance(said, dict) and "predictions" in said else said


def _until(holds: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("it does not come to be")
        time.sleep(0.001)
