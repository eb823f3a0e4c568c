"""Small predictions through a worker that Ray has placed, beside the local engine, and Ray Serve."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers
from benchmarks.measures import BODY, CONNECTIONS, Row

SMALL = str(servers.MODELS / "small_typed.py")
PREDICT = "/v2/models/small_typed/predict"
ROUNDS = 5
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}


def predictions(seconds: float) -> list[Row]:
    """Each by a worker on the first core, which it shares with the server and with all of Ray."""
    if shutil.which("ray", path=_beside()) is None:
        return []
    request = servers.request(PREDICT, BODY)
    local, placed = 0.0, 0.0
    with (
        cluster() as address,
        servers.modelport(SMALL) as (one, _),
        servers.modelport(SMALL, "--engine", "ray", "--ray-address", address) as (other, _),
    ):
        for _ in range(ROUNDS):
            local = max(local, servers.load(one, request, CONNECTIONS, seconds / ROUNDS))
            placed = max(placed, servers.load(other, request, CONNECTIONS, seconds / ROUNDS))
    said = f"{placed:,.0f}/s = {placed / local:.2f} of a local worker, {local:,.0f}/s"
    rows = [Row("small predictions through a worker on Ray", said, ">= 0.5", placed / local >= 0.5)]
    python = os.environ.get("RAY_SERVE_PYTHON")  # of an environment with ray[serve]
    if python is not None:
        with ray_serve(python) as port:
            peer = servers.load(port, servers.request("/", BODY), CONNECTIONS, seconds)
        said = f"{peer:,.0f}/s; modelport {placed / peer:.0f} times as many"
        rows.append(Row("Ray Serve, the same model", said, ">= 5", placed / peer >= 5))
    return rows


def _beside() -> str:
    return str(Path(sys.executable).parent)


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """A node of Ray on the first core; yields the address of its head."""
    port = servers.free_port()
    ray = str(shutil.which("ray", path=_beside()))
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        command = [ray, "start", "--head", "--block", "--port", str(port), "--num-cpus", "4"]
        command += ["--include-dashboard", "false", "--temp-dir", folder, "--node-ip-address", "127.0.0.1"]
        process = subprocess.Popen(
            command,
            env=os.environ | QUIET,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, servers.SERVER_CORE),
        )
        try:
            yield f"127.0.0.1:{port}"  # the server looks for it until it is there
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def ray_serve(python: str) -> Iterator[int]:
    """Ray Serve with one replica of the same model, on every core; yields its port."""
    port = servers.free_port()
    command = [python, str(servers.MODELS / "small_ray_serve.py"), str(port)]
    with servers.running(command, port, "/there", QUIET, pinned=False):
        yield port
