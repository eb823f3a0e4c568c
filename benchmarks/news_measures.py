"""How soon a server knows what was changed by another one of its database.

Both look by themselves once a minute only, so that what they know sooner they were told. Each change is
asked of one of them, and counts from its answer until the other one acts by it; 0, if it did before.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks import servers
from benchmarks.measures import Row

TIMES = 50
MODEL = str(servers.MODELS / "told.py")
WANTED = 0.2
PATIENCE = 30.0
ASK_SECONDS = 0.002  # between two questions


class Asked:
    """One of the servers, asked over a connection that stays."""

    def __init__(self, port: int, key: str, address: str = "127.0.0.1"):
        come_from = (address, 0)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, PATIENCE, source_address=come_from)
        self.port = port
        self._key = key

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """The status of an answer, and what it says."""
        headers |= {"X-API-Key": self._key} if self._key else {}
        headers["Content-Type"] = "application/json"
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        data = answer.read()
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.status, json.loads(data) if is_json and data else data.decode()


def seen() -> list[Row]:
    """Promotions, revocations and cancellations, 50 of each, from one server to the other."""
    sys.path.append(str(servers.ROOT / "tests"))
    from postgres_server import Postgres, programs

    found = programs()
    if found is None:
        return [Row("what another server has changed is seen", "no PostgreSQL here", "", None)]
    postgres = Postgres(found)
    try:
        postgres.make()
        url = postgres.new_database()
        made = [sys.executable, "-m", "modelport", "keys", "create", "--name", "all", "--scopes", "admin"]
        done = subprocess.run([*made, "--database-url", url], capture_output=True, text=True, check=True)
        options = (MODEL, "--auth", "on", "--database-url", url, "--poll-seconds", "60")
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="modelport-bench-"))
            shared = {"data_dir": folder, "pinned": False}
            ports = [
                stack.enter_context(servers.modelport(*options, "--job-workers", workers, **shared))[0]
                for workers in ("0", "1")
            ]
            one, other = (Asked(port, done.stdout.strip()) for port in ports)
            return [
                _row("a promotion", _promotions(one, other)),
                _row("the revocation of a key", _revocations(one, other)),
                _row("the cancellation of a job that runs", _cancellations(one, other)),
            ]
    finally:
        postgres.remove()


def _row(what: str, times: list[float]) -> Row:
    median, most = statistics.median(times), max(times)
    said = f"{median * 1000:.0f} ms (median of {len(times)}), {most * 1000:.0f} ms at most"
    return Row(f"{what}, seen by another server", said, "< 200 ms", most < WANTED)


def _until(holds: Callable[[], bool]) -> float:
    """The seconds until it holds."""
    began = time.perf_counter()
    while not holds():
        if time.perf_counter() - began > PATIENCE:
            raise RuntimeError("the other server does not see it")
        time.sleep(ASK_SECONDS)
    return time.perf_counter() - began


def _promotions(one: Asked, other: Asked) -> list[float]:
    for number in (1, 2):
        _, job = one.ask("POST", f"/v2/models/told/train/?number={number}")
        _until(lambda job=job: one.ask("GET", f"/v2/jobs/{job['uuid']}")[1]["state"] == "succeeded")
        for server in (one, other):  # each has both loaded, as after the first time
            server.ask("POST", f"/v2/models/told/versions/{number}/predict/", {})
    times: list[float] = []
    for count in range(TIMES):
        version = 1 + count % 2
        status, said = one.ask("PUT", "/v2/models/told/aliases/live", {"version": version})
        if status != 200:
            raise RuntimeError(f"version {version} is not live: {said}")
        times.append(_until(lambda version=version: _number(other) == version))
    return times


def _number(server: Asked) -> Any:
    said = server.ask("POST", "/v2/models/told/predict/", {})[1]
    return said["predictions"] if isinstance(said, dict) and "predictions" in said else said


def _revocations(one: Asked, other: Asked) -> list[float]:
    times: list[float] = []
    for count in range(TIMES):
        _, made = one.ask("POST", "/v2/keys", {"name": f"key-{count}", "scopes": ["predict"]})
        # From another address each: one that comes with wrong keys again and again is made to wait.
        owner = Asked(other.port, made["key"], f"127.0.1.{count + 1}")

        def status(owner: Asked = owner) -> int:
            return owner.ask("POST", "/v2/models/told/predict/", {})[0]

        _until(lambda status=status: status() == 200)
        one.ask("DELETE", f"/v2/keys/{made['about']['id']}")
        times.append(_until(lambda status=status: status() == 401))
    return times


def _cancellations(one: Asked, other: Asked) -> list[float]:
    times: list[float] = []
    for _ in range(TIMES):
        path = f"/v2/jobs/{one.ask('POST', '/v2/models/told/train/')[1]['uuid']}"
        _until(lambda path=path: "waits" in other.ask("GET", f"{path}/log")[1])
        one.ask("DELETE", path)
        answered = time.time()
        _until(lambda path=path: "cancelled at" in other.ask("GET", f"{path}/log")[1])
        said = other.ask("GET", f"{path}/log")[1]
        times.append(max(float(said.partition("cancelled at")[2].split()[0]) - answered, 0.0))
    return times
