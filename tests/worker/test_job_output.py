"""What a job says reaches its log and its progress whole: printed, logged, by threads, children and bars."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from job_calls import Gate, ended, events, job, log, train
from serving import serving

FLOOD = 100_000


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving("works=trainable:Works", "t=trainable:Trainable", "--job-workers", "2") as server:
        yield server.client


def done(client: httpx.Client, do: str, **arguments: Any) -> str:
    job_id = train(client, do, **arguments)
    found = ended(client, job_id)
    assert found["state"] == "succeeded", found
    return job_id


def test_every_way_to_write_a_line(client: httpx.Client) -> None:
    lines = log(client, done(client, "say"))
    assert lines[:7] == [
        "printed in pieces",
        "to stderr",
        "logged",
        "loading 100 %",
        "colour \\x1b[31mred\\x1b[0m and a bell \\x07",
        "not UTF-8: \ufffd\ufffd",
        "a child speaks",
    ]
    assert re.fullmatch(r"x{4096} \[cut\]", lines[7])
    rest = ["", "", "two empty lines stand above, one below", "", "the last has no end"]
    assert lines[8:] == rest


def test_threads_that_speak_at_once_do_not_mix_their_lines(client: httpx.Client) -> None:
    job_id = done(client, "threads", number=40)
    wanted = [
        f"thread {name} {how} line {n}" for name in range(8) for n in range(40) for how in ("prints", "logs")
    ]
    assert Counter(log(client, job_id)) == Counter(wanted)
    series = client.get(f"/v2/jobs/{job_id}/metrics").json()["metrics"]
    assert {name: [point["step"] for point in points] for name, points in series.items()} == {
        f"thread {name}": list(range(40)) for name in range(8)
    }


def test_bars_of_tqdm_become_progress_and_leave_the_log_alone(client: httpx.Client) -> None:
    job_id = done(client, "bars")
    wanted = [line for n in range(3) for line in (f"epoch {n} is over", f"and epoch {n} is printed")]
    assert log(client, job_id) == wanted
    said = [event for event in events(client, job_id) if event["event"] == "progress"]
    assert {(event["total"], event["message"]) for event in said} == {(3.0, "epochs")}
    steps = [event["done"] for event in said]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0.0, 3.0)
    assert job(client, job_id)["progress"] == {"done": 3.0, "total": 3.0, "message": "epochs"}


def test_a_bar_that_is_meant_for_terminals_is_progress_too(client: httpx.Client) -> None:
    job_id = done(client, "shy_bar")
    assert job(client, job_id)["progress"] == {"done": 4.0, "total": 4.0, "message": "shy"}
    assert log(client, job_id) == []


def test_of_fast_progress_the_last_always_comes(client: httpx.Client, gate: Gate) -> None:
    """Also when the job does something else for long after it, or ends."""
    job_id = train(client, "progress", number=gate.port)
    held = gate.arrival()
    with client.stream("GET", f"/v2/jobs/{job_id}/events") as answer:
        assert any('"done":499.0' in line for line in answer.iter_lines())
    assert job(client, job_id)["progress"] == {"done": 499.0, "total": 1000.0, "message": "first half"}
    held.release()
    assert ended(client, job_id)["progress"] == {"done": 989.0, "total": 1000.0, "message": "second half"}
    said = [event["done"] for event in events(client, job_id) if event["event"] == "progress"]
    assert said == sorted(said)
    assert len(said) < 100  # of 990


@pytest.mark.slow
def test_a_flood_of_lines_is_stored_or_counted(client: httpx.Client) -> None:
    job_id = done(client, "flood", number=FLOOD)
    lines = log(client, job_id)
    missing = sum(int(n) for n in re.findall(r"^\[(\d+) lines came faster", "\n".join(lines), re.MULTILINE))
    whole = [line for line in lines if not line.startswith("[")]
    assert len(whole) + missing == FLOOD
    assert [int(line.removeprefix("line ")) for line in whole] == sorted(
        int(line.removeprefix("line ")) for line in whole
    )
    assert len(set(whole)) == len(whole)


def test_what_a_job_said_before_it_died_is_in_its_log(client: httpx.Client, tmp_path: Path) -> None:
    job_id = train(client, "shot", text=str(tmp_path / "side"), number=9)
    found = ended(client, job_id)
    assert (found["state"], found["ended_by"]) == ("failed", "crash, signal SIGKILL")
    assert found["error"] == "its process ended: signal SIGKILL"
    assert log(client, job_id) == ["about to die"]


def test_stdout_and_stderr_are_one_log_in_the_order_of_writing(client: httpx.Client) -> None:
    answer = client.post("/v2/models/t/train/", json={"epochs": 3})
    job_id = answer.json()["uuid"]
    assert ended(client, job_id)["state"] == "succeeded"
    assert log(client, job_id) == [f"{what} {epoch}" for epoch in range(3) for what in ("epoch", "warning")]
    shown = client.get(f"/v2/jobs/{job_id}/artifacts/").json()["artifacts"]
    assert [artifact["name"] for artifact in shown] == ["notes.txt"]
    assert client.get(f"/v2/models/t/train/{job_id}").json()["result"]["output"]["epochs"] == 3


def test_a_validation_is_a_job_of_its_own_kind(client: httpx.Client) -> None:
    answer = client.post("/v2/models/t/validate/", json={"rows": 5})
    assert answer.status_code == 200
    job_id = answer.json()["uuid"]
    assert ended(client, job_id)["kind"] == "validate"
    assert client.get(f"/v2/models/t/validate/{job_id}").json()["result"]["output"]["rows"] == 5
    assert job_id in [one["uuid"] for one in client.get("/v2/models/t/validate/").json()]
    assert job_id not in [one["uuid"] for one in client.get("/v2/models/t/train/").json()]
