"""What is measured of runs and versions."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks import servers
from benchmarks.measures import Row
from benchmarks.steady import SteadyLoad, percentile

MANY = 10_000
SMALL = str(servers.MODELS / "small_typed.py")
SWAPPED = str(servers.MODELS / "swapped.py")
PER_SECOND = 200
BETWEEN_SECONDS = 5.0
VERSIONS = (1, 2, 3)
SWAPS_OF_EACH = 3


def listing() -> list[Row]:
    """The best ten of 10,000 runs, by any of their numbers."""
    with tempfile.TemporaryDirectory(prefix="modelport-bench-") as folder:
        asyncio.run(_fill(Path(folder)))
        with servers.modelport(SMALL, data_dir=folder) as (port, _):
            slowest = 0.0
            for query in ("?top=10&order_by=f1:max", "?top=10&order_by=loss:min", "?top=10", "?top=50"):
                url = f"http://127.0.0.1:{port}/runs{query}"
                times = sorted(_seconds(url) for _ in range(21))
                slowest = max(slowest, times[len(times) // 2])
    said = f"{slowest * 1000:.1f} ms (median of the slowest order)"
    return [Row("/runs among 10,000 runs", said, "< 30 ms", slowest < 0.03)]


async def _fill(folder: Path) -> None:
    from modelport.runs.records import NewRun
    from modelport.serving.life import Life
    from modelport.settings import Settings

    settings = Settings(data_dir=str(folder), job_workers=0)
    life = Life([], settings)
    await life.start()
    for start in range(0, MANY, 1000):
        await life.runs.store.add([NewRun(**_run(n)) for n in range(start, start + 1000)])
    await life.end()


def _run(number: int) -> dict[str, Any]:
    f1 = (number * 7919 % MANY) / MANY
    classes = {f"class-{c}": {"precision": f1, "recall": f1, "f1": f1 * 0.9} for c in range(10)}
    return {
        "id": f"{number:032x}",
        "model": "small_typed",
        "started_at": number * 60.0,
        "finished_at": number * 60.0 + 30.0,
        "params": {"learning_rate": 0.1, "epochs": number % 50, "seed": number},
        "metrics": {"loss": 1 - f1},
        "performance": {"overall": {"f1": f1, "num_samples": 100}, "class": classes},
    }


def _seconds(url: str) -> float:
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=10) as answer:
        answer.read()
    return time.perf_counter() - began


def cached_version(seconds: float) -> list[Row]:
    """Predictions of a version that is loaded, against those of what is live."""
    with servers.modelport(SWAPPED) as (port, _):
        _train(port, 1)
        body = {"row": [1.0, 2.0, 3.0, 4.0]}
        live = servers.request("/v2/models/swapped/predict/", body)
        version = servers.request("/v2/models/swapped/versions/1/predict/", body)
        servers.load(port, version, 1, 0.5)  # loads it
        base = servers.load(port, live, 1, seconds)
        cached = servers.load(port, version, 1, seconds)
    more = (1 / cached - 1 / base) * 1000
    said = f"{more:.2f} ms more than {1000 / base:.2f} ms"
    return [Row("a prediction by a version that is loaded, one client", said, "< 1 ms", more < 1)]


def swap() -> list[Row]:
    """Versions becoming live under a steady load, each loaded anew: one other version is kept at a time."""
    with servers.modelport(SWAPPED, "--loaded-versions", "1", pinned=False) as (port, _):
        for number in VERSIONS:
            _train(port, number)
        return asyncio.run(_swap(port))


async def _swap(port: int) -> list[Row]:
    """All swaps are taken as one: the p99 of the 500 requests of one says but how the machine stumbled."""
    raw = servers.request("/v2/models/swapped/predict/", {"row": [1.0, 2.0, 3.0, 4.0]})
    load = SteadyLoad(port, raw, PER_SECOND)
    running = asyncio.create_task(load.run())
    await asyncio.sleep(BETWEEN_SECONDS)
    moves: list[tuple[float, float, int]] = []
    for version in VERSIONS * SWAPS_OF_EACH:
        began = time.perf_counter()
        await asyncio.to_thread(_promote, port, version)
        moves.append((began, time.perf_counter(), version))
        await asyncio.sleep(BETWEEN_SECONDS)
    load.stop()
    await running
    during: list[float] = []
    between: list[float] = []
    for answer in load.answers:
        swapping = any(began <= answer.due <= ended for began, ended, _ in moves)
        (during if swapping else between).append(answer.at - answer.due)
    during_p99, between_p99 = percentile(during, 0.99), percentile(between, 0.99)
    failed = sum(answer.status != 200 for answer in load.answers)
    wrong = sum(not _was_live(json.loads(a.body)["number"], a.due, a.at, moves) for a in load.answers)
    said = (
        f"{len(moves)} swaps, {failed} of {len(load.answers):,} failed, {wrong} by a version not live; p99 "
        f"{during_p99 / between_p99:.1f} times that between them ({during_p99 * 1000:.1f} ms)"
    )
    met = not failed and not wrong and during_p99 <= 2 * between_p99
    return [Row("swaps at 200 requests a second", said, "none, none, <= 2", met)]


def _was_live(number: int, due: float, at: float, moves: list[tuple[float, float, int]]) -> bool:
    """True if the version may have been live at some time while the request was under way."""
    until = [ended for _, ended, _ in moves] + [float("inf")]
    spans = [(0, 0.0, until[0])]  # of each version that was live: from when, until when
    spans += [(version, began, end) for (began, _, version), end in zip(moves, until[1:], strict=True)]
    return any(version == number and at >= first and due <= last for version, first, last in spans)


def _train(port: int, number: int) -> None:
    answer = _send(port, "POST", f"/v2/models/swapped/train/?number={number}", None)
    while _send(port, "GET", f"/v2/jobs/{answer['uuid']}", None)["state"] in ("queued", "running"):
        time.sleep(0.05)


def _promote(port: int, version: int) -> None:
    done = _send(port, "PUT", "/v2/models/swapped/aliases/live", {"version": version})
    if not done["changed"]:
        raise RuntimeError(f"version {version} is not live: {done}")


def _send(port: int, method: str, path: str, body: object) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method)
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)
