"""What a server and its workers take of the memory, and how soon a model that gave its own back answers."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from benchmarks import servers
from benchmarks.measures import BODY, Row

SERVER_MB, WORKER_MB = 75, 35
WAKE_SECONDS = 0.4
PREDICT = "/v2/models/small_typed/predict"
TIMES = 7


def resident() -> list[Row]:
    """The server and one worker of a trivial typed model, when they have answered for a while."""
    with servers.modelport(str(servers.MODELS / "small_typed.py")) as (port, pid):
        servers.load(port, servers.request(PREDICT, BODY), 32, 1.0)
        process = psutil.Process(pid)
        [worker] = process.children()
        of_server, of_worker = (one.memory_info().rss / (1 << 20) for one in (process, worker))
    return [
        Row(
            "memory: the server, with one trivial typed model",
            f"{of_server:.1f} MB resident",
            f"<= {SERVER_MB} MB",
            of_server <= SERVER_MB,
        ),
        Row(
            "memory: its worker", f"{of_worker:.1f} MB resident", f"<= {WORKER_MB} MB", of_worker <= WORKER_MB
        ),
    ]


def waking() -> list[Row]:
    """From a call for an idle model to its answer, without what loading the model takes by itself."""
    model = servers.MODELS / "small_typed.py"
    with servers.modelport(str(model), "--idle-unload", "0.5s", pinned=False) as (port, _):
        whole = statistics.median(_woken(port) for _ in range(TIMES))
    load = statistics.median(_load_seconds(model) for _ in range(TIMES))
    besides = whole - load
    said = f"{besides:.2f} s ({whole:.2f} s, of which loading it is {load:.2f} s)"
    return [
        Row(
            "idle-unloaded model to first answer, besides its load",
            said,
            f"<= {WAKE_SECONDS} s",
            besides <= WAKE_SECONDS,
        )
    ]


def _woken(port: int) -> float:
    """Seconds that a prediction takes for which the model has to be loaded."""
    deadline = time.monotonic() + 30.0
    while _state(port) != "idle":
        if time.monotonic() > deadline:
            raise RuntimeError("the model did not go idle in 30 s")
        time.sleep(0.02)
    began = time.perf_counter()
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}{PREDICT}",
        data=json.dumps(BODY).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        answer.read()
    return time.perf_counter() - began


def _state(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/ready") as answer:
        return json.load(answer)["models"]["small_typed"]["state"]


def _load_seconds(model: Path) -> float:
    """Seconds that loading the model takes in a worker that is there already."""
    code = (
        "import sys,time;from modelport.worker.main import load_once\n"
        "from modelport.sources.source import parse_source\n"
        "s=parse_source(sys.argv[1]);b=time.perf_counter();load_once(s);print(time.perf_counter()-b)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, str(model)],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(servers.ROOT / "src")},
    )
    return float(done.stdout)
