"""Interrupting the call that a thread runs, and no other."""

from __future__ import annotations

import itertools
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

import modelport
from modelport.contract.calls import Answer, Call
from modelport.sources.load import served_model
from modelport.worker import thread_call
from modelport.worker.cancellation import (
    CALL_NUMBER,
    CANCEL_SIGNAL,
    FIRST_SLOT,
    MARKER_BYTES,
    CallCancelled,
    RunningCall,
    shown_calls,
)
from modelport.worker.frames import FrameSocket, Kind, Load, encode
from modelport.worker.host import Host
from modelport.worker.loop import run_calls
from modelport.worker.thread_call import ThreadCall

CALLS = 3000
SECONDS = 30.0
SIGNALS = (CANCEL_SIGNAL, signal.SIGTERM, signal.SIGINT)


@pytest.fixture
def quick_turns() -> Iterator[None]:
    """Threads take turns as often as they can, so that races are met."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def running() -> RunningCall:
    return RunningCall(bytearray(MARKER_BYTES), None)


def test_the_running_call_is_shown_and_another_is_not_interrupted(running: RunningCall) -> None:
    own = ThreadCall(running, FIRST_SLOT + 2)
    own.show(5)
    own.begin(5)
    assert own.interrupt(6)
    own.end()
    assert own.interrupt(5)
    assert shown_calls(bytearray(running.shown)) == {5}
    own.show(0)
    assert shown_calls(bytearray(running.shown)) == set()


def test_the_running_call_is_interrupted_once(running: RunningCall) -> None:
    own = ThreadCall(running, FIRST_SLOT)
    own.begin(5)
    with pytest.raises(CallCancelled):
        own.interrupt(5)
    assert own.interrupt(5)
    own.end()


def test_a_call_that_was_given_up_does_not_begin(running: RunningCall) -> None:
    own = ThreadCall(running, FIRST_SLOT)
    running.cancelled.add(5)
    with pytest.raises(CallCancelled):
        own.begin(5)
    own.begin(6)
    own.end()


def test_a_thread_that_takes_a_lock_is_interrupted_afterwards(running: RunningCall) -> None:
    """Which it would leave locked: a condition is taken by code of Python, and so are those of `logging`."""
    lock = threading.Condition()
    owns: list[ThreadCall] = []
    ended: list[str] = []
    taken = threading.Event()

    def run() -> None:
        own = ThreadCall(running, FIRST_SLOT)
        own.begin(5)
        owns.append(own)
        try:
            with lock:
                taken.set()
                wait_for(threading.Event())
        except CallCancelled:
            own.end()
            ended.append("interrupted")

    lock.acquire()
    thread = threading.Thread(target=run)
    thread.start()
    while sys._current_frames()[thread.ident or 0].f_code.co_name != "__enter__":
        time.sleep(0.001)
    assert not owns[0].interrupt(5)
    lock.release()
    taken.wait(SECONDS)
    while not owns[0].interrupt(5):
        time.sleep(0.001)
    thread.join()
    assert ended == ["interrupted"]
    assert lock.acquire(blocking=False)


def test_a_blow_that_falls_late_does_not_hit_the_next_call(
    running: RunningCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who interrupts has looked, and strikes when the call is about to end."""
    real: Any = thread_call._raise_in_thread
    looked, ending, struck = threading.Event(), threading.Event(), threading.Event()
    hit: list[str] = []

    def strike(thread: int, what: Any) -> None:
        if threading.current_thread() is threading.main_thread():
            looked.set()
            wait_for(ending)
        real(thread, what)

    def run(owns: list[ThreadCall]) -> None:
        own = ThreadCall(running, FIRST_SLOT)
        own.begin(5)
        owns.append(own)
        looked.wait(SECONDS)
        try:
            ending.set()
            own.end()
        except CallCancelled:
            own.end()
        try:
            own.begin(6)
            wait_for(struck)
            own.end()
        except CallCancelled:
            own.end()
            hit.append("the next call")

    monkeypatch.setattr(thread_call, "_raise_in_thread", strike)
    owns: list[ThreadCall] = []
    thread = threading.Thread(target=run, args=(owns,))
    thread.start()
    while not owns:
        time.sleep(0.001)
    owns[0].interrupt(5)
    struck.set()
    thread.join()
    assert not hit


def wait_for(event: threading.Event) -> None:
    """Wait in Python, where an exception from outside comes through."""
    for _ in range(int(SECONDS / 0.001)):
        if event.is_set():
            time.sleep(0.05)  # for the other thread to go on
            return
        time.sleep(0.001)
    raise TimeoutError


class Adds(modelport.Model):
    """Takes a moment in Python."""

    max_concurrency = 4

    def predict(self, number: int) -> int:
        return sum(itertools.repeat(1, number)) + sum(1 for _ in range(number))


def test_of_many_calls_those_that_are_given_up_alone_are_not_answered(quick_turns: None) -> None:
    """The runner of a worker on this thread; on another its server, which gives up every third call."""
    ours, theirs = socket.socketpair()
    control, reads_control = socket.socketpair(type=socket.SOCK_DGRAM)
    reads_control.setblocking(False)
    given_up = {number for number in range(1, CALLS + 1) if number % 3 == 0}
    answers: list[Answer] = []

    def serve() -> None:
        frames = FrameSocket(ours)
        chance = random.Random(1)
        under_way: set[int] = set()
        left = iter(range(1, CALLS + 1))
        for number in itertools.islice(left, 8):
            under_way.add(number)
            ours.sendall(encode(Kind.CALLS, [call_of(number)]))
        while under_way:
            for number in given_up & under_way:
                if chance.random() < 0.5:
                    control.send(CALL_NUMBER.pack(number))
            frame = frames.receive()
            assert frame is not None
            for answer in frame[1]:
                answers.append(answer)
                under_way.remove(answer.id)
                following = next(left, None)
                if following is not None:
                    under_way.add(following)
                    ours.sendall(encode(Kind.CALLS, [call_of(following)]))
        ours.sendall(encode(Kind.STOP, None))

    server = threading.Thread(target=serve)
    server.start()
    load = Load("adds", "module", "nowhere", "", "/nowhere")
    running = RunningCall(bytearray(MARKER_BYTES), reads_control)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        run_calls(Host(served_model(Adds(), "adds"), load, FrameSocket(theirs), running))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        server.join(30)
        for sock in (ours, theirs, control, reads_control):
            sock.close()
    assert sorted(answer.id for answer in answers) == list(range(1, CALLS + 1))
    statuses = {answer.id: answer.status for answer in answers}
    assert {number for number, status in statuses.items() if status != 200} <= given_up
    assert 499 in statuses.values()
    assert shown_calls(bytearray(running.shown)) == set()


def call_of(number: int) -> Call:
    body: Any = b'{"number": %d}' % (number % 300)
    return Call(number, content_type="application/json", body=body)
