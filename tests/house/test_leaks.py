"""Opening and closing an engine again and again leaves nothing behind in the process that did it."""

from __future__ import annotations

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from modelport.engine.local.engine import LocalEngine
from modelport.settings import Settings
from modelport.sources.source import parse_source

MODEL = "def predict(**arguments):\n    return 'fine'\n"


async def open_and_close(settings: Settings) -> None:
    engine = LocalEngine([parse_source(source) for source in settings.sources], settings)
    await engine.start()
    try:
        await engine.settled()
        assert engine.ready(), [pool.error for pool in engine.pools.values()]
    finally:
        await engine.stop()


def held(spool: Path) -> dict[str, Any]:
    """What this process holds: open files, threads, workers, files in the spool."""
    gc.collect()
    process = psutil.Process()
    return {
        "files": process.num_fds(),
        "threads": sorted(thread.name for thread in threading.enumerate() if "asyncio_" not in thread.name),
        "workers": [child.pid for child in process.children() if "modelport.worker" in child.cmdline()],
        "spool": [path.name for path in spool.iterdir()],
    }


@pytest.mark.parametrize(("workers", "cycles"), [(0, 40), (2, 8)], ids=["in a thread", "in processes"])
def test_an_engine_leaks_nothing(workers: int, cycles: int, tmp_path: Path) -> None:
    source = tmp_path / "fine.py"
    source.write_text(MODEL)
    spool = tmp_path / "spool"
    settings = Settings(sources=[str(source)], workers=workers, spool_dir=str(spool), warm=False)

    async def before_and_after() -> tuple[dict[str, Any], dict[str, Any]]:
        await open_and_close(settings)
        before = held(spool)
        for _ in range(cycles):
            await open_and_close(settings)
        return before, held(spool)

    before, after = asyncio.run(before_and_after())
    # The memory that a worker shared with us is unmapped a moment after its end; a leak grows by the cycle.
    assert after.pop("files") - before.pop("files") < cycles
    assert after == before
    assert before["workers"] == before["spool"] == []
