"""A worker that loads gives way to those that answer; one that answers does not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from serving import serving

MODEL = '''
import os
import threading

import modelport

POLICY = lambda: os.sched_getscheduler(0)


class Watched(modelport.Model):
    """Says how urgent its threads were while it was loaded, and are."""

    def __init__(self) -> None:
        self.loading = POLICY()
        self.go, self.went = threading.Event(), threading.Event()
        threading.Thread(target=self.look, daemon=True).start()

    def look(self) -> None:
        self.go.wait(30)
        self.thread = POLICY()
        self.went.set()

    def predict(self) -> dict[str, int]:
        self.go.set()
        self.went.wait(30)
        return {"loading": self.loading, "answering": POLICY(), "thread": self.thread}
'''

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux's")


@linux_only
def test_a_worker_is_as_urgent_as_the_server_once_it_has_loaded(tmp_path: Path) -> None:
    source = tmp_path / "watched.py"
    source.write_text(MODEL)
    with serving(str(source)) as server:
        answer = server.client.post("/v2/models/watched/predict/", json={})
    assert answer.json() == {
        "loading": os.SCHED_BATCH,
        "answering": os.SCHED_OTHER,
        "thread": os.SCHED_OTHER,
    }


@linux_only
def test_a_policy_that_was_chosen_for_the_server_stays(tmp_path: Path) -> None:
    source = tmp_path / "watched.py"
    source.write_text(MODEL)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # which the server inherits, as from chrt(1)
    try:
        with serving(str(source), cwd=tmp_path) as server:  # a process of its own from the start
            answer = server.client.post("/v2/models/watched/predict/", json={})
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    assert set(answer.json().values()) == {os.SCHED_BATCH}
