"""kill -9 in the middle of a batch job: the next attempt goes on at the last chunk."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import httpx
import pytest
from job_calls import Gate, Held, ended, events, job
from serving import serving

ROWS = 10_000
CHUNK = 1000
STOPS_AT = 7000


def begin(client: httpx.Client, gate: Gate, log: Path, wait: str = "wait") -> str:
    """A batch job that waits at the gate when it comes to row 7000."""
    rows = [f"{number + 100},{wait if number == STOPS_AT else ''}\n" for number in range(ROWS)]
    query = f"?chunk_rows={CHUNK}&format=jsonl&keep=a&log={log}&gate={gate.port}"
    answer = client.post(
        f"/v2/models/sums/predict/batch{query}",
        content="a,note\n" + "".join(rows),
        headers={"content-type": "text/csv"},
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def on_disk(data: Path, job_id: str) -> int:
    """The rows whose answers are on the disk, of which there are some: a part has no more than 5000."""
    parts = data.glob(f"jobs/*/{job_id}/checkpoints/batch/rows-*.jsonl")
    rows = sum(int(path.name.split("-")[2]) for path in parts)
    assert CHUNK <= rows <= STOPS_AT
    return rows


def check(client: httpx.Client, job_id: str, log: Path, kept: int) -> None:
    """Each row is in the answer once, in order; and those that were kept were predicted once."""
    attempts = 2
    found = ended(client, job_id)
    assert (found["state"], found["attempt"]) == ("succeeded", attempts), found
    result = client.get(f"/v2/jobs/{job_id}/result").json()
    assert (result["rows"], result["succeeded"]) == (ROWS, ROWS)
    lines = client.get(f"/v2/jobs/{job_id}/artifacts/{result['artifact']}").text.splitlines()
    assert [line.split('"')[3] for line in lines] == [str(number + 100) for number in range(ROWS)]
    calls = Counter(map(int, log.read_text().split()))
    assert {calls[number + 100] for number in range(kept)} == {1}
    assert calls[STOPS_AT + 100] == attempts
    assert set(calls) == {number + 100 for number in range(ROWS)}


@pytest.mark.slow
def test_a_process_that_is_killed_is_followed_by_one_that_goes_on(tmp_path: Path, gate: Gate) -> None:
    log, data = tmp_path / "calls", tmp_path / "data"
    with serving("sums=batch_models:Sums", "--data-dir", str(data)) as server:
        job_id = begin(server.client, gate, log)
        held = gate.arrival()
        kept = on_disk(data, job_id)
        held.kill()
        again = gate.arrival()
        assert (held.attempt, again.attempt) == (1, 2)
        again.release()
        check(server.client, job_id, log, kept)
        progress = [e for e in events(server.client, job_id) if e["event"] == "progress"]
        assert progress[-1]["done"] == ROWS
        assert all(event["done"] > kept for event in progress if event["attempt"] == 2)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_ends_is_followed_by_one_that_goes_on(
    tmp_path: Path, gate: Gate, number: signal.Signals
) -> None:
    log, data = tmp_path / "calls", tmp_path / "data"
    with serving("sums=batch_models:Sums", "--data-dir", str(data)) as server:
        job_id = begin(server.client, gate, log)
        held: Held = gate.arrival()
        kept = on_disk(data, job_id)
        server.stop(number)
        held.wait_end()
    with serving("sums=batch_models:Sums", "--data-dir", str(data)) as server:
        gate.arrival().release()
        check(server.client, job_id, log, kept)
        folder = next(data.glob(f"jobs/*/{job_id}"))
        assert not (folder / "inputs").exists()
        assert not (folder / "checkpoints/batch").exists()


@pytest.mark.slow
def test_a_batch_job_is_cancelled_within_a_chunk(tmp_path: Path, gate: Gate) -> None:
    with serving("sums=batch_models:Sums", "--cancel-grace", "60") as server:
        job_id = begin(server.client, gate, tmp_path / "calls")
        held = gate.arrival()
        assert job(server.client, job_id)["state"] == "running"
        assert server.client.delete(f"/v2/jobs/{job_id}").status_code == 202
        held.wait_end()
        found = ended(server.client, job_id)
        assert (found["state"], found["ended_by"]) == ("cancelled", "SIGTERM")
        assert server.client.get(f"/v2/jobs/{job_id}/artifacts/").json() == {"artifacts": []}
