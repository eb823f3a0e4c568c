"""Tensors by gRPC: a picture through a worker, against a bare server that has its model within."""

from __future__ import annotations

import subprocess
import sys

import psutil

from benchmarks import grpc_load, servers
from benchmarks.measures import Row

MODEL = servers.MODELS / "image_shape.py"
AT_ONCE = 8
ROUNDS = 3
WANTED = 0.7


def tensors(seconds: float) -> list[Row]:
    """FP32 1x3x224x224, raw; the server with its worker has the first core, the client the second."""
    grpc_port = servers.free_port()
    command = [sys.executable, str(servers.MODELS / "bare_grpc.py"), str(grpc_port)]
    bare_process = subprocess.Popen(command, cwd=servers.ROOT)
    psutil.Process(bare_process.pid).cpu_affinity(list(servers.SERVER_CORE))
    try:
        bare, bare_cost = _rate(grpc_port, bare_process.pid, seconds)
    finally:
        bare_process.terminate()
        bare_process.wait(10)
    own_port = servers.free_port()
    with servers.modelport(str(MODEL), "--grpc-port", str(own_port)) as (_, pid):
        own, own_cost = _rate(own_port, pid, seconds)
    ratio = own / bare
    found = (
        f"{own:,.0f}/s = {ratio:.2f} of a bare server of gRPC with the model in its process; processor: "
        f"{own_cost:.0f} µs with the worker's, {bare_cost:.0f} µs bare"
    )
    return [Row("a tensor of 1x3x224x224 by gRPC, through a worker", found, f">= {WANTED}", ratio >= WANTED)]


def _rate(port: int, pid: int, seconds: float) -> tuple[float, float]:
    """The best of some rounds, and what an answer has cost, in microseconds of the server and its workers."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    best = cost = 0.0
    for _ in range(ROUNDS):
        before = sum(sum(one.cpu_times()[:2]) for one in processes)
        command = [sys.executable, "-m", grpc_load.__name__, str(port), str(AT_ONCE), str(seconds / ROUNDS)]
        done = subprocess.run(command, cwd=servers.ROOT, capture_output=True, text=True, check=True)
        rate = float(done.stdout)
        spent = sum(sum(one.cpu_times()[:2]) for one in processes) - before
        if rate > best:
            best, cost = rate, spent / (rate * seconds / ROUNDS) * 1e6
    return best, cost
