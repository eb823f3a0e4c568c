"""SIGTERM once, twice and under load; SIGKILL of the server itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import httpx
import psutil
import pytest
from fault_site import assert_nothing_left, harmed, marked, prediction
from serving import serving, wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_server_stops_with_status_0(tmp_path: Path, number: signal.Signals) -> None:
    with harmed(tmp_path) as site:
        site.server.process.send_signal(number)
        site.assert_stopped(0)


def test_sigterm_under_load_answers_what_was_taken(tmp_path: Path) -> None:
    """The running call and those in the queue; a new one is refused, and no answer is cut."""
    with harmed(tmp_path) as site:
        running = site.start("wait", text="running")
        held = site.gate.arrival()
        queued = [site.start("echo", text=str(n)) for n in range(20)]
        assert site.client.get("/v2/health/live").status_code == 200
        site.server.process.terminate()
        site.server.wait_for_log(r"stopping; running predictions get up to")
        held.release()
        assert prediction(running.result())["text"] == "running"
        for number, call in enumerate(queued):
            try:
                answer = call.result()
            except httpx.TransportError:  # it had not been read when the listener closed: safe to repeat
                continue
            assert answer.status_code in (200, 503)
            assert answer.status_code == 503 or prediction(answer)["text"] == str(number)
        site.assert_stopped(0)


def test_a_stream_is_completed_before_the_server_stops(tmp_path: Path) -> None:
    with harmed(tmp_path, models="s=Streaming m=Faulty") as site:
        stream = site.start("wait", "s")
        held = site.gate.arrival()
        site.server.process.terminate()
        site.server.wait_for_log(r"stopping; running predictions get up to")
        held.release()
        assert stream.result().text == "data: first\n\ndata: last\n\n"
        site.assert_stopped(0)


@pytest.mark.slow
def test_what_does_not_end_in_time_is_answered_503(tmp_path: Path) -> None:
    with harmed(tmp_path, "--drain-timeout", "1") as site:
        running = site.start("deaf", text="too slow")
        site.gate.arrival()
        site.server.process.terminate()
        try:
            answer = running.result()
            assert (answer.status_code, answer.json()["detail"]) == (503, "the server is stopping")
        except httpx.TransportError as error:
            pytest.fail(f"the connection was dropped: {error!r}")
        site.assert_stopped(0)


def test_a_second_sigterm_stops_at_once(tmp_path: Path) -> None:
    with harmed(tmp_path, "--drain-timeout", "100") as site:
        running = site.start("deaf", text="never ends")
        held = site.gate.arrival()
        site.server.process.terminate()
        site.server.wait_for_log(r"stopping; running predictions get up to")
        site.server.process.terminate()
        site.assert_stopped(0)
        held.wait_end()
        assert running.exception() is not None or running.result().status_code == 503


def test_a_server_that_is_stopped_while_models_load_leaves_nothing(tmp_path: Path) -> None:
    models = Path(__file__).parent / "faulty_models.py"
    with serving(
        "--spool-dir", str(tmp_path), f"h={models}:LoadHangs", wait=False, FAULT_TEST="stopped-while-loading"
    ) as server:
        server.wait_for_log(r"h: loading")
        assert server.stop() == 0
        assert_nothing_left("stopped-while-loading", tmp_path)


def test_kill_9_of_the_server_ends_its_workers_and_the_next_start_clears_its_files(tmp_path: Path) -> None:
    with harmed(tmp_path, models="u=Uploads m=Faulty") as site:
        address = f"/v2/models/u/predict/?do=wait&port={site.gate.port}"
        site._threads.submit(site.client.post, address, files={"file": b"x" * 5_000_000})
        held = site.gate.arrival()
        assert site.files()
        _end_watch(tmp_path)  # it would clear them at once
        site.server.process.kill()
        held.wait_end()
        assert site.server.process.wait() == -signal.SIGKILL
        wait_until(lambda: not marked(site.mark), lambda: f"left: {marked(site.mark)}")
        assert len(list(tmp_path.iterdir())) == 1
    with harmed(tmp_path) as site:
        assert [p.name.split("-")[1] for p in tmp_path.iterdir()] == [str(site.process.pid)]


def _end_watch(spool: Path) -> None:
    """Kill the process that watches over the server with this folder."""
    (root,) = map(str, spool.iterdir())
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[-2:] == ["modelport.engine.after_death", root]:
            process.kill()
            return
    raise AssertionError(f"nobody watches over {root}")


def test_the_next_start_leaves_the_files_of_a_server_that_lives(tmp_path: Path) -> None:
    with (
        harmed(tmp_path) as first,
        serving("--spool-dir", str(tmp_path), f"m={Path(__file__).parent / 'faulty_models.py'}:Faulty"),
    ):
        assert len(list(tmp_path.iterdir())) == 2
        assert first.predict().status_code == 200


@pytest.mark.slow
def test_children_of_a_model_do_not_outlive_a_killed_server_for_long(tmp_path: Path) -> None:
    """Nobody is there to end them when the server is killed; its next start does."""
    with harmed(tmp_path) as site:
        children = prediction(site.predict("children"))
        assert set(children) <= marked(site.mark)
        site.server.process.kill()
        site.server.process.wait()
        wait_until(lambda: marked(site.mark) <= set(children), lambda: str(marked(site.mark)))
        with harmed(tmp_path):
            wait_until(lambda: not marked(site.mark), lambda: f"left: {marked(site.mark)}")


def test_signals_that_mean_nothing_to_the_server_do_not_end_it(tmp_path: Path) -> None:
    with harmed(tmp_path) as site:
        for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH, signal.SIGURG):
            os.kill(site.process.pid, number)
        assert site.predict().status_code == 200
        site.assert_whole()
