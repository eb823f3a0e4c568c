"""What is measured, each as a ratio or a bound that stands in the README."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import servers

BODY = {"values": [1.5, 2.5, 3.5, 4.5], "threshold": 10.0}
CONNECTIONS = 32
FOREST = servers.MODELS / "forest.py"
BATCH = 64
JSON = "application/json"


@dataclass
class Row:
    """One line of the table. `met` is None where nothing was promised."""

    what: str
    found: str
    wanted: str
    met: bool | None


def throughput(seconds: float) -> list[Row]:
    """Small predictions a second, through a worker process, against a bare ASGI application."""
    with servers.asgi("bare_asgi:app") as port:
        bare = servers.load(port, servers.request("/", BODY), CONNECTIONS, seconds)
    rows = [Row("bare ASGI on uvicorn, msgspec, no worker", f"{bare:,.0f}/s", "", None)]
    rates: dict[str, float] = {}
    for name, wanted in (("small_typed", 0.85), ("small_webargs", 0.6)):
        with servers.modelport(str(servers.MODELS / f"{name}.py")) as (port, _):
            raw = servers.request(f"/v2/models/{name}/predict", BODY)
            rates[name] = servers.load(port, raw, CONNECTIONS, seconds)
        ratio = rates[name] / bare
        contract = "typed" if name == "small_typed" else "DEEPaaS (webargs)"
        rows.append(
            Row(
                f"modelport, {contract} contract",
                f"{rates[name]:,.0f}/s = {ratio:.2f} of bare",
                f">= {wanted}",
                ratio >= wanted,
            )
        )
    if servers.find_deepaas() is not None:
        with tempfile.TemporaryDirectory() as folder, servers.deepaas(Path(folder)) as port:
            raw = servers.request("/v2/models/small_webargs/predict/", BODY)
            peer = servers.load(port, raw, CONNECTIONS, seconds)
        same, typed = rates["small_webargs"] / peer, rates["small_typed"] / peer
        measured = (
            f"{peer:,.0f}/s; modelport {typed:.0f} times as fast typed, {same:.0f} with that very model"
        )
        rows.append(Row("DEEPaaS 2.6, the same work", measured, ">= 20", typed >= 20))
    return rows


def batching(seconds: float) -> list[Row]:
    """How busy 128 clients keep a forest that takes as long for one row as for 64.

    The worker has the first core for itself, since it is the forest's time that counts.
    """
    pixels = [float(i % 16) for i in range(64)]
    one_call = _seconds_of_batch(pixels)
    with servers.modelport(str(FOREST), pinned=False) as (port, pid):
        server = psutil.Process(pid)
        (worker,) = (child for child in server.children() if "modelport.worker" in child.cmdline())
        server.cpu_affinity(list(servers.CLIENT_CORE))
        worker.cpu_affinity(list(servers.SERVER_CORE))
        raw = servers.request("/v2/models/forest/predict", {"pixels": pixels})
        rate = max(servers.load(port, raw, 2 * BATCH, seconds / 5) for _ in range(5))
    ratio = rate * one_call / BATCH
    said = f"{rate:,.0f}/s = {ratio:.2f} of 64 / {one_call * 1000:.1f} ms"
    return [Row("batching: forest of 100 trees, 128 clients", said, ">= 0.85", ratio >= 0.85)]


def _seconds_of_batch(pixels: list[float]) -> float:
    """How long the forest takes for a batch, loaded as a worker loads it.

    In seconds of a processor, which hardly depend on who else has it meanwhile.
    """
    code = (
        "import statistics, sys, time\n"
        "from modelport.sources.load import load_model\n"
        "from modelport.sources.source import parse_source\n"
        "model = load_model(parse_source(sys.argv[1]))\n"
        "model.warm()\n"
        f"calls = [{{'pixels': {pixels}}}] * {BATCH}\n"
        "seconds = []\n"
        "for _ in range(100):\n"
        "    began = time.process_time()\n"
        "    model.call_batch(calls)\n"
        "    seconds.append(time.process_time() - began)\n"
        "print(statistics.median(seconds))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(FOREST)],
        capture_output=True,
        check=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(servers.ROOT / "src")},
        preexec_fn=lambda: os.sched_setaffinity(0, servers.SERVER_CORE),
    )
    return float(done.stdout)


def upload() -> list[Row]:
    """How much the server's memory grows by a 100 MB upload."""
    size = 100 * 1024 * 1024
    with servers.modelport(str(servers.MODELS / "takes_file.py")) as (port, pid):
        process = psutil.Process(pid)
        _upload(port, 1024)
        before = process.memory_info().rss
        peak = before
        done = False
        import threading

        def watch() -> None:
            nonlocal peak
            while not done:
                peak = max(peak, process.memory_info().rss)
                time.sleep(0.002)

        watcher = threading.Thread(target=watch)
        watcher.start()
        began = time.perf_counter()
        _upload(port, size)
        took = time.perf_counter() - began
        done = True
        watcher.join()
    grown = (peak - before) / 1e6
    said = f"{grown:.1f} MB more memory, {took:.2f} s"
    return [Row("a 100 MB upload", said, "< 20 MB", grown < 20)]


def _upload(port: int, size: int) -> None:
    boundary = "----bench"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="data"; filename="big.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    with tempfile.TemporaryFile() as file:
        file.write(head)
        file.truncate(len(head) + size)
        file.seek(0, 2)
        file.write(tail)
        file.seek(0)
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/v2/models/takes_file/predict",
            data=file,
            headers={
                "Content-Type": f"multipart/form-data; boundary={boundary}",
                "Content-Length": str(len(head) + size + len(tail)),
            },
        )
        with urllib.request.urlopen(asked) as answer:
            assert answer.read() == str(size).encode()


def idle_connections(seconds: float) -> list[Row]:
    """What 1,000 idle connections cost the hot path."""
    import socket

    many = ("--max-connections", "2000", "--max-connections-per-address", "2000")
    with servers.modelport(str(servers.MODELS / "small_typed.py"), *many) as (port, _):
        raw = servers.request("/v2/models/small_typed/predict", BODY)
        servers.load(port, raw, CONNECTIONS, 1.0)
        alone: list[float] = []
        crowded: list[float] = []
        for _ in range(3):
            alone.append(servers.load(port, raw, CONNECTIONS, seconds))
            idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(1000)]
            for sock in idle:
                sock.sendall(raw)
            for sock in idle:
                sock.recv(4096)
            crowded.append(servers.load(port, raw, CONNECTIONS, seconds))
            for sock in idle:
                sock.close()
    lost = 1 - max(crowded) / max(alone)
    return [Row("1,000 idle connections", f"{lost * 100:.1f} % fewer predictions", "< 10 %", lost < 0.10)]


def start_up() -> list[Row]:
    """How long the first signs of life take."""
    environment = {**os.environ, "PYTHONPATH": str(servers.ROOT / "src")}

    def best(command: list[str]) -> float:
        times: list[float] = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - began)
        return min(times) * 1000

    nothing = best([sys.executable, "-c", "pass"])
    imported = best([sys.executable, "-c", "import modelport"]) - nothing
    helped = best([sys.executable, "-m", "modelport", "--help"])
    began = time.perf_counter()
    with servers.modelport(str(servers.MODELS / "slow_start.py"), ready="/v2/health/live"):
        alive = time.perf_counter() - began
    scaled_up = min(_seconds_to_first_answer() for _ in range(5))
    return [
        Row("import modelport", f"{imported:.0f} ms", "< 100 ms", imported < 100),
        Row("modelport --help", f"{helped:.0f} ms", "< 300 ms", helped < 300),
        Row("health answers while a slow model loads", f"after {alive:.2f} s", "< 1.5 s", alive < 1.5),
        Row(
            "start to the first prediction, on all cores, its model loaded at once",
            f"{scaled_up:.2f} s",
            "< 1 s",
            scaled_up < 1.0,
        ),
    ]


def _seconds_to_first_answer() -> float:
    """From the command until the first prediction, as what scales from zero waits for it."""
    body = json.dumps(BODY).encode()
    began = time.perf_counter()
    with servers.modelport(str(servers.MODELS / "small_typed.py"), pinned=False) as (port, _):
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}/v2/models/small_typed/predict", body, {"Content-Type": JSON}
        )
        with urllib.request.urlopen(asked, timeout=30):
            return time.perf_counter() - began
