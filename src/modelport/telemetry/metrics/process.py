"""What is told of the process of the server: memory, files, Python, how late its event loop is."""

from __future__ import annotations

import asyncio
import contextlib
import platform
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import modelport
from modelport.histogram import Histogram
from modelport.telemetry.metrics import families as of
from modelport.telemetry.metrics.scrapes import Metrics
from modelport.telemetry.metrics.slow import SlowReading
from modelport.telemetry.metrics.text import Page

if TYPE_CHECKING:
    from prometheus_client import Metric

LOOK_SECONDS = 0.5
READ_SECONDS = 1.0
CGROUPS = Path("/sys/fs/cgroup")


def watch_process(metrics: Metrics) -> None:
    """Have the process of the server shown."""
    process = SlowReading("process", READ_SECONDS, _of_process)
    oom = SlowReading("oom", READ_SECONDS, lambda: asyncio.to_thread(_oom_kills))
    lag = Histogram(of.LAG_BOUNDS)

    def show(page: Page) -> None:
        page.add(of.BUILD, (modelport.__version__, platform.python_version()), 1)
        page.histogram(of.LAG, (), lag)
        if oom.value is not None:
            page.add(of.OOM_KILLS, (), oom.value)
        page.foreign(process.value or ())

    metrics.slow += [process, oom]
    metrics.sources.append(show)
    metrics.own(lambda: _measure_lag(lag))


async def _measure_lag(lag: Histogram) -> None:
    while True:
        due = monotonic() + LOOK_SECONDS  # that of the loop stands still while a callback runs
        await asyncio.sleep(LOOK_SECONDS)
        lag.observe(max(0.0, monotonic() - due))


async def _of_process() -> list[Metric]:
    return await asyncio.to_thread(collected)


def collected() -> list[Metric]:
    """`process_*` and `python_*`, as prometheus-client collects them, in a registry that nobody shares."""
    from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return list(registry.collect())


def _oom_kills() -> int | None:
    """How many processes of our control group the kernel has killed for want of memory (cgroup v2).

    `None` where that cannot be known.
    """
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            number, _, path = line.split(":", 2)
            if number == "0":
                events = (CGROUPS / path.lstrip("/") / "memory.events").read_text().splitlines()
                return next(
                    (int(event.split()[1]) for event in events if event.startswith("oom_kill ")), None
                )
    return None
