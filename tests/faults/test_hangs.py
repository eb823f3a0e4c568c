"""Calls that do not end: 504 at their deadline, and the worker is had back, or replaced."""

from __future__ import annotations

import os
import signal

import pytest
from fault_site import Site, prediction

HANGS = ["deaf", "ignores_signals", "loops_in_c"]
LEFT = ["left-deaf", "left-loops"]
OPTIONS = ("--timeout", "2.0", "--kill-grace", "0.2")
SERVED = " ".join(f"{name}=Faulty" for name in ("m", "frozen", "queue", *HANGS, *LEFT))


def test_a_call_that_can_be_stopped_answers_504_and_its_worker_stays(site: Site) -> None:
    before = site.pid()
    call = site.start("wait", text="slow")
    held = site.gate.arrival()
    answer = call.result()
    assert answer.status_code == 504
    assert "longer than 2 s" in answer.json()["detail"]
    held.wait_end()
    assert site.pid() == before


@pytest.mark.parametrize("do", HANGS)
def test_a_call_that_cannot_be_stopped_costs_its_worker(site: Site, do: str) -> None:
    """The calls that wait behind it have a deadline of their own; other models are served meanwhile."""
    before = site.pid(do)
    call = site.start(do, do, text="hangs")
    held = site.gate.arrival()
    assert site.predict(text="meanwhile").status_code == 200
    assert call.result().status_code == 504
    held.wait_end()
    site.wait_ready(1, do)
    assert site.pid(do) != before


def test_a_worker_that_is_frozen_is_replaced_at_the_deadline(site: Site) -> None:
    before = site.pid("frozen")
    os.kill(before, signal.SIGSTOP)
    assert site.predict(model="frozen").status_code == 504
    site.wait_ready(1, "frozen")
    assert site.pid("frozen") != before


def test_a_call_whose_deadline_passes_in_the_queue_never_runs(site: Site) -> None:
    running = site.start("deaf", "queue", text="first")  # holds its worker beyond all their deadlines
    site.gate.arrival()
    queued = [site.start("wait", "queue", text=f"never {n}") for n in range(3)]
    assert [call.result().status_code for call in [running, *queued]] == [504] * 4
    site.wait_ready(1, "queue")
    assert prediction(site.predict(model="queue", text="after"))["text"] == "after"
    assert site.gate.nobody_came()


@pytest.mark.parametrize(("model", "do"), list(zip(LEFT, ["deaf", "loops_in_c"], strict=True)))
def test_a_hanging_call_whose_client_has_left_does_not_keep_its_worker(
    site: Site, model: str, do: str
) -> None:
    before = site.pid(model)
    client = site.connection(do, model, text="hangs")
    held = site.gate.arrival()
    client.close()
    held.wait_end()
    site.wait_ready(1, model)
    assert site.pid(model) != before
