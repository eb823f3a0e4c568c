"""Which call runs where and when: order, queue, deadlines, cancellation, with real workers."""

from __future__ import annotations

from pathlib import Path

import pytest
from engines import run, running

from modelport.engine.ports import Refused


def test_calls_run_in_the_order_they_came(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path) as site:
            held = site.held("first")
            gate = await site.arrival()
            rest = [site.submit(text=str(n)) for n in range(20)]
            gate.close()
            await held.prediction()
            last = [await call.prediction() for call in rest][-1]
            assert last["ran"] == ["first", *map(str, range(20))]

    run(test)


def test_a_slow_call_holds_up_nothing_while_another_worker_is_free(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path, workers=2) as site:
            while sum(worker.ready for worker in site.pool.workers) < 2:
                await site.submit(text="warm").answer()
            held = site.held()
            gate = await site.arrival()
            pids = {(await site.submit(text=str(n)).prediction())["pid"] for n in range(5)}
            gate.close()
            assert pids.isdisjoint({(await held.prediction())["pid"]})

    run(test)


def test_a_cancelled_call_in_the_queue_never_runs(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path) as site:
            held = site.held("first")
            gate = await site.arrival()
            gone, kept = site.submit(text="gone"), site.submit(text="kept")
            site.pool.cancel(gone.pending)
            assert (await gone.answer()).status == 499
            gate.close()
            await held.prediction()
            assert (await kept.prediction())["ran"] == ["first", "kept"]

    run(test)


def test_a_cancelled_call_that_runs_is_stopped_and_its_worker_goes_on(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path) as site:
            held = site.held("first")
            await site.arrival()
            site.pool.cancel(held.pending)
            assert (await held.answer()).status == 499
            assert (await site.submit(text="next").prediction())["ran"] == ["first", "next"]
            assert site.pool.restarts == 0

    run(test)


def test_a_full_queue_refuses_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path, queue_size=2) as site:
            held = site.held()
            gate = await site.arrival()
            waiting = [site.submit(text=str(n)) for n in range(2)]
            with pytest.raises(Refused) as refused:
                site.submit(text="too many")
            assert (refused.value.status, refused.value.retry_after) == (503, 1)
            site.pool.cancel(waiting[0].pending)
            taken = site.submit(text="room")
            gate.close()
            for call in (held, waiting[1], taken):
                await call.prediction()

    run(test)


def test_a_deadline_counts_from_the_queue(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path, timeout=0.3, kill_grace=5.0) as site:
            held, queued = site.held("first"), site.submit(text="queued")
            for call in (held, queued):
                answer = await call.answer()
                assert answer.status == 504
                assert "longer than 0.3 s" in answer.detail

    run(test)


def test_a_draining_pool_takes_nothing_and_ends_what_runs(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path) as site:
            held = site.held()
            gate = await site.arrival()
            assert not await site.engine.drain(0.05)
            with pytest.raises(Refused, match="stopping"):
                site.submit(text="late")
            gate.close()
            assert await site.engine.drain(10.0)
            await held.prediction()

    run(test)


def test_what_is_unanswered_when_the_engine_stops_is_answered_503(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path) as site:
            calls = [site.held(), site.submit(text="queued")]
            await site.arrival()
            await site.engine.stop(at_once=True)
            assert [(await call.answer()).status for call in calls] == [503, 503]

    run(test)


def test_a_model_prints_into_its_own_output(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path) as site:
            for number in range(3):
                await site.submit(text=f"line {number}", do="print").answer()
            await site.engine.stop()
            assert site.pool.output.tail(2) == "line 1\nline 2"

    run(test)


def test_a_model_in_a_thread_of_the_server_answers_too(tmp_path: Path) -> None:
    async def test() -> None:
        async with running("Orders", tmp_path, workers=0) as site:
            assert (await site.submit(text="thread").prediction())["text"] == "thread"
            assert (await site.submit(text="bad", do="raise").answer()).status == 500
            assert (await site.submit(text="after").prediction())["text"] == "after"

    run(test)
