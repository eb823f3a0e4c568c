"""Stopping the call that runs, and no other."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import pytest

from modelport.worker.cancellation import CALL_NUMBER, CANCEL_SIGNAL, CallCancelled, RunningCall, Terminated


class Calls:
    """A running call with its socket, as the server would use it."""

    def __init__(self) -> None:
        self.ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
        theirs.setblocking(False)
        self.theirs = theirs
        self.marker = bytearray(64)
        self.running = RunningCall(self.marker, theirs)

    def cancel(self, *numbers: int) -> None:
        for number in numbers:
            self.ours.send(CALL_NUMBER.pack(number))
        os.kill(os.getpid(), CANCEL_SIGNAL)

    @property
    def shown(self) -> int:
        return CALL_NUMBER.unpack(self.marker[:8])[0]


@pytest.fixture
def calls() -> Iterator[Calls]:
    before = {n: signal.getsignal(n) for n in (CANCEL_SIGNAL, signal.SIGTERM, signal.SIGINT)}
    made = Calls()
    made.running.install()
    try:
        yield made
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        made.ours.close()
        made.theirs.close()


def test_the_running_call_is_stopped(calls: Calls) -> None:
    calls.running.start(5)
    assert calls.shown == 5
    with pytest.raises(CallCancelled):
        calls.cancel(5)


def test_another_call_is_stopped_when_its_turn_comes(calls: Calls) -> None:
    calls.running.start(5)
    calls.cancel(6)
    calls.running.end()
    assert calls.shown == 0
    with pytest.raises(CallCancelled):
        calls.running.start(6)
    assert calls.shown == 0
    calls.running.start(7)
    assert calls.shown == 7


def test_nothing_is_raised_between_calls(calls: Calls) -> None:
    calls.running.start(5)
    calls.running.end()
    calls.cancel(5)
    calls.running.forget([5])
    calls.running.start(5)


def test_several_cancellations_come_with_one_signal(calls: Calls) -> None:
    """Signals of one kind do not queue; every number has to be read all the same."""
    calls.running.start(1)
    for number in (8, 9, 10):
        calls.ours.send(CALL_NUMBER.pack(number))
    calls.cancel(11)
    calls.running.end()
    for number in (8, 9, 10, 11):
        with pytest.raises(CallCancelled):
            calls.running.start(number)


def test_a_signal_without_a_number_means_nothing(calls: Calls) -> None:
    calls.running.start(5)
    os.kill(os.getpid(), CANCEL_SIGNAL)
    assert calls.shown == 5


def test_a_cancellation_is_no_exception_that_models_swallow(calls: Calls) -> None:
    calls.running.start(5)
    with pytest.raises(CallCancelled):
        try:
            calls.cancel(5)
        except Exception:
            pytest.fail("it was swallowed")


def test_sigterm_ends_the_worker_and_sigint_does_not(calls: Calls) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)
