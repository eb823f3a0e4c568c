"""A worker that ends: the call that ended it answers 500, all others 200, and another worker starts."""

from __future__ import annotations

import os
import signal

import pytest
from fault_site import Site, prediction

ENDS = {
    "m-exit": ("leave", "3", "exit status 3"),
    "m-exit-zero": ("leave", "0", "exit status 0"),
    "m-exit-thread": ("leave_in_thread", "4", "exit status 4"),
    "m-segfault": ("segfault", "", "signal SIGSEGV"),
    "m-killed": ("shot", "SIGKILL", "signal SIGKILL"),
    "m-aborted": ("shot", "SIGABRT", "signal SIGABRT"),
    "m-terminated": ("shot", "SIGTERM", "signal SIGTERM"),
    "m-cut-frame": ("cut_frame", "", "exit status 0"),
}
GARBAGE = {
    "g-noise": "noise",
    "g-too-large": "too large",
    "g-largest": "largest",
    "g-unknown-kind": "unknown kind",
    "g-wrong-direction": "wrong direction",
    "g-no-msgpack": "no msgpack",
    "g-wrong-type": "wrong type",
    "g-pickle": "pickle",
    "g-foreign": "foreign answer",
}
SERVED = " ".join(f"{name}=Faulty" for name in ("m-other", "m-idle", "m-files", "m-fds", *ENDS, *GARBAGE))
ENDED = "the worker ended while it ran this prediction"


@pytest.mark.parametrize("model", ENDS)
def test_the_call_that_ends_its_worker_answers_500_and_the_next_is_served(site: Site, model: str) -> None:
    do, text, reason = ENDS[model]
    before = site.pid(model)
    answer = site.predict(do, model, text=text)
    assert answer.status_code == 500
    assert answer.json()["detail"] == ENDED
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    site.server.wait_for_log(rf"{model}: a worker ended \({reason}\); another starts in 0.1 s")
    assert site.pid("m-other") > 0
    site.wait_ready(1, model)
    assert site.pid(model) != before


@pytest.mark.parametrize("model", GARBAGE)
def test_a_worker_that_breaks_the_frames_is_replaced(site: Site, model: str) -> None:
    before = site.pid(model)
    answer = site.predict("garbage", model, text=GARBAGE[model])
    assert answer.status_code == 500
    assert "written" not in answer.text
    found = site.server.wait_for_log(rf"{model}: a worker ended \((.*)\); another starts")
    assert "protocol" in found[1] or "not given" in found[1]
    # The call may have returned before the server saw what it wrote: then it is tried a second time.
    site.wait_ready(1, model, at_most=2)
    assert site.pid(model) != before


def test_calls_wait_for_the_new_worker_while_there_is_none(site: Site) -> None:
    """They are sent before the worker is there again, and are answered by it."""
    first = site.start("leave", "m-files", text="1")
    assert first.result().status_code == 500
    waiting = [site.start("echo", "m-files", text=str(n)) for n in range(10)]
    assert [prediction(w.result())["text"] for w in waiting] == [str(n) for n in range(10)]
    site.wait_ready(1, "m-files")


def test_an_idle_worker_that_is_killed_is_replaced_and_nobody_notices(site: Site) -> None:
    before = site.pid("m-idle")
    os.kill(before, signal.SIGKILL)
    assert site.pid("m-idle") != before
    site.wait_ready(1, "m-idle")


def test_temporary_files_go_with_their_worker(site: Site) -> None:
    assert site.predict("leave_with_files", "m-other", text="secret").status_code == 500
    found = site.server.wait_for_log(r"a temporary file: (\S+)")
    assert str(site.spool) in found[1], "TMPDIR of a worker is its own folder"
    site.wait_ready(1, "m-other")


def test_a_worker_without_its_descriptors_is_replaced(site: Site) -> None:
    """Whether the answer to the call that closed them gets out is not promised; the next must be."""
    before = site.pid("m-fds")
    answer = site.predict("closes_descriptors", "m-fds")
    assert answer.status_code == 500
    assert answer.json()["detail"] == ENDED
    site.wait_ready(1, "m-fds", at_most=2)
    assert site.pid("m-fds") != before
