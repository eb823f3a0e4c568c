"""Models that nobody asks, which give their memory back and are loaded by the next call."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from engines import Running, run, running, until

from modelport.engine.ports import PoolState, Refused

SOON = "0.3s"


async def idle(site: Running) -> None:
    """Wait until the model has no process any more."""
    pids = [worker.pid for worker in site.pool.workers]
    await until(lambda: site.pool.state is PoolState.IDLE)
    await until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a `Fickle` model reads while it is loaded."""
    monkeypatch.setenv("FICKLE", str(tmp_path / "fickle"))
    return tmp_path / "fickle"


def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_a_model_that_nobody_asks_has_no_process_and_answers_the_next_call(
    file: Path, tmp_path: Path
) -> None:
    async def test() -> None:
        async with running("Fickle", spool(tmp_path), idle_unload=SOON, workers=2) as site:
            first = await site.submit().prediction()
            signature = site.pool.signature
            await idle(site)
            assert site.engine.ready()
            assert site.pool.signature is signature
            assert await site.submit().prediction() != first
            await until(lambda: site.pool.workers_ready == 2)  # the second follows the first
            await idle(site)
            await site.submit().prediction()

    run(test)


def test_a_call_that_takes_longer_than_the_idle_time_keeps_its_worker(file: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Fickle", spool(tmp_path), idle_unload=SOON) as site:
            [worker] = site.pool.workers
            call = site.submit(port=site.port)
            gate = await site.arrival()
            await asyncio.sleep(1.0)
            gate.close()
            assert await call.prediction() == worker.pid

    run(test)


def test_a_request_that_is_on_its_way_keeps_the_workers(file: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Fickle", spool(tmp_path), idle_unload=SOON) as site:
            [worker] = site.pool.workers
            with site.pool.held():
                await asyncio.sleep(1.0)
                assert await site.submit().prediction() == worker.pid

    run(test)


def test_a_model_that_cannot_be_loaded_again_is_refused_and_tried_again(file: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Fickle", spool(tmp_path), idle_unload=SOON) as site:
            await idle(site)
            file.write_text("broken")
            answer = await site.submit().answer()
            assert answer.status == 503
            assert site.pool.state is PoolState.FAILED
            assert "broken" in site.pool.error
            assert not site.engine.ready()
            with pytest.raises(Refused, match="could not be loaded") as refused:
                site.submit()
            assert refused.value.retry_after == 1
            file.unlink()

            async def asked() -> int:
                while True:
                    try:
                        return await site.submit().prediction()
                    except Refused:
                        await asyncio.sleep(0.02)

            assert await asked()
            assert site.engine.ready()

    run(test)


def test_calls_outlive_a_worker_that_is_killed_while_it_loads_again(file: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Fickle", spool(tmp_path), idle_unload=SOON) as site:
            await idle(site)
            file.write_text(str(site.port))
            calls = [site.submit() for _ in range(3)]
            await site.arrival()
            file.unlink()
            [worker] = site.pool.workers
            os.kill(worker.pid, signal.SIGKILL)
            assert [(await call.answer()).status for call in calls] == [200] * 3

    run(test)


def test_an_idle_model_that_is_asked_too_late_answers_as_late_as_any(file: Path, tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Fickle", spool(tmp_path), idle_unload=SOON, timeout=1.0) as site:
            await idle(site)
            file.write_text(str(site.port))
            call = site.submit()
            gate = await site.arrival()
            assert (await call.answer()).status == 504
            gate.close()
            await until(lambda: site.pool.state is PoolState.READY)

    run(test)
