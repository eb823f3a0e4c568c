"""The files of jobs where each server of the database reaches them: what one keeps, others can have.

Without a URL of shared files the folders of jobs are all there is, and every server has to see the same ones.
With one, what a job's folder holds is brought there before the database says anything of it, and each server
has copies of what it was asked for. What must hold: no row names what is not there.

- *The server is killed while files are on their way.* The row is written after all of them: nothing names
  them, and `sweep` removes them once they are a day old.
- *Two attempts of a job keep files at once*, one of them of a server that was taken for dead. Each object is
  called by its content, so neither changes what the other one has kept; and the list of the files, an object
  as well, is named in the transaction that ends the attempt, which refuses all but one.
- *Somebody changes an object.* Its name is its SHA-256, and the list's name is in the database: what does not
  match is refused. So a model that was saved on another server is as trusted as one of this.
- *The place cannot be reached.* Whoever ends a job tries again for as long as the job is its own; a request
  is answered 503; and what this disk has already needs no place.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec

from modelport.contract.kept_files import is_partial
from modelport.jobs import queries
from modelport.jobs.copies import QUIET_SECONDS, Copies
from modelport.jobs.folders import JobFolders
from modelport.storage import failpoints
from modelport.storage.errors import StoreDamaged, StoreError
from modelport.storage.files.place import FilesUnavailable, Place
from modelport.storage.service import Storage

log = logging.getLogger("modelport.jobs")

ARTIFACTS = "artifacts"
KEPT = (ARTIFACTS, "result")  # of a job that has ended
INPUTS = "inputs"
CHECKPOINTS = "checkpoints"
LARGE_BYTES = 1 << 20  # of a file for which it is worth to ask whether it is there already
THREADS = 8
KNOWN_LISTS = 256
OLD_SECONDS = 86400.0  # no upload takes so long
CHUNK = 500

T = TypeVar("T")


class KeptFile(msgspec.Struct, array_like=True, frozen=True):
    """A file of a job: its path in the job's folder, its size in bytes, and what it holds."""

    path: str
    size: int
    sha256: str


class SharedFiles:
    """The files of the jobs of one server's database. Raises `StoreError`s; without a URL it does nothing."""

    def __init__(self, url: str | None, storage: Storage, folders: JobFolders, most_copies: int = 0):
        self.folders = folders
        self.in_use: list[Callable[[], Iterable[str]]] = []  # each tells jobs whose copies have to stay
        self._held: Counter[str] = Counter()
        self._copies = Copies(folders)
        self._most_copies = most_copies  # bytes; 0 is any number
        self._making_room: asyncio.Task[None] | None = None
        self._url = url
        self._storage = storage
        self._place: Place | None = None
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="modelport files")
        self._lists: dict[str, tuple[KeptFile, ...]] = {}
        self._coming: dict[Path, asyncio.Task[None]] = {}

    @property
    def are_on(self) -> bool:
        """Whether there is a place of shared files."""
        return self._url is not None

    async def keep(self, job_id: str, parts: Collection[str] = KEPT) -> str:
        """Bring these parts of a job's folder to the place; returns the name of their list.

        It is empty if there are no files. Raises `OSError` for files that cannot be read.
        """
        if self._url is None:
            return ""
        folder = self.folders.of(job_id)
        files = await self._run(lambda: list(files_of(folder, parts)))
        return await self.put_list(job_id, await self.put(job_id, folder, files)) if files else ""

    async def put(self, job_id: str, folder: Path, files: Sequence[Path]) -> list[KeptFile]:
        """Bring these files below a folder to the place, as files of a job. Raises `OSError` of the files."""
        place = await self._opened()
        putting = [self._run(lambda file=file: _put(place, job_id, folder, file)) for file in files]
        kept = await asyncio.gather(*putting)
        failpoints.reach("files.kept")
        return kept

    async def put_list(self, job_id: str, kept: Sequence[KeptFile]) -> str:
        """Bring a list of files that are at the place there; returns its name."""
        place = await self._opened()
        listed = msgspec.json.encode(kept)
        name = hashlib.sha256(listed).hexdigest()
        await self._run(lambda: place.put(_key(job_id, name), listed))
        return name

    async def remove(
        self, job_id: str, gone: Collection[KeptFile], kept: Collection[KeptFile], name: str = ""
    ) -> None:
        """Remove what these files of a job hold from the place, unless others that are kept hold it, too.

        `name` is that of a list which goes as well: nothing names it any more.
        """
        held = {file.sha256 for file in kept}
        keys = {_key(job_id, file.sha256) for file in gone if file.sha256 not in held}
        keys |= {_key(job_id, name)} if name else set()
        if keys:
            place = await self._opened()
            await self._run(lambda: place.remove(sorted(keys)))

    async def listed(self, job_id: str) -> tuple[KeptFile, ...]:
        """The files of a job that are at the place."""
        if self._url is None:
            return ()
        name = await self._list_of(job_id)
        place = await self._opened()
        while name and name not in self._lists:
            try:
                listed = await self._run(lambda name=name: _read_list(place, job_id, name))
            except StoreDamaged:
                if name == (name := await self._list_of(job_id)):
                    raise
                continue  # another list had taken its place a moment ago
            while len(self._lists) >= KNOWN_LISTS:
                del self._lists[next(iter(self._lists))]
            self._lists[name] = listed
        return self._lists[name] if name else ()

    async def _list_of(self, job_id: str) -> str:
        return await self._storage.database.read(lambda one: queries.files_of(one, job_id)) or ""

    async def bring(self, job_id: str, path: str) -> None:
        """Have a file of a job, or all of a folder of it, on this disk. What is there, or nowhere, stays so.

        Raises `OSError` where it cannot be written.
        """
        has_fetched = False
        for file in await self.listed(job_id):
            if file.path == path or file.path.startswith(f"{path}/"):
                has_fetched |= await self._bring(job_id, file)
        if has_fetched and self._most_copies and self._making_room is None:
            self._making_room = asyncio.create_task(self._make_room())

    async def link(self, job_id: str, path: str, seconds: float) -> str | None:
        """A URL by which anybody may read a large file of a job for so long; `None` if it has none.

        What has the content of another file of the job, too, is saved by a link as who knows which.
        """
        files = await self.listed(job_id)
        found = next((file for file in files if file.path == path and file.size >= LARGE_BYTES), None)
        if found is None or sum(file.sha256 == found.sha256 for file in files) > 1:
            return None
        place = await self._opened()
        try:
            return await self._run(lambda: place.link(_key(job_id, found.sha256), seconds))
        except FilesUnavailable as error:  # keys that can only read, say
            log.warning("no link to %s can be made, it is sent instead: %s", path, error)
            return None

    async def used(self, job_id: str, path: str) -> None:
        """A file that is on this disk is used: if it is a copy, it stays longer than others."""
        if self._most_copies and self._url is not None:
            await self._run(lambda: self._copies.used(job_id, path))

    async def _bring(self, job_id: str, file: KeptFile) -> bool:
        """Whether it was not there."""
        target = self.folders.of(job_id) / file.path
        if await self._run(lambda: _is_there(target, file)):
            await self.used(job_id, file.path)
            return False
        coming = self._coming.get(target)
        if coming is None:  # else somebody else has asked for it
            coming = self._coming[target] = asyncio.create_task(self._fetch(job_id, file, target))
            coming.add_done_callback(lambda _: self._coming.pop(target, None))
        await asyncio.shield(coming)
        return True

    async def _fetch(self, job_id: str, file: KeptFile, target: Path) -> None:
        place = await self._opened()
        await self._run(lambda: self._copies.mark(job_id, file.path))
        try:
            await self._run(lambda: place.fetch(_key(job_id, file.sha256), file.sha256, target))
        except FileNotFoundError as error:
            raise _gone(place, job_id, file.sha256) from error

    # -- removing ----------------------------------------------------------------------------------

    @contextmanager
    def held(self, job_ids: Sequence[str]) -> Generator[None]:
        """Let the copies of these jobs stay while the block runs."""
        self._held.update(job_ids)
        try:
            yield
        finally:
            self._held.subtract(job_ids)

    async def _make_room(self) -> None:
        try:
            await self.make_room()
        except (StoreError, OSError) as error:
            log.warning("copies of shared files are more than may be, and cannot be removed now: %s", error)
        finally:
            self._making_room = None

    async def make_room(self, quiet: float = QUIET_SECONDS) -> None:
        """Remove the copies that nobody has used for longest, and for `quiet` seconds, until they are few."""
        total, unused = await self._run(lambda: self._copies.unused(quiet))
        in_use = {job_id for tell in self.in_use for job_id in tell()} | set(+self._held)
        for copy in unused:
            if not self._most_copies or total <= self._most_copies:
                break
            if copy.job_id in in_use:
                continue
            listed = await self.listed(copy.job_id)
            if any((file.path, file.size) == (copy.path, copy.size) for file in listed):
                await self._run(lambda copy=copy: self._copies.remove(copy))
            else:
                await self._run(lambda copy=copy: self._copies.is_own(copy))
            total -= copy.size

    async def forget(self, job_id: str) -> None:
        """Remove what the place has of a job which is in the database no more."""
        if self._url is not None:
            place = await self._opened()
            await self._run(lambda: place.remove(list(place.objects(_folder(job_id)))))

    async def sweep(self, old_seconds: float = OLD_SECONDS) -> list[str]:
        """Remove what is of no job and older than that, at the place and on this disk; returns those ids."""
        if self._url is None:
            return []
        place, before = await self._opened(), time.time() - old_seconds
        swept: list[str] = []
        async for job_ids in self._of_no_job(lambda: _jobs_at(place)):
            for job_id in job_ids:
                there = await self._run(lambda job_id=job_id: place.objects(_folder(job_id)))
                if there and max(found.made_at for found in there.values()) < before:
                    await self._run(lambda there=there: place.remove(list(there)))
                    swept.append(job_id)
        async for job_ids in self._of_no_job(lambda: self.folders.older_than(before)):
            for job_id in job_ids:
                await self._run(lambda job_id=job_id: self.folders.remove(job_id))
                swept.append(job_id)
        return swept

    async def _of_no_job(self, named: Callable[[], Iterator[str]]) -> AsyncIterator[list[str]]:
        """Of the jobs that are named, some after some, those which the database does not know."""
        names = named()
        while some := await self._run(lambda: list(islice(names, CHUNK))):
            known = await self._storage.database.read(lambda one, some=some: queries.states(one, some))
            yield [job_id for job_id in some if job_id not in known]

    # -- the place ---------------------------------------------------------------------------------

    async def _opened(self) -> Place:
        if self._place is None:
            assert self._url is not None  # else nobody asks
            url = self._url
            self._place = await self._run(lambda: Place(url))
        return self._place

    async def _run(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)

    def close(self) -> None:
        """Take no more work. What is under way ends by itself, within its deadlines."""
        if self._making_room is not None:
            self._making_room.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _folder(job_id: str) -> str:
    return f"jobs/{job_id[-2:]}/{job_id}"


def _key(job_id: str, sha256: str) -> str:
    return f"{_folder(job_id)}/{sha256}"


def _jobs_at(place: Place) -> Iterator[str]:
    for shard in place.folders("jobs"):
        yield from place.folders(f"jobs/{shard}")


def files_of(folder: Path, parts: Collection[str]) -> Iterator[Path]:
    """The files to be kept, as the listing of artifacts has them."""
    for part in parts:
        for path in sorted((folder / part).rglob("*")):
            inner = path.relative_to(folder)
            if not path.is_file() or path.is_symlink() or is_partial(inner):
                continue
            try:
                inner.as_posix().encode()
            except UnicodeEncodeError:
                log.warning("%r is not shared with other servers: its name is no UTF-8", str(path))
                continue
            yield inner


def _put(place: Place, job_id: str, folder: Path, inner: Path) -> KeptFile:
    path = folder / inner
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    size, key = path.stat().st_size, _key(job_id, sha256)
    if size < LARGE_BYTES or not place.has(key, size):
        place.put(key, path, inner.name)
    return KeptFile(inner.as_posix(), size, sha256)


def _read_list(place: Place, job_id: str, name: str) -> tuple[KeptFile, ...]:
    try:
        data = place.read(_key(job_id, name), name)
    except FileNotFoundError as error:
        raise _gone(place, job_id, name) from error
    listed = msgspec.json.decode(data, type=tuple[KeptFile, ...])
    if any(".." in PurePosixPath(file.path).parts or file.path.startswith("/") for file in listed):
        raise StoreDamaged(f"{place.url}/{_key(job_id, name)} names files outside of their job")
    return listed


def _is_there(target: Path, file: KeptFile) -> bool:
    try:
        return target.stat().st_size == file.size
    except OSError:
        return False


def _gone(place: Place, job_id: str, name: str) -> StoreDamaged:
    return StoreDamaged(f"{place.url}/{_key(job_id, name)} is gone: restore it from a backup")
