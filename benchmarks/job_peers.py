"""Small predictions as jobs, end to end, and the same by Celery, where it and Redis are installed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks import servers
from benchmarks.measures import BODY, CONNECTIONS, Row

SMALL = str(servers.MODELS / "small_typed.py")
JOBS = 3000
PRODUCERS = (1, 4, 1)  # threads that send tasks, in each round; the best of the rounds counts, for both


def end_to_end(seconds: float) -> list[Row]:
    """Prediction jobs that two workers accept, run and store a second, each synced, against Celery's."""
    ours, peer = 0.0, 0.0
    for producers in PRODUCERS:
        ours = max(ours, _ours(seconds))
        peer = max(peer, _celery(JOBS, producers))
    said = f"{ours:,.0f}/s accepted, run and stored"
    what = "prediction jobs, two job workers, SQLite"
    if not peer:
        return [Row(what, said, "", None)]
    ratio = ours / peer
    words = f"{said} = {ratio:.2f} of Celery with Redis (appendfsync always), two workers: {peer:,.0f}/s"
    return [Row(what, words, ">= 1", ratio >= 1)]


def _ours(seconds: float) -> float:
    raw = servers.request("/v2/models/small_typed/predict", BODY, "Prefer: respond-async\r\n")
    options = ("--job-workers", "2", "--max-queued-jobs", "0", "--max-queued-jobs-in-all", "0")
    with servers.modelport(SMALL, *options, pinned=False) as (port, _):
        servers.load(port, raw, CONNECTIONS, 0.5)  # the workers are there
        _wait_for_all(port)
        rate = servers.load(port, raw, CONNECTIONS, seconds)
        began = time.perf_counter()
        _wait_for_all(port)
        left = time.perf_counter() - began
        if _jobs(port, "failed"):
            raise RuntimeError("a job has failed")
    return rate * seconds / (seconds + left)


def _wait_for_all(port: int) -> None:
    while _jobs(port, "queued") or _jobs(port, "running"):
        time.sleep(0.01)


def _jobs(port: int, state: str) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/jobs?state={state}&limit=1") as answer:
        return bool(json.load(answer)["jobs"])


def _celery(tasks: int, producers: int) -> float:
    """Tasks a second; 0 where there is no Celery (on the PATH, or in CELERY_BIN) or no Redis."""
    found = shutil.which("celery", path=os.environ.get("CELERY_BIN")) or shutil.which("celery")
    redis = shutil.which("redis-server")
    if found is None or redis is None:
        return 0.0
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder, contextlib.ExitStack() as stack:
        port = servers.free_port()
        stack.enter_context(_running([redis, *_redis_options(port, folder)]))
        variables = {"BENCH_REDIS": f"redis://127.0.0.1:{port}/0", "PYTHONPATH": str(servers.MODELS)}
        options = ["--pool", "prefork", "--concurrency", "2", "--loglevel", "ERROR"]
        worker = [found, "--app", "celery_app", "worker", *options, "--without-gossip", "--without-mingle"]
        stack.enter_context(_running(worker, variables))
        producer = [str(Path(found).parent / "python"), str(servers.MODELS / "celery_app.py")]
        done = subprocess.run(
            [*producer, str(tasks), str(producers)],
            capture_output=True,
            check=True,
            env=os.environ | variables,
        )
    return float(done.stdout)


def _redis_options(port: int, folder: str) -> list[str]:
    durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    return ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, *durable]


@contextlib.contextmanager
def _running(command: list[str], variables: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=null, stderr=null)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
