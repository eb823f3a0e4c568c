"""The place of shared files, at an S3 and in a folder: what comes back is what was put there, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from making import new_job
from s3_server import S3, s3_server

from modelport.jobs.folders import JobFolders
from modelport.jobs.records import Outcome
from modelport.jobs.shared_files import SharedFiles
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.settings import Settings
from modelport.storage.errors import StoreDamaged, StoreError
from modelport.storage.files.place import FilesUnavailable
from modelport.storage.service import Storage

pytestmark = pytest.mark.anyio
LARGE = bytes(range(256)) * (80 << 10)  # 20 MiB: more than one part
JOB = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


@pytest.fixture(params=["s3", "file"])
def url(request: pytest.FixtureRequest, s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3.variables.items():
        monkeypatch.setenv(name, value)
    return f"{s3.url}/{tmp_path.name}" if request.param == "s3" else f"file://{tmp_path}/place"


class Disk:
    """A server's: its folders, and what it shares."""

    def __init__(self, url: str, storage: Storage, folder: Path):
        self.folders = JobFolders(folder)
        self.shared = SharedFiles(url, storage, self.folders)

    def write(self, job_id: str, path: str, data: bytes) -> None:
        file = self.folders.of(job_id) / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def read(self, job_id: str, path: str) -> bytes:
        return (self.folders.of(job_id) / path).read_bytes()


async def test_files_are_brought_back_as_they_were_and_not_otherwise(url: str, tmp_path: Path) -> None:
    storage = Storage(Settings(data_dir=str(tmp_path / "data")))
    await storage.open()
    store = JobStore(storage.database)
    one, other = (Disk(url, storage, tmp_path / name) for name in ("one", "other"))
    files = {"artifacts/model/weights": LARGE, "artifacts/model/ä ?.json": b"{}", "result/1": b"12"}
    for path, data in files.items():
        one.write(JOB, path, data)
    one.write(JOB, "inputs/body", b"given")
    given = await one.shared.keep(JOB, ("inputs",))
    await store.submit(new_job(id=JOB, files=given))
    await other.shared.bring(JOB, "inputs")
    assert other.read(JOB, "inputs/body") == b"given"

    (claim,) = await store.claim("a", 1, 60.0)
    kept = await one.shared.keep(JOB)
    assert kept == await one.shared.keep(JOB)  # the same again is the same
    await other.shared.bring(JOB, "artifacts/model")
    assert not (other.folders.of(JOB) / "artifacts").exists()  # nothing names them yet
    ended = Outcome(state=State.SUCCEEDED, files=kept)
    assert await store.finish(JOB, claim.token, ended) is not None
    await other.shared.bring(JOB, "artifacts/model")
    for path in list(files)[:2]:
        assert other.read(JOB, path) == files[path]
    assert not (other.folders.of(JOB) / "result").exists()
    assert sorted(file.path for file in await other.shared.listed(JOB)) == sorted(files)

    third = Disk(url, storage, tmp_path / "third")
    place = await third.shared._opened()
    key = f"jobs/{JOB[-2:]}/{JOB}/{next(f.sha256 for f in await third.shared.listed(JOB) if f.size == 2)}"
    place.put(key, b"[]")
    with pytest.raises(FilesUnavailable, match="is not what was put there"):
        await third.shared.bring(JOB, "artifacts")
    place.remove([key])
    with pytest.raises(StoreDamaged, match="is gone"):
        await third.shared.bring(JOB, "artifacts")
    assert not list(third.folders.root.rglob("*partial"))

    stray = "f" * 32
    for disk in (one, other):
        disk.write(stray, "artifacts/a", b"a")
    await one.shared.keep(stray)
    assert await one.shared.sweep() == []  # they may be on their way
    assert await one.shared.sweep(old_seconds=-60.0) == [stray, stray]  # there, and on this disk
    assert not place.objects(f"jobs/ff/{stray}")
    assert place.objects(f"jobs/{JOB[-2:]}/{JOB}")
    assert other.read(stray, "artifacts/a") == b"a"
    await one.shared.forget(JOB)
    assert not place.objects(f"jobs/{JOB[-2:]}/{JOB}")
    for disk in (one, other, third):
        disk.shared.close()
    await storage.close()


async def test_a_place_that_is_not_there_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    disk = Disk("s3://nowhere", Storage(Settings(data_dir=str(tmp_path))), tmp_path)
    disk.write(JOB, "artifacts/a", b"a")
    with pytest.raises(StoreError, match="the shared files at s3://nowhere cannot be used now"):
        await disk.shared.keep(JOB)
    disk.shared.close()
