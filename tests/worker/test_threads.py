"""Calls of a plain `predict` run in threads of one worker, and each keeps what one call alone has."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from serving import Server, serving, wait_until

THREADS = 8
MODELS = ("Meets", "Streams", "OneStream", "Awaits", "AwaitsPieces", "Asks", "Trains", "One", "plain")
Ask = Callable[..., httpx.Response]
AtOnce = Callable[..., Future[httpx.Response]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    sources = [f"{name.lower()}=threaded:{name}" for name in MODELS]
    with serving(*sources, "deepaas=threaded_deepaas", "--kill-grace", "1", "--log-level", "info") as running:
        yield running


@pytest.fixture(scope="module")
def ask(server: Server) -> Iterator[Ask]:
    with httpx.Client(base_url=server.url, timeout=60, limits=httpx.Limits(max_connections=50)) as client:

        def asked(model: str, **arguments: Any) -> httpx.Response:
            return client.post(f"/v2/models/{model}/predict", json=arguments)

        yield asked


@pytest.fixture
def at_once() -> Iterator[AtOnce]:
    with ThreadPoolExecutor(2 * THREADS) as pool:
        yield pool.submit


@contextlib.contextmanager
def left_at_the_end(server: Server, model: str = "meets", **arguments: Any) -> Iterator[socket.socket]:
    """A client that asks, and leaves at the end of the block."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as sock:
        body = json.dumps(arguments)
        head = f"POST /v2/models/{model}/predict HTTP/1.1\r\nHost: {host}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        sock.sendall(f"{head}{body}".encode())
        yield sock


@pytest.mark.parametrize("model", ["meets", "plain", "deepaas"])
def test_as_many_calls_as_threads_are_under_way(ask: Ask, at_once: AtOnce, model: str) -> None:
    arguments = {"meets": {"do": "meet", "name": "all"}, "plain": {"name": "all"}}.get(model, {})
    answers = [at_once(ask, model, **arguments, others=THREADS) for _ in range(THREADS)]
    found = [answer.result().json() for answer in answers]
    assert found == ([THREADS] if model == "meets" else [{"status": "OK", "predictions": THREADS}]) * THREADS


def test_a_plain_function_that_says_nothing_runs_one_call_after_the_other(ask: Ask, at_once: AtOnce) -> None:
    assert {answer.result().json() for answer in [at_once(ask, "one") for _ in range(5)]} == {1}


def test_errors_are_of_one_call(ask: Ask, at_once: AtOnce) -> None:
    others = [at_once(ask, "meets", do="meet", name="beside", others=4) for _ in range(3)]
    failed = ask("meets", do="fail")
    assert (failed.status_code, failed.json()["detail"]) == (500, "it does not work")
    assert ask("meets", do="nonsense").status_code == 422
    assert ask("meets", do="meet", name="beside", others=4).json() == 4
    assert [other.result().json() for other in others] == [4] * 3


def test_who_leaves_ends_its_own_call(server: Server, ask: Ask, at_once: AtOnce) -> None:
    stays = at_once(ask, "meets", do="loop", name="stays", others=5)
    ask("meets", do="count", name="stays began", others=1)
    with left_at_the_end(server, do="loop", name="leaves"):
        ask("meets", do="count", name="leaves began", others=1)
    assert ask("meets", do="count", name="leaves ended by CallCancelled", others=1).json() == 1
    assert ask("meets", do="meet", name="stays", others=1).json() == 1
    assert stays.result().json() == 5


def test_the_call_that_ends_the_worker_is_found_among_those_beside_it(ask: Ask, at_once: AtOnce) -> None:
    beside = [at_once(ask, "meets", do="sleep", name="asleep", others=1) for _ in range(3)]
    ask("meets", do="count", name="asleep began", others=3)
    dying = ask("meets", do="die")
    assert (dying.status_code, [one.result().json() for one in beside]) == (500, [1, 1, 1])
    assert "the worker ended" in dying.json()["detail"]


@pytest.mark.slow
def test_a_call_that_cannot_be_stopped_takes_no_other_with_it(
    server: Server, ask: Ask, at_once: AtOnce
) -> None:
    start = len(server.lines)
    before = ask("meets", do="pid").json()
    beside = at_once(ask, "meets", do="sleep", name="beside", others=5)
    with left_at_the_end(server, do="sleep", name="hung", others=600):
        ask("meets", do="count", name="hung began", others=1)
    server.wait_for_log("its worker gets no more calls", start=start)
    assert ask("meets", do="pid").json() != before
    assert (beside.result().status_code, beside.result().json()) == (200, 5)
    server.wait_for_log("its worker is killed", start=start)


@pytest.mark.slow
def test_one_that_keeps_all_of_python_waiting_ends_with_its_worker(
    server: Server, ask: Ask, at_once: AtOnce
) -> None:
    start = len(server.lines)
    with left_at_the_end(server, do="search", others=40):
        server.wait_for_log("it searches", start=start)
        beside = at_once(ask, "meets", do="count")
    server.wait_for_log("its worker is killed", start=start)
    assert beside.result().json() == 0


def test_streams_are_sent_side_by_side(ask: Ask, at_once: AtOnce) -> None:
    answers = [at_once(ask, "streams", name="many", others=THREADS) for _ in range(THREADS)]
    assert {answer.result().text for answer in answers} == {"data: 0\n\ndata: 1\n\ndata: 2\n\n"}


def test_a_stream_that_fails_says_so_in_itself(ask: Ask) -> None:
    assert ask("streams", pieces=1, fail=True).text == "data: 0\n\nevent: error\ndata: it does not work\n\n"


@pytest.mark.parametrize("model", ["streams", "onestream"])
def test_who_does_not_read_holds_up_its_own_stream(server: Server, ask: Ask, model: str) -> None:
    unread = {"name": "unread", "pieces": 2000, "size": 100_000}
    with httpx.Client(base_url=server.url, timeout=60) as client:
        with client.stream("POST", f"/v2/models/{model}/predict", json=unread) as answer:
            assert answer.status_code == 200
            assert ask("streams", name="read", pieces=2000).text.count("data: ") == 2000
    yielded = int(ask(model, name="unread", tell=True).text.removeprefix("data: "))
    assert 1 <= yielded < 500  # of which the sockets between hold most


def test_what_a_plain_function_returns_may_be_awaited(server: Server, ask: Ask) -> None:
    assert ask("awaits").json() == {"status": "OK", "predictions": True}
    assert ask("awaitspieces").text == "data: 0\n\ndata: 1\n\n"
    with left_at_the_end(server, "awaits", do="wait"):
        pass
    assert ask("awaits", do="tell").json() == {"status": "OK", "predictions": 1}


def test_they_ask_other_models_side_by_side(ask: Ask, at_once: AtOnce) -> None:
    answers = [at_once(ask, "asks", others=THREADS) for _ in range(THREADS)]
    assert [answer.result().json() for answer in answers] == [THREADS] * THREADS


def test_jobs_of_such_models_run(server: Server) -> None:
    for verb, result in (("train", 2), ("predict", 3)):
        asked = server.client.post(f"/v2/models/trains/{verb}", headers={"Prefer": "respond-async"})
        job = asked.json().get("uuid") or asked.json()["id"]
        with server.client.stream("GET", f"/v2/jobs/{job}/events") as events:
            events.read()
        found = server.client.get(f"/v2/jobs/{job}").json()
        assert found["state"] == "succeeded", found
        assert str(result) in server.client.get(f"/v2/jobs/{job}/result").text


def test_limits_hold_in_threads_and_a_setting_says_how_many_there_are() -> None:
    sources = ("one=threaded:One", "rows=threaded:Rows", "meets=threaded:Meets", "late=threaded:Meets")
    options = ("--max-table-rows", "2", "--model", "one:max_concurrency=4", "--model", "late:timeout=1")
    with serving(*sources, *options) as server, ThreadPoolExecutor(THREADS) as pool:

        def post(model: str, **arguments: Any) -> httpx.Response:
            return httpx.post(f"{server.url}/v2/models/{model}/predict", json=arguments, timeout=60)

        answers = [pool.submit(post, "one") for _ in range(20)]
        assert 1 < max(answer.result().json() for answer in answers) <= 4
        assert post("rows", table=[{"a": 1}] * 2).json() == 2
        assert "at most 2 rows" in post("rows", table=[{"a": 1}] * 3).text
        assert post("late", do="loop", name="late").status_code == 504
        counting = {"do": "count", "name": "late ended by CallCancelled", "others": 1}
        wait_until(lambda: post("late", **counting).json() == 1, lambda: server.log)  # it has a second, too
        begun = pool.submit(post, "meets", do="count", name="soon", others=1)
        last = pool.submit(post, "meets", do="meet", name="soon", others=1)
        assert (begun.result().json(), last.result().json()) == (1, 1)
