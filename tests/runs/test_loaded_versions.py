"""How many versions are loaded beside the live one: as many as may be, and whoever finds no room is told."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest
from serving import Server, wait_until
from version_site import factor, promoted, refused, served

V2 = "/v2/models/m"
pytestmark = pytest.mark.slow


def workers(server: Server) -> set[int]:
    """The pids of the processes that have a model loaded, or load one."""
    found: set[int] = set()
    for child in psutil.Process(server.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            if "modelport.worker" in child.cmdline():
                found.add(child.pid)
    return found


def loaded(client: httpx.Client) -> set[int]:
    versions = client.get(f"{V2}/versions").json()["versions"]
    return {one["version"] for one in versions if one["loaded"]}


def slow(client: httpx.Client, path: str = "predict/", seconds: float = 2.0) -> httpx.Response:
    return client.post(f"{V2}/{path}", json={"x": 1, "delay": seconds})


def wait_until_busy(server: Server, version: int) -> None:
    """Wait until a worker of the version has a call."""
    said = f'modelport_workers{{model="m",version="{version}",state="busy"}} 1\n'
    wait_until(lambda: said in server.client.get("/metrics").text, lambda: server.log)


def test_the_version_not_used_for_longest_makes_room_and_its_process_ends(made: Path, data: Path) -> None:
    with served(made, data, "--loaded-versions", "2") as server:
        client = server.client
        (live,) = workers(server)
        for version in (1, 2):
            factor(client, f"{V2}/versions/{version}/predict/")
        first, second = sorted(workers(server) - {live})
        assert loaded(client) == {0, 1, 2}
        factor(client, f"{V2}/versions/1/predict/")
        factor(client, f"{V2}/versions/3/predict/")  # the second was used before the first
        assert loaded(client) == {0, 1, 3}
        wait_until(lambda: len(workers(server)) == 3, lambda: server.log)
        gone = {first, second} - workers(server)
        assert len(gone) == 1
        assert factor(client) == 1
        assert live in workers(server)


def test_the_version_that_was_live_until_now_is_the_last_to_make_room(made: Path, data: Path) -> None:
    with served(made, data, "--loaded-versions", "2") as server:
        client = server.client
        factor(client, f"{V2}/versions/6/predict/")
        promoted(client, 1)
        assert loaded(client) == {0, 1, 6}
        factor(client, f"{V2}/versions/2/predict/")
        assert loaded(client) == {0, 1, 2}


def test_a_run_is_not_removed_under_a_call_and_its_process_ends_with_it(made: Path, data: Path) -> None:
    with served(made, data) as server, ThreadPoolExecutor() as threads:
        client = server.client
        (live,) = workers(server)
        run = client.get(f"{V2}/versions/1").json()["run_id"]
        factor(client, f"{V2}/versions/1/predict/")
        (its,) = workers(server) - {live}
        busy = threads.submit(slow, client, "versions/1/predict/", 3.0)
        wait_until_busy(server, 1)
        assert "is in use" in refused(client.delete(f"{V2}/runs/{run}"), 409)
        assert busy.result().status_code == 200
        client.delete(f"{V2}/runs/{run}").raise_for_status()
        wait_until(lambda: its not in workers(server), lambda: server.log)
        assert "no version 1" in refused(client.post(f"{V2}/versions/1/predict/", json={"x": 1}), 404)


def test_when_all_places_are_in_use_a_request_is_refused_at_once_whoever_else_asks(
    made: Path, data: Path
) -> None:
    with served(made, data, "--loaded-versions", "1") as server, ThreadPoolExecutor(20) as threads:
        client = server.client
        factor(client, f"{V2}/versions/1/predict/")
        busy = threads.submit(slow, client, "versions/1/predict/", 5.0)
        wait_until_busy(server, 1)
        asked = [threads.submit(slow, client, "versions/2/predict/", 0.0) for _ in range(10)]
        for answer in (one.result() for one in asked):
            assert "places for versions" in refused(answer, 503)
            assert answer.headers["retry-after"] == "1"
        assert len(workers(server)) == 2
        promoted(client, 2)  # for which there is always room
        assert busy.result().status_code == 200
        assert factor(client) == 3
        wait_until(lambda: len(workers(server)) == 2, lambda: server.log)


def test_a_version_that_was_live_ends_with_its_last_call_where_none_is_kept(made: Path, data: Path) -> None:
    with served(made, data, "--loaded-versions", "0") as server, ThreadPoolExecutor() as threads:
        client = server.client
        promoted(client, 1)
        wait_until(lambda: len(workers(server)) == 1, lambda: server.log)
        (before,) = workers(server)
        seen = len(server.lines)
        last = threads.submit(slow, client, "predict/", 8.0)
        wait_until_busy(server, 1)
        assert client.post(f"{V2}/rollback").json()["version"] == 0
        assert before in workers(server)
        assert last.result().json()["factor"] == 2  # it was drained, not cut
        server.wait_for_log("version 1 is unloaded", start=seen)
        wait_until(lambda: before not in workers(server), lambda: server.log)
        assert (factor(client), loaded(client)) == (1, {0})


def test_the_server_rests_while_more_versions_than_are_kept_are_loaded(made: Path, data: Path) -> None:
    """Nobody frees a place before the version has loaded; to look for one again and again is in vain."""
    with served(made, data, "--loaded-versions", "0") as server, ThreadPoolExecutor() as threads:
        process = psutil.Process(server.process.pid)
        promotion = threads.submit(promoted, server.client, 5)  # which sleeps for a second to load
        server.wait_for_log("loading version 5")
        before = process.cpu_times()
        factor(server.client, f"{V2}/versions/live/predict/")
        assert promotion.result()["changed"] is True
        after = process.cpu_times()
        assert after.user + after.system - before.user - before.system < 0.5


def test_many_who_ask_for_one_version_wait_for_one_process(made: Path, data: Path) -> None:
    with served(made, data) as server, ThreadPoolExecutor(10) as threads:
        asked = [threads.submit(factor, server.client, f"{V2}/versions/5/predict/") for _ in range(10)]
        assert {one.result() for one in asked} == {2}
        assert len(workers(server)) == 2
        assert server.log.count("loading version 5") == 1


def test_nothing_is_left_of_a_server_that_stops_while_versions_are_loaded(made: Path, data: Path) -> None:
    with served(made, data) as server, ThreadPoolExecutor() as threads:
        for version in (1, 2):
            factor(server.client, f"{V2}/versions/{version}/predict/")
        loading = threads.submit(slow, server.client, "versions/5/predict/", 0.0)
        server.wait_for_log("loading version 5")
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.process.terminate()
        assert server.process.wait(30) == 0
        with pytest.raises((httpx.TransportError, AssertionError)):
            assert loading.result().status_code == 200
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []
