"""Predictions that are jobs run one after the other in a process that keeps its model, or some together."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from job_calls import ASYNC, Gate, Held, ended, events, log, reached
from serving import Server, serving, wait_until

import modelport
from modelport.jobs import warm_workers
from modelport.jobs.folders import JobFolders

Submit = Callable[..., str]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Server]:
    models = ("warm=warm_models:Warm", "many=warm_models:Many", "big=warm_models:Big")
    # A quarter of the grace is for the flag, which is enough where the machine is busy.
    with serving(*models, "--data-dir", str(data), "--cancel-grace", "20") as running:
        yield running


def submit(client: httpx.Client, model: str, headers: dict[str, str] = {}, **body: Any) -> str:
    answer = client.post(f"/v2/models/{model}/predict/", json=body, headers={**ASYNC, **headers})
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def result(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """What a job that succeeds has predicted."""
    found = ended(client, job_id)
    assert found["state"] == "succeeded", found
    return client.get(f"/v2/jobs/{job_id}/result").json()


def warm(client: httpx.Client, do: str = "", **body: Any) -> dict[str, Any]:
    return result(client, submit(client, "warm", do=do, **body))


def test_jobs_of_a_model_share_a_process_that_is_none_of_those_for_requests(client: httpx.Client) -> None:
    found = [warm(client) for _ in range(3)]
    assert len({one["pid"] for one in found}) == 1
    assert [one["jobs"] - found[0]["jobs"] for one in found] == [0, 1, 2]
    assert len({one["id"] for one in found}) == 3
    live = client.post("/v2/models/warm/predict/", json={}).json()
    assert live["pid"] != found[0]["pid"]


def test_what_a_job_has_changed_around_it_the_next_does_not_find(client: httpx.Client) -> None:
    before = warm(client)
    first = submit(client, "warm", do="move")
    moved = result(client, first)
    second = submit(client, "warm", do="speak")
    after = result(client, second)
    assert after["pid"] == moved["pid"]
    for name in ("folder", "variable", "hour", "handler", "status", "blocked", "timer", "umask"):
        assert after[name] == before[name]
    assert log(client, first)[-1] == "without an end"
    assert log(client, second) == ["a line", "past Python"]


def test_what_a_job_does_to_its_outputs_costs_the_next_nothing(client: httpx.Client) -> None:
    silent = warm(client, "silence")
    second = submit(client, "warm", do="speak")
    assert result(client, second)["pid"] == silent["pid"]
    assert log(client, second) == ["a line", "past Python"]


@pytest.mark.parametrize("what", ["wrap", "detach"])
def test_a_job_that_closes_an_output_in_python_costs_its_process_and_not_the_next(
    client: httpx.Client, what: str
) -> None:
    closed = warm(client, what)
    second = submit(client, "warm", do="speak")
    assert result(client, second)["pid"] != closed["pid"]
    assert log(client, second)[-2:] == ["a line", "past Python"]


def test_bars_of_a_job_are_its_own_progress(client: httpx.Client) -> None:
    for _ in range(2):
        job_id = submit(client, "warm", do="bars")
        number = result(client, job_id)["jobs"]
        said = {event["message"] for event in events(client, job_id) if event["event"] == "progress"}
        assert said & {"open", f"bar of {number}"}
        assert said <= {"open", f"bar of {number}"}
        assert log(client, job_id) in ([], ["this is loaded"])


@pytest.mark.parametrize("what", ["thread", "child", "daemon"])
def test_a_process_in_which_something_of_a_job_goes_on_takes_no_other(
    server: Server, client: httpx.Client, what: str
) -> None:
    first = warm(client, what)["pid"]
    assert warm(client)["pid"] != first
    started = psutil.Process(server.process.pid)

    def left() -> list[str]:
        return [
            " ".join(one.cmdline())
            for one in started.children(recursive=True)
            if "sleep(600)" in str(one.cmdline())
        ]

    wait_until(lambda: not psutil.pid_exists(first) and not left(), lambda: f"{left()}\n{server.log}")


def test_threads_that_an_executor_keeps_for_later_are_no_hindrance(client: httpx.Client) -> None:
    first = warm(client, "executor")["pid"]
    assert warm(client)["pid"] == first


def test_a_job_that_ends_when_it_is_asked_keeps_its_process(client: httpx.Client) -> None:
    with Gate() as gate:
        job_id = submit(client, "warm", do="polite", gate=gate.port)
        held = gate.arrival()
        held.release()
        client.delete(f"/v2/jobs/{job_id}")
        assert ended(client, job_id)["ended_by"] == "flag"
        again = submit(client, "warm", do="polite", gate=gate.port)
        held = gate.arrival()
        held.release()
        assert reached(client, again, ("running",))["cancel_requested"] is False
        client.delete(f"/v2/jobs/{again}")
        assert ended(client, again)["ended_by"] == "flag"
        assert warm(client)["pid"] == held.pid


@pytest.mark.slow
def test_a_job_that_does_not_costs_it(client: httpx.Client) -> None:
    with Gate() as gate:
        job_id = submit(client, "warm", do="wait", gate=gate.port)
        held = gate.arrival()
        client.delete(f"/v2/jobs/{job_id}")
        assert ended(client, job_id)["ended_by"] == "SIGTERM"
    assert warm(client)["pid"] != held.pid


def test_a_process_that_is_killed_while_it_has_no_job_costs_none(
    server: Server, client: httpx.Client
) -> None:
    first = warm(client)["pid"]
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(first), lambda: server.log)
    job_id = submit(client, "warm")
    assert result(client, job_id)["pid"] != first
    assert ended(client, job_id)["attempt"] == 1


def test_only_a_job_that_keeps_files_has_a_folder(client: httpx.Client, data: Path) -> None:
    folders = JobFolders(data)
    plain, keeps = submit(client, "warm"), submit(client, "warm", do="keep")
    large = submit(client, "big", size=3_000_000)
    for job_id in (plain, keeps, large):
        result(client, job_id)
    assert not folders.of(plain).exists()
    assert client.get(f"/v2/jobs/{keeps}/artifacts/notes").text == keeps
    assert [path.name for path in folders.of(large).iterdir()] == ["result"]


def test_a_job_that_is_over_keeps_no_more_files(client: httpx.Client) -> None:
    first, late = submit(client, "warm", do="keep"), submit(client, "warm", do="keep_late")
    result(client, first)
    failed = ended(client, late)
    assert (failed["state"], failed["error"]) == (
        "failed",
        f"the job {first} is over, and keeps no more files",
    )
    names = [kept["name"] for kept in client.get(f"/v2/jobs/{first}/artifacts").json()["artifacts"]]
    assert names == ["notes"]


@pytest.mark.slow
def test_what_was_claimed_ahead_waits_again_behind_a_job_that_takes_its_time(
    server: Server, client: httpx.Client
) -> None:
    """Those before it take milliseconds, so that some are claimed before a worker is free for them."""
    with Gate() as gate:
        first = submit(client, "warm", do="wait", gate=gate.port)
        held = gate.arrival()
        quick = [submit(client, "warm") for _ in range(60)]
        slow = submit(client, "warm", do="wait", gate=gate.port)
        late = [submit(client, "warm") for _ in range(30)]
        held.release()
        held = gate.arrival()

        def running() -> list[str]:
            return [one["id"] for one in client.get("/v2/jobs?state=running").json()["jobs"]]

        wait_until(lambda: running() == [slow], lambda: f"{running()}\n{server.log}")
        held.release()
        for job_id in (first, *quick, slow, *late):
            found = ended(client, job_id)
            assert (found["state"], found["attempt"]) == ("succeeded", 1)


@pytest.fixture
def busy(client: httpx.Client) -> Iterator[Held]:
    """The process of jobs of `many` is at work."""
    with Gate() as gate:
        job_id = submit(client, "many", do="wait", gate=gate.port)
        held = gate.arrival()
        yield held
        assert ended(client, job_id)["state"] == "succeeded"


def test_jobs_that_wait_are_run_together(client: httpx.Client, busy: Held) -> None:
    waiting = [submit(client, "many", number=number) for number in range(3)]
    busy.release()
    assert [result(client, job_id) for job_id in waiting] == [
        {"number": number, "together": 3, "pid": busy.pid} for number in range(3)
    ]
    for job_id in waiting:  # who predicts for several at once prints for all of them
        assert log(client, job_id) == ["number 0", "number 1", "number 2"]


def test_one_that_fails_fails_alone(client: httpx.Client, busy: Held) -> None:
    good, bad = submit(client, "many", number=1), submit(client, "many", do="fail", number=2)
    busy.release()
    assert result(client, good)["together"] == 1
    failed = ended(client, bad)
    assert (failed["state"], failed["error"], failed["attempt"]) == ("failed", "number 2 is no good", 1)


def test_after_a_crash_each_is_tried_by_itself(client: httpx.Client, busy: Held) -> None:
    waiting = [submit(client, "many", number=number) for number in range(2)]
    deadly = submit(client, "many", do="die", number=2)
    busy.release()
    for number, job_id in enumerate(waiting):
        found = result(client, job_id)
        assert (found["number"], found["together"]) == (number, 1)
        assert ended(client, job_id)["attempt"] == 2
    found = ended(client, deadly)
    assert (found["state"], found["attempt"]) == ("failed", 3)
    assert found["error"] == "its process ended: exit status 9"


def test_one_of_several_is_called_off_before_they_begin(client: httpx.Client, busy: Held) -> None:
    first, second = submit(client, "many", number=1), submit(client, "many", number=2)
    client.delete(f"/v2/jobs/{first}")
    busy.release()
    assert ended(client, first)["ended_by"] == "before it ran"
    assert result(client, second)["together"] == 1


def test_workers_end_when_no_job_comes_and_with_the_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(warm_workers, "IDLE_SECONDS", 0.2)
    source = str(Path(__file__).parents[1] / "models" / "warm_models.py")
    with modelport.running(f"warm={source}:Warm", data_dir=str(tmp_path)) as url:
        with httpx.Client(base_url=url, timeout=30) as client:
            idle = warm(client)["pid"]
            wait_until(lambda: not psutil.pid_exists(idle), lambda: f"{idle} lives")
            monkeypatch.setattr(warm_workers, "IDLE_SECONDS", 600.0)
            last = warm(client)["pid"]
            assert last != idle
            assert psutil.pid_exists(last)
    assert not psutil.pid_exists(last)
