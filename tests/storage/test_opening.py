"""Opening a database: it is made, migrated or refused with advice; never repaired, never replaced."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from making import new_job
from postgres_server import Postgres
from sqlalchemy import text

from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.storage.errors import StoreDamaged, StoreReadOnly, StoreTooNew, StoreUnavailable

pytestmark = pytest.mark.anyio


async def test_a_database_of_a_newer_version_is_refused_and_not_touched(store: JobStore, where: str) -> None:
    await store.submit(new_job())
    for table, column in (("alembic_version", "version_num"), ("usable_from", "version")):
        newer = text(f"UPDATE {table} SET {column}='9999'")
        await store.database.write(lambda tx, newer=newer: tx.connection.execute(newer))
    await store.close()
    with pytest.raises(StoreTooNew, match=r"has tables of version 9999.*a newer modelport wrote it"):
        await JobStore.open(where)


async def test_a_database_of_something_else_is_refused(where: str, store: JobStore) -> None:
    await store.database.write(lambda tx: tx.connection.execute(text("DROP TABLE alembic_version")))
    await store.close()
    with pytest.raises(StoreDamaged, match="holds tables that modelport did not make"):
        await JobStore.open(where)


OPEN = """
import asyncio, sys
from modelport.jobs.records import NewJob
from modelport.jobs.store import JobStore
async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    store = await JobStore.open(sys.argv[1])
    await store.submit(NewJob(id=sys.argv[2], kind="train", model="m"))
    await store.close()
asyncio.run(main())
"""


@pytest.mark.slow
async def test_servers_that_start_at_once_take_turns(where: str) -> None:
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, where, f"job{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(3)
    ]
    for process in starting:
        assert process.stdout is not None
        process.stdout.readline()
    said = await asyncio.gather(*(asyncio.to_thread(process.communicate, b"\n", 30) for process in starting))
    assert [(process.returncode, errors) for process, (_, errors) in zip(starting, said, strict=True)] == [
        (0, b"")
    ] * 3
    store = await JobStore.open(where)
    assert (await store.counts())[State.QUEUED] == 3
    await store.close()


@pytest.fixture
async def filled(tmp_path: Path, anyio_backend: str) -> Path:
    """A database with fifty jobs, closed."""
    path = tmp_path / "jobs.sqlite"
    store = await JobStore.open(path)
    await asyncio.gather(*(store.submit(new_job(call=bytes(2000))) for _ in range(50)))
    await store.close()
    return path


async def test_an_empty_file_is_no_new_database(filled: Path) -> None:
    filled.write_bytes(b"")
    with pytest.raises(StoreDamaged, match=r"is damaged \(it is empty\).*Restore it from a backup"):
        await JobStore.open(filled)
    assert filled.read_bytes() == b""


async def test_a_log_without_its_database_is_kept(filled: Path) -> None:
    log = filled.with_name(filled.name + "-wal")
    filled.unlink()
    log.write_bytes(b"what was written last")
    with pytest.raises(StoreDamaged, match=r"the file is missing, but jobs.sqlite-wal is there"):
        await JobStore.open(filled)
    assert log.read_bytes() == b"what was written last"


async def test_half_a_file_and_no_database_are_refused(filled: Path) -> None:
    whole = filled.read_bytes()
    for broken in (whole[: len(whole) // 2], b"not a database, but long enough to be one" * 100):
        filled.write_bytes(broken)
        with pytest.raises(StoreDamaged, match=r"is damaged \(.*Nothing was changed"):
            await JobStore.open(filled)
        assert filled.read_bytes() == broken


async def test_no_damaged_page_goes_unnoticed_or_crashes(filled: Path, tmp_path: Path) -> None:
    """Each page in turn loses its head: opening it refuses with advice, or reads what is still whole."""
    whole = filled.read_bytes()
    size = int.from_bytes(whole[16:18], "big")
    refused = 0
    for start in range(0, len(whole), size):
        copy = tmp_path / f"copy{start}.sqlite"
        copy.write_bytes(whole[:start] + b"\xff" * 64 + whole[start + 64 :])
        try:
            store = await JobStore.open(copy)
        except StoreDamaged:
            refused += 1
        else:  # a page that is not in use, or holds the middle of a long value
            await store.counts()
            await store.close()
    assert refused > len(whole) // size // 3


async def test_rubbish_beside_the_file_does_no_harm(filled: Path) -> None:
    filled.with_name(filled.name + "-shm").write_bytes(b"rubbish" * 5000)
    filled.with_name(filled.name + "-wal").write_bytes(b"rubbish" * 5000)
    filled.with_name(filled.name + ".new").write_bytes(b"a start that was killed")
    store = await JobStore.open(filled)
    assert (await store.counts())[State.QUEUED] == 50
    await store.close()


async def test_what_a_killed_server_left_in_the_log_is_there(filled: Path, tmp_path: Path) -> None:
    """A copy made while the server runs is what kill -9 leaves: the newest jobs are only in the log."""
    store = await JobStore.open(filled)
    job, _ = await store.submit(new_job())
    for name in ("", "-wal"):
        shutil.copy(f"{filled}{name}", f"{tmp_path}/copy.sqlite{name}")
    await store.close()
    copy = await JobStore.open(tmp_path / "copy.sqlite")
    assert await copy.get(job.id) == job
    await copy.close()


async def test_a_place_that_cannot_be_written_is_refused_with_advice(anyio_backend: str) -> None:
    with pytest.raises(StoreReadOnly, match="cannot be opened .* --data-dir"):
        await JobStore.open("/proc/modelport/jobs.sqlite")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write any file")
async def test_a_file_that_may_only_be_read_is_refused_with_advice(filled: Path) -> None:
    filled.chmod(0o400)
    with pytest.raises(StoreReadOnly, match=r"cannot be written: let the user .* --data-dir"):
        await JobStore.open(filled)


async def test_the_file_is_for_its_owner_alone(filled: Path) -> None:
    assert filled.stat().st_mode & 0o077 == 0
    with sqlite3.connect(filled) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (50,)
    connection.close()


async def test_a_postgresql_that_cannot_be_used_says_why(postgres: Postgres, anyio_backend: str) -> None:
    for where, why in (
        (postgres.url("nothing_here"), 'database "nothing_here" does not exist'),
        ("postgresql://tests:geheim@127.0.0.1:1/jobs", "refused"),
        ("postgresql://:::", "write postgresql://user:password@host:5432/name"),
    ):
        with pytest.raises(StoreUnavailable, match=why) as raised:
            await JobStore.open(where)
        assert "geheim" not in str(raised.value)
