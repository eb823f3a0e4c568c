"""The place of shared files, at an S3 and in a folder: what comes back is what was put there, or nothing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from making import as_it_is, new_job
from s3_server import S3, s3_server

from modelport.jobs.checkpoints import Checkpoints
from modelport.jobs.folders import JobFolders
from modelport.jobs.records import Claim, Outcome
from modelport.jobs.shared_files import SharedFiles
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.settings import Settings
from modelport.storage.errors import StoreDamaged, StoreError
from modelport.storage.files.place import FilesUnavailable, Place
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


def objects(place: Place) -> set[str]:
    """The keys of what there is of the job."""
    return set(place.objects(f"jobs/{JOB[-2:]}/{JOB}"))


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
    await storage.open(as_it_is)
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


async def test_a_training_goes_on_elsewhere_from_its_last_checkpoints(url: str, tmp_path: Path) -> None:
    storage = Storage(Settings(data_dir=str(tmp_path / "data")))
    await storage.open(as_it_is)
    store = JobStore(storage.database)
    one, other = (Disk(url, storage, tmp_path / name) for name in ("one", "other"))
    one.write(JOB, "inputs/body", b"given")
    given = await one.shared.keep(JOB, ("inputs",))
    await store.submit(new_job(id=JOB, kind="train", files=given, max_attempts=9))

    async def claimed(disk: Disk) -> tuple[Claim, Checkpoints]:
        (claim,) = await store.claim("a", 1, 60.0)
        here = Checkpoints(store, disk.shared, claim)
        await here.bring()
        return claim, here

    def disk_paths(disk: Disk) -> set[str]:
        folder = disk.folders.of(JOB)
        return {path.relative_to(folder).as_posix() for path in (folder / "checkpoints").rglob("*")}

    first, here = await claimed(one)
    assert not await here.share()  # there are none
    for epoch in range(3):
        one.write(JOB, "checkpoints/weights", LARGE[epoch:])
        one.write(JOB, "checkpoints/epoch", b"%d" % epoch)
        assert not await here.share(quiet=3600.0)  # they may be half of what they will be
        assert await here.share()
    place = await one.shared._opened()
    assert len(objects(place)) == 5  # two lists, an input, and two files
    assert await here.share()
    one.write(JOB, "checkpoints/epoch", b"3")  # which nobody sees before the server dies

    await store.stop(JOB, first.token, Outcome(state=State.INTERRUPTED))
    second, further = await claimed(other)
    assert other.read(JOB, "checkpoints/epoch") == b"2"
    assert other.read(JOB, "checkpoints/weights") == LARGE[2:]
    assert not await here.share()  # the other one has it now
    assert {file.path for file in await other.shared.listed(JOB)} == {
        "inputs/body", "checkpoints/epoch", "checkpoints/weights",
    }  # fmt: skip
    other.write(JOB, "checkpoints/epoch", b"7")
    (other.folders.of(JOB) / "checkpoints/weights").unlink()
    assert await further.share()

    await store.stop(JOB, second.token, Outcome(state=State.INTERRUPTED))
    third, _ = await claimed(one)
    assert one.read(JOB, "checkpoints/epoch") == b"7"
    assert disk_paths(one) == {"checkpoints/epoch"}
    one.write(JOB, "checkpoints/epoch", b"8")
    await store.stop(JOB, third.token, Outcome(state=State.INTERRUPTED))
    fourth, _ = await claimed(one)
    assert one.read(JOB, "checkpoints/epoch") == b"8"  # on this disk is what the last attempt has left

    (key,) = [f"jobs/{JOB[-2:]}/{JOB}/{f.sha256}" for f in await one.shared.listed(JOB) if f.size == 1]
    place.remove([key])
    await store.stop(JOB, fourth.token, Outcome(state=State.INTERRUPTED))
    fifth, anew = await claimed(other)
    assert disk_paths(other) == set()  # it begins anew
    other.write(JOB, "checkpoints/epoch", b"9")
    assert await anew.share()
    other.write(JOB, "artifacts/a", b"a")
    kept = await other.shared.keep(JOB)
    assert await store.finish(JOB, fifth.token, Outcome(state=State.SUCCEEDED, files=kept)) is not None
    await anew.drop(State.SUCCEEDED)
    assert [file.path for file in await one.shared.listed(JOB)] == ["artifacts/a"]
    assert not {f"{key.rpartition('/')[0]}/{hashlib.sha256(b'9').hexdigest()}"} & objects(place)
    for disk in (one, other):
        disk.shared.close()
    await storage.close()


async def test_copies_go_by_when_they_were_used_and_never_what_is_used_or_is_no_copy(
    url: str, tmp_path: Path
) -> None:
    storage = Storage(Settings(data_dir=str(tmp_path / "data")))
    await storage.open(as_it_is)
    store = JobStore(storage.database)
    one, other = (Disk(url, storage, tmp_path / name) for name in ("one", "other"))
    ids = [f"{number}" * 32 for number in range(5)]
    for job_id in ids:
        one.write(job_id, "artifacts/folder/a", job_id.encode())
        await store.submit(new_job(id=job_id, files=await one.shared.keep(job_id)))
    for job_id in ids:
        await other.shared.bring(job_id, "artifacts")
    other.write(ids[1], "artifacts/folder/a", b"made here by another attempt")
    other.write("f" * 32, "artifacts/a", b"made here")

    def there() -> list[str]:
        return [job_id for job_id in ids if (other.folders.of(job_id) / "artifacts/folder/a").exists()]

    other.shared._most_copies = 100  # bytes: three of them
    await other.shared.make_room()
    assert there() == ids  # each was used a moment ago
    os.utime(tmp_path / "other" / "copies" / ids[0] / "artifacts/folder/a", (1e9, 1e9))
    await other.shared.used(ids[0], "artifacts/folder/a")
    for place, job_id in enumerate(ids[1:]):
        os.utime(tmp_path / "other" / "copies" / job_id / "artifacts/folder/a", (1e9 + place, 1e9 + place))
    other.shared.in_use.append(lambda: [ids[2]])
    with other.shared.held([ids[3]]):
        await other.shared.make_room()
        assert there() == ids[:4]
        await other.shared.make_room(-60.0)
    assert there() == ids[:4]  # which are few enough: one of them is no copy
    await other.shared.bring(ids[4], "artifacts")
    assert other.read(ids[4], "artifacts/folder/a") == ids[4].encode()
    assert (other.folders.of("f" * 32) / "artifacts/a").exists()
    for disk in (one, other):
        disk.shared.close()
    await storage.close()
