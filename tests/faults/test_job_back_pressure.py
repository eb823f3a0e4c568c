"""A job that reports faster than the store writes has to wait; the server does not keep it all in memory."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from job_calls import Gate, ended, train
from serving import serving


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True], ids=["", "killed"])
def test_metrics_wait_for_the_store_and_none_is_lost(tmp_path: Path, killed: bool) -> None:
    counted = tmp_path / "counted"
    with Gate() as gate, serving("works=trainable:Works", "--data-dir", str(tmp_path / "data")) as server:
        job_id = train(server.client, "many_metrics", text=str(counted), number=gate.port)
        held = gate.arrival()
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "jobs.sqlite")) as database:
            database.execute("BEGIN IMMEDIATE")  # nobody else can write
            held.release()
            server.wait_for_log(rf"job {job_id}: .*; trying again")
            said = counted.stat().st_size
            assert 0 < said < 1000
            if killed:
                held.kill()
            database.rollback()
        found = ended(server.client, job_id, 60)
        assert found["state"] == ("failed" if killed else "succeeded")
        events = server.client.get(f"/v2/jobs/{job_id}/metrics", params={"format": "csv"}).text.splitlines()
        steps = [int(line.split(",")[1]) for line in events[1:]]
        assert steps == list(range(len(steps)))
        assert len(steps) >= (said if killed else 1000)
