"""kill -9 of a server with a thousand predictions queued, some of them running: each ends and counts once."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from job_calls import Gate, ended, events, predict
from serving import serving, wait_until

pytestmark = pytest.mark.slow
MANY = 1000
OPTIONS = ("works=trainable:Works", "--job-workers", "2", "--max-queued-jobs", "0")
KILL_AFTER = 200  # jobs have noted that they ran


def all_jobs(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while cursor is not None:
        page = client.get("/v2/jobs", params={"limit": 500, "cursor": cursor}).json()
        found += page["jobs"]
        cursor = page["next_cursor"]
    return found


def unended(client: httpx.Client) -> int:
    states = ("queued", "running", "interrupted")
    return sum(
        len(client.get("/v2/jobs", params={"state": state, "limit": 1}).json()["jobs"]) for state in states
    )


def test_a_thousand_queued_predictions_outlive_a_kill_and_each_result_is_there_once(tmp_path: Path) -> None:
    side = tmp_path / "side"
    data = ("--data-dir", str(tmp_path / "data"))
    with Gate() as gate, serving(*OPTIONS, *data) as server, ThreadPoolExecutor(8) as threads:
        held = [predict(server.client, "wait", number=gate.port) for _ in range(2)]
        arrived = [gate.arrival() for _ in held]

        def submit(number: int) -> str:
            return predict(server.client, "note", text=str(side), number=number)

        ids = list(threads.map(submit, range(MANY)))
        for one in arrived:
            one.release()
        wait_until(
            lambda: side.exists() and side.read_text().count("\n") >= KILL_AFTER, lambda: server.log, 30
        )
        server.process.kill()
        server.process.wait()
    with serving(*OPTIONS, *data) as server:
        began = time.monotonic()
        wait_until(lambda: not unended(server.client), lambda: server.log[-5000:])
        print(f"{MANY} jobs have ended {time.monotonic() - began:.1f} s after the server was there again")
        jobs = {job["id"]: job for job in all_jobs(server.client)}
        assert jobs.keys() == {*held, *ids}
        assert Counter(job["state"] for job in jobs.values()) == {"succeeded": MANY + len(held)}
        for job_id in held:
            assert ended(server.client, job_id)["state"] == "succeeded"
        noted = Counter(line.split()[0] for line in side.read_text().splitlines())
        assert noted.keys() == {str(number) for number in range(MANY)}
        again = {str(number) for number, job_id in enumerate(ids) if jobs[job_id]["attempt"] > 1}
        assert {number for number, count in noted.items() if count > 1} <= again
        for number, job_id in enumerate(ids):
            assert server.client.get(f"/v2/jobs/{job_id}/result").json()["predictions"] == number
            states = [event["state"] for event in events(server.client, job_id) if event["event"] == "state"]
            assert states.count("succeeded") == 1
            assert states[-1] == "succeeded"
            assert jobs[job_id]["attempt"] == 1 + states.count("interrupted")
