"""Calls of an `async def predict` run side by side in one worker, and each keeps what one call alone has."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from serving import Server, serving, wait_until

import modelport
from modelport.contract.calls import Answer, Call
from modelport.sources.load import served_model
from modelport.worker.cancellation import CALL_NUMBER, CANCEL_SIGNAL, RunningCall
from modelport.worker.frames import HEADER, FrameError, FrameSocket, Kind, Load, encode
from modelport.worker.host import Host
from modelport.worker.loop import run_calls

CLIENTS = 64
SIGNALS = (CANCEL_SIGNAL, signal.SIGTERM, signal.SIGINT)
SOURCES = ("Meets", "Two", "Streams", "Trains", "plain")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    sources = [f"{name.lower()}=side_by_side:{name}" for name in SOURCES]
    with serving(*sources, "--kill-grace", "1", "--log-level", "info") as running:
        yield running


Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def ask(server: Server) -> Iterator[Ask]:
    limits = httpx.Limits(max_connections=2 * CLIENTS)
    with httpx.Client(base_url=server.url, timeout=60, limits=limits) as client:

        def asked(model: str, **arguments: Any) -> httpx.Response:
            return client.post(f"/v2/models/{model}/predict", json=arguments)

        yield asked


@pytest.fixture
def at_once() -> Iterator[Callable[..., Future[httpx.Response]]]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        yield pool.submit


@contextlib.contextmanager
def left_after_the_begin(server: Server, body: str) -> Iterator[None]:
    """A client that asks, and leaves at the end of the block."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as sock:
        head = f"POST /v2/models/meets/predict HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        yield


def test_as_many_calls_as_there_are_clients_are_under_way(ask: Ask, at_once: Any) -> None:
    answers = [at_once(ask, "meets", do="meet", name="all", others=CLIENTS) for _ in range(CLIENTS)]
    assert [answer.result().json() for answer in answers] == [CLIENTS] * CLIENTS


def test_objects_without_hints_run_side_by_side_too(ask: Ask, at_once: Any) -> None:
    answers = [at_once(ask, "plain", name="three", others=3) for _ in range(3)]
    assert [answer.result().json()["predictions"] for answer in answers] == [3] * 3


def test_a_model_says_how_many(ask: Ask, at_once: Any) -> None:
    answers = [at_once(ask, "two") for _ in range(20)]
    assert max(answer.result().json() for answer in answers) == 2


def test_errors_are_of_one_call(ask: Ask, at_once: Any) -> None:
    others = [at_once(ask, "meets", do="meet", name="beside", others=4) for _ in range(3)]
    failed = ask("meets", do="fail")
    assert (failed.status_code, failed.json()["detail"]) == (500, "it does not work")
    cancelled = ask("meets", do="cancelled")  # by the model itself: its client is there
    assert (cancelled.status_code, "CancelledError" in cancelled.text) == (500, True)
    refused = ask("meets", do="nonsense")
    assert refused.status_code == 422
    assert ask("meets", do="meet", name="beside", others=4).json() == 4
    assert [other.result().json() for other in others] == [4] * 3


def test_who_leaves_ends_its_own_call(server: Server, ask: Ask, at_once: Any) -> None:
    stays = at_once(ask, "meets", do="wait", name="stays")
    ask("meets", do="count", name="stays began", others=1)
    with left_after_the_begin(server, '{"do": "wait", "name": "leaves"}'):
        ask("meets", do="count", name="leaves began", others=1)
    assert ask("meets", do="count", name="leaves was cancelled", others=1).json() == 1
    assert ask("meets", do="meet", name="stays", others=1).json() == 1
    assert stays.result().json() == 1


def test_the_call_that_ends_the_worker_fails_alone(ask: Ask, at_once: Any) -> None:
    waiting = [at_once(ask, "meets", do="meet", name="again", others=2)]
    dying = at_once(ask, "meets", do="die", name="again", others=0)
    assert dying.result().status_code == 500
    assert "the worker ended" in dying.result().json()["detail"]
    waiting.append(at_once(ask, "meets", do="meet", name="again", others=2))
    assert [answer.result().json() for answer in waiting] == [2, 2]


@pytest.mark.slow
def test_a_call_that_keeps_the_loop_is_named_with_where_it_is(server: Server, ask: Ask) -> None:
    start = len(server.lines)
    assert ask("meets", do="block", others=3).json() == 0
    server.wait_for_log("keeps the event loop for more than 1 s", start=start)
    server.wait_for_log(r"side_by_side\.py.* in block", start=start)
    assert not any("concurrent.py" in line for line in server.lines[start:])


@pytest.mark.slow
def test_a_call_that_cannot_be_stopped_ends_with_its_worker(server: Server, ask: Ask, at_once: Any) -> None:
    start = len(server.lines)
    with left_after_the_begin(server, '{"do": "block", "others": 60}'):
        server.wait_for_log("keeps the event loop", start=start)
        beside = at_once(ask, "meets", do="count")
    server.wait_for_log("a prediction did not end when it was stopped", start=start)
    assert beside.result().json() == 0


def test_streams_are_sent_side_by_side(ask: Ask, at_once: Any) -> None:
    answers = [at_once(ask, "streams", name="many", others=20, pieces=3) for _ in range(20)]
    assert {answer.result().text for answer in answers} == {"data: 0\n\ndata: 1\n\ndata: 2\n\n"}


def test_who_does_not_read_holds_up_its_own_stream(server: Server, ask: Ask) -> None:
    unread = {"name": "unread", "pieces": 2000, "size": 100_000}
    with httpx.Client(base_url=server.url, timeout=60) as client:
        with client.stream("POST", "/v2/models/streams/predict", json=unread) as answer:
            assert answer.status_code == 200
            assert ask("streams", name="read", pieces=2000).text.count("data: ") == 2000
    yielded = int(ask("streams", name="unread", tell=True).text.removeprefix("data: "))
    assert 1 <= yielded < 500  # of which the sockets between hold most


def test_jobs_of_such_models_run(server: Server) -> None:
    for verb, result in (("train", 2), ("predict", 3)):
        asked = server.client.post(f"/v2/models/trains/{verb}", headers={"Prefer": "respond-async"})
        job = asked.json().get("uuid") or asked.json()["id"]
        with server.client.stream("GET", f"/v2/jobs/{job}/events") as events:
            events.read()
        found = server.client.get(f"/v2/jobs/{job}").json()
        assert found["state"] == "succeeded", found
        assert str(result) in server.client.get(f"/v2/jobs/{job}/result").text


class Echo(modelport.Model):
    """Answers what it is asked."""

    async def predict(self, number: int) -> int:
        return number


class Played:
    """The runner of a worker on this thread, and its server on another, which says `frames` and listens."""

    def __init__(self, frames: list[bytes], cancelled: list[int]):
        ours, theirs = socket.socketpair()
        control, reads_control = socket.socketpair(type=socket.SOCK_DGRAM)
        reads_control.setblocking(False)
        for call_id in cancelled:
            control.send(CALL_NUMBER.pack(call_id))
        ours.sendall(b"".join(frames))
        model = served_model(Echo(), "echo")
        load = Load("echo", "module", "nowhere", "", "/nowhere")
        before = {number: signal.getsignal(number) for number in SIGNALS}
        try:
            run_calls(Host(model, load, FrameSocket(theirs), RunningCall(bytearray(64), reads_control)))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            theirs.close()
            answers = FrameSocket(ours)
            self.answers: list[Answer] = []
            while (frame := answers.receive()) is not None:
                self.answers += frame[1]
            for sock in (ours, control, reads_control):
                sock.close()


@pytest.mark.parametrize("given_up", [[5], [5, 6], [], [7]])
def test_a_call_that_was_given_up_before_it_began_does_not_begin(given_up: list[int]) -> None:
    calls = [Call(n, content_type="application/json", body=b'{"number": 1}') for n in (5, 6)]
    played = Played([encode(Kind.CALLS, calls), encode(Kind.STOP, None)], given_up)
    assert {answer.id: answer.status for answer in played.answers} == {
        n: 499 if n in given_up else 200 for n in (5, 6)
    }


def test_a_worker_ends_when_what_it_reads_is_no_frame() -> None:
    with pytest.raises(FrameError, match="unknown frame kind 99"):
        Played([HEADER.pack(0, 99)], [])


def test_a_deadline_ends_its_own_call_and_a_stop_lets_calls_end() -> None:
    sources = ("meets=side_by_side:Meets", "late=side_by_side:Meets", "--model", "late:timeout=1")
    with serving(*sources) as server, ThreadPoolExecutor(2) as pool:

        def post(model: str, **arguments: Any) -> httpx.Response:
            return httpx.post(f"{server.url}/v2/models/{model}/predict", json=arguments, timeout=60)

        assert post("late", do="wait", name="late").status_code == 504
        counting = {"do": "count", "name": "late was cancelled", "others": 1}
        wait_until(lambda: post("late", **counting).json() == 1, lambda: server.log)  # it has a second, too
        begun = pool.submit(post, "meets", do="count", name="soon", others=1)
        last = pool.submit(post, "meets", do="meet", name="soon", others=1)
        assert (begun.result().json(), last.result().json()) == (1, 1)


def test_the_setting_says_it_for_every_model() -> None:
    with serving("two=side_by_side:Two", "--max-concurrency", "1") as server, ThreadPoolExecutor(8) as pool:
        url = f"{server.url}/v2/models/two/predict"
        answers = [pool.submit(httpx.post, url, json={}, timeout=60) for _ in range(20)]
        assert max(answer.result().json() for answer in answers) == 1
