"""Workers that end while many calls wait: each call has one answer, and only the culprit's is 500."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from fault_site import harmed, prediction


def test_kill_9_under_load_loses_only_the_call_that_ran(tmp_path: Path) -> None:
    with harmed(tmp_path) as site:
        site.quicken()
        before = site.pid()
        running = site.start("wait", text="ran")
        site.gate.arrival()
        queued = [site.start("echo", text=str(n)) for n in range(30)]
        assert site.client.get("/v2/health/live").status_code == 200
        os.kill(before, signal.SIGKILL)
        assert running.result().status_code == 500
        answers = [call.result() for call in queued]
        assert [prediction(a)["text"] for a in answers] == [str(n) for n in range(30)]
        assert before not in {prediction(a)["pid"] for a in answers}
        site.wait_ready(1)
        site.assert_whole()


@pytest.mark.slow
def test_kills_at_any_time_lose_at_most_one_call_each(tmp_path: Path) -> None:
    """Two workers, sixteen clients; every answer is that of its own call."""
    kills = 4
    chance = random.Random(7)
    with harmed(tmp_path, "--workers", "2") as site:
        calls = [site.start("echo", text=str(n)) for n in range(1500)]
        for number in range(1, kills + 1):
            calls[number * 250].result()
            os.kill(chance.choice(sorted(site.children())), signal.SIGKILL)
        answers = [call.result() for call in calls]
        counts = Counter(a.status_code for a in answers)
        assert set(counts) <= {200, 500}
        assert counts[500] <= kills
        for number, answer in enumerate(answers):
            assert answer.status_code == 500 or prediction(answer)["text"] == str(number)
        site.wait_ready(kills)
        site.assert_whole()


def test_a_call_that_kills_each_worker_is_not_tried_again(tmp_path: Path) -> None:
    """Two at once: each costs one worker, and no call between them is lost."""
    with harmed(tmp_path) as site:
        site.quicken()
        running = site.start("wait", text="first")
        held = site.gate.arrival()
        rest = [site.start("leave" if n in (3, 8) else "echo", text=str(n)) for n in range(12)]
        assert site.client.get("/v2/health/live").status_code == 200
        held.release()
        assert running.result().status_code == 200
        statuses = [call.result().status_code for call in rest]
        assert statuses == [500 if n in (3, 8) else 200 for n in range(12)]
        site.wait_ready(2)
        site.assert_whole()


def test_a_worker_that_hangs_up_before_it_ends_gets_no_more_calls(tmp_path: Path) -> None:
    """Its connection is gone for a moment before its process is: what came then failed inside the server."""
    with harmed(tmp_path, "--workers", "2") as site:
        site.quicken()
        silent = site.start("hangs_up")
        calls = []
        for number in range(60):
            calls.append(site.start("echo", text=str(number)))
            assert site.client.get("/v2/health/live").status_code == 200
        assert silent.result().status_code == 500
        assert [prediction(call.result())["text"] for call in calls] == [str(n) for n in range(60)]
        site.wait_ready(1)
        assert "Traceback" not in site.server.log


@pytest.mark.parametrize(
    ("kind", "poison"),
    [
        ("DeadlyArguments", {"do": "echo", "text": "leave"}),
        ("DeadlyAnswers", {"do": "deadly"}),
    ],
    ids=["arguments", "answer"],
)
def test_a_call_that_ends_its_worker_outside_predict_fails_alone(
    tmp_path: Path, kind: str, poison: dict[str, str]
) -> None:
    """While its arguments are read, or its answer is encoded: calls that share its frame are served."""
    with harmed(tmp_path, models=f"m={kind}") as site:
        site.quicken()
        running = site.start("wait", text="first")
        held = site.gate.arrival()
        bad = site.start(**poison)
        good = [site.start("echo", text=str(n)) for n in range(8)]
        assert site.client.get("/v2/health/live").status_code == 200
        held.release()
        assert running.result().status_code == 200
        assert bad.result().status_code == 500
        assert [call.result().status_code for call in good] == [200] * 8
        site.wait_ready(site.health()["models"]["m"]["restarts"])
        site.assert_whole()


@pytest.mark.parametrize("poison", ["leave", "raise"])
def test_a_poisoned_call_of_a_batch_fails_alone(tmp_path: Path, poison: str) -> None:
    with harmed(tmp_path, models="m=Together") as site:
        path = "/v2/models/m/predict/"
        bodies = [{"text": str(n), "poison": poison if n == 3 else ""} for n in range(8)]
        calls = [site.submit(path, body) for body in bodies]
        answers = [call.result() for call in calls]
        assert [a.status_code for a in answers] == [500 if n == 3 else 200 for n in range(8)]
        assert [prediction(a)["text"] for n, a in enumerate(answers) if n != 3] == list("0124567")
        left = {"leave": site.health()["models"]["m"]["restarts"], "raise": 0}[poison]
        site.wait_ready(left)
        assert bool(left) == (poison == "leave")
        site.assert_whole()


def test_a_worker_that_ends_in_a_stream_cuts_it_visibly(tmp_path: Path) -> None:
    with harmed(tmp_path, models="s=Streaming m=Faulty") as site:
        answer = site.predict("leave", "s")
        assert answer.status_code == 200
        assert answer.text.startswith("data: first\n\n")
        assert answer.text.endswith("event: error\ndata: the worker ended while it ran this prediction\n\n")
        site.wait_ready(1, "s")
        assert site.predict(model="m").status_code == 200
