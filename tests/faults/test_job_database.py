"""A database that is locked, pinned, damaged or of another time: jobs say so, and predictions go on."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from job_calls import ASYNC, Gate, ended, job, predict
from serving import Server, serving, wait_until

pytestmark = pytest.mark.slow
MODELS = ("works=trainable:Works",)
spawn = multiprocessing.get_context("spawn")


@pytest.fixture
def gate() -> Iterator[Gate]:
    with Gate() as opened:
        yield opened


def ask(client: httpx.Client, **body: object) -> httpx.Response:
    headers = ASYNC | {"Idempotency-Key": uuid.uuid4().hex}  # without it, a server without jobs just predicts
    return client.post("/v2/models/works/predict/", json=body, headers=headers)


def assert_predicts(client: httpx.Client) -> None:
    assert client.post("/v2/models/works/predict/", json={}).status_code == 200


def _hold(path: str, statement: str, held: object, let_go: object) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE" if statement == "write" else "BEGIN")
    connection.execute("SELECT count(*) FROM jobs").fetchall()
    held.set()  # type: ignore[attr-defined]
    let_go.wait()  # type: ignore[attr-defined]
    connection.close()


@contextlib.contextmanager
def held_by_another(path: Path, how: str) -> Iterator[None]:
    """Another process that has the database open, to `read` or to `write`."""
    held, let_go = spawn.Event(), spawn.Event()
    other = spawn.Process(target=_hold, args=(str(path), how, held, let_go))
    other.start()
    try:
        assert held.wait(30)
        yield
    finally:
        let_go.set()
        other.join()


def test_a_locked_database_is_503_and_what_runs_goes_on(tmp_path: Path, gate: Gate) -> None:
    with serving(*MODELS, "--data-dir", str(tmp_path)) as server:
        client = server.client
        running = predict(client, "wait", number=gate.port)
        held = gate.arrival()
        with held_by_another(tmp_path / "jobs.sqlite", "write"):
            refused = ask(client)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert "has been locked by another process for 5 seconds" in refused.json()["detail"]
            assert job(client, running)["state"] == "running"  # reading goes on
            assert_predicts(client)
            held.release()
            held.wait_end()
            server.wait_for_log(rf"job {running}: .* locked by another process")
        found = ended(client, running)
        assert (found["state"], found["attempt"]) == ("succeeded", 1)
        assert ended(client, predict(client))["state"] == "succeeded"
        assert "Traceback" not in server.log


def test_a_long_reader_pins_the_log_only_while_it_reads(tmp_path: Path) -> None:
    """As a backup does: the -wal grows meanwhile, and is cut afterwards."""
    wal = tmp_path / "jobs.sqlite-wal"
    limit = 64 << 20
    with serving(*MODELS, "--data-dir", str(tmp_path)) as server:
        client = server.client
        with held_by_another(tmp_path / "jobs.sqlite", "read"):
            while wal.stat().st_size < limit * 5 // 4:
                predict(client, text="x" * 900_000)
        wait_until(
            lambda: ask(client).status_code == 202 and wal.stat().st_size <= limit,
            lambda: f"{wal.stat().st_size} bytes",
        )


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that was killed: jobs in the database, the newest only in its log."""
    folder = tmp_path_factory.mktemp("killed")
    with serving(*MODELS, "--data-dir", str(folder)) as server:
        first = predict(server.client)
        for number in range(3):
            predict(server.client, text="x" * 60_000, number=number)
        ended(server.client, first)
        server.process.kill()
        server.process.wait()
    assert (folder / "jobs.sqlite-wal").stat().st_size
    return folder


@pytest.fixture
def data(killed: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(killed, tmp_path / "data"))


def contents(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in data.glob("jobs.sqlite*") if path.suffix != ".lock"}


def flip(path: Path) -> None:
    """One bit in each of some pages, where what they hold is described."""
    whole = bytearray(path.read_bytes())
    for start in range(4096, len(whole), 4096):
        whole[start + 3] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("cut", "is damaged ("),
        ("bits", "is damaged ("),
        ("empty", "is damaged (it is empty)"),
        ("gone", "is damaged (the file is missing, but jobs.sqlite-wal is there)"),
        ("newer", "has tables of version 9999, which this modelport does not know"),
        ("older", "holds tables that modelport did not make, or has lost some of its own"),
    ],
)
def test_a_damaged_database_is_refused_with_advice_and_left_as_it_is(
    data: Path, damage: str, why: str
) -> None:
    path = data / "jobs.sqlite"
    if damage in ("newer", "older", "bits", "cut"):  # all into the file: its log would mend it
        connection = sqlite3.connect(path)
        if damage == "newer":
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            connection.execute("UPDATE usable_from SET version = '9999'")
        if damage == "older":
            connection.execute("DROP TABLE alembic_version")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    if damage == "bits":
        flip(path)
    if damage in ("cut", "empty"):
        os.truncate(path, path.stat().st_size // 2 if damage == "cut" else 0)
    if damage == "gone":
        path.unlink()
    before = contents(data)
    with serving(*MODELS, "--data-dir", str(data)) as server:
        assert_predicts(server.client)
        for answer in (ask(server.client), server.client.get("/v2/jobs")):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert why in answer.json()["detail"]
        server.wait_for_log(re.escape(why))
        assert "Traceback" not in server.log
    after = contents(data)
    assert {name: after[name] for name in before if not name.endswith("-shm")} == {
        name: content for name, content in before.items() if not name.endswith("-shm")
    }


def test_without_its_log_a_database_is_what_it_was_at_the_last_checkpoint(data: Path) -> None:
    """Whoever removes the -wal after a crash removes the newest jobs: what is left is whole, and works."""
    for name in ("jobs.sqlite-wal", "jobs.sqlite-shm"):
        (data / name).unlink()
    with serving(*MODELS, "--data-dir", str(data)) as server:
        client = server.client
        assert ended(client, predict(client))["state"] == "succeeded"
        for found in client.get("/v2/jobs?limit=100").json()["jobs"]:
            assert ended(client, found["id"])["state"] == "succeeded"
        assert "Traceback" not in server.log


def test_a_database_that_breaks_while_it_is_used(data: Path) -> None:
    with serving(*MODELS, "--data-dir", str(data)) as server:
        client = server.client
        wait_for_all(server)
        path = data / "jobs.sqlite"
        path.write_bytes(b"\xff" * path.stat().st_size)  # in place: the server has the file open
        (data / "jobs.sqlite-wal").write_bytes(b"")
        answers = [ask(client), client.get("/v2/jobs?limit=100")]
        assert all(answer.status_code in (202, 200, 503) for answer in answers), answers
        assert 503 in [answer.status_code for answer in answers]
        for answer in answers:
            if answer.status_code == 503:
                assert "damaged" in answer.json()["detail"] or "failed" in answer.json()["detail"]
        assert_predicts(client)
        assert "Traceback" not in server.log
    with serving(*MODELS, "--data-dir", str(data)) as server:
        assert ask(server.client).status_code == 503
        assert_predicts(server.client)


def wait_for_all(server: Server) -> None:
    for found in server.client.get("/v2/jobs?limit=100").json()["jobs"]:
        ended(server.client, found["id"])


def test_a_job_of_a_host_that_was_renamed_is_found_whatever_the_clock_says(data: Path, gate: Gate) -> None:
    """As of a container that is made anew on its old volume, with the clock set back by an hour."""
    with serving(*MODELS, "--data-dir", str(data)) as server:
        job_id = predict(server.client, "wait", number=gate.port)
        gate.arrival()
        server.process.kill()
        server.process.wait()
    connection = sqlite3.connect(data / "jobs.sqlite")
    connection.execute(
        "UPDATE jobs SET owner = 'elsewhere:1:1:abcd', lease_until = lease_until + 3600 WHERE id = ?",
        (job_id,),
    )
    connection.commit()
    connection.close()
    with serving(*MODELS, "--data-dir", str(data)) as server:
        held = gate.arrival()
        assert held.attempt == 2
        held.release()
        assert ended(server.client, job_id)["state"] == "succeeded"
