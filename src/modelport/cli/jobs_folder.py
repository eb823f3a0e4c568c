"""The jobs in a data folder, read without a server; changed only while no server has the folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Coroutine, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import click
from msgspec import to_builtins

from modelport.cli.jobs_source import Filters
from modelport.home import expanded
from modelport.jobs.folders import JobFolders
from modelport.jobs.records import Job, Metric
from modelport.jobs.states import ENDED, State
from modelport.jobs.store import JobStore
from modelport.jobs.views import job_view, utc
from modelport.storage.data_folder import DATABASE, lock_folder
from modelport.storage.database import Database
from modelport.storage.errors import StoreError
from modelport.storage.migrate import version_of
from modelport.storage.schema.base import HEAD
from modelport.storage.sqlite import meaning, sqlite_engine

BATCH = 1000
POLL_SECONDS = 0.5  # how soon what a server writes meanwhile is seen
T = TypeVar("T")


class FolderJobs:
    """Opens the store in a folder. Use it in a `with` block.

    Without `to_change` nothing is written, so it may be read while a server uses it. With it the folder's
    lock is held, which makes a server that starts meanwhile do without jobs.
    """

    def __init__(self, data_dir: Path, *, to_change: bool = False):
        self.data_dir = expanded(data_dir)
        self.folders = JobFolders(self.data_dir)
        self._to_change = to_change
        self._runner = asyncio.Runner()
        self._lock = -1
        self._open: JobStore | None = None

    @property
    def _store(self) -> JobStore:
        assert self._open is not None
        return self._open

    def __enter__(self) -> FolderJobs:
        path = self.data_dir / DATABASE
        try:
            is_there = path.is_file()
        except OSError as error:
            raise click.ClickException(f"{path}: it cannot be read: {error.strerror}") from None
        if not is_there:
            raise click.ClickException(
                f"{self.data_dir}: there are no jobs here (no {DATABASE}); --data-dir takes the folder that "
                "a server had as its data_dir"
            )
        with self._errors():
            if self._to_change:
                self._take_lock()
            check_version(path)
            self._open = self._run(JobStore.open(path) if self._to_change else _reading(path))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._run(self._open.close())
        self._runner.close()
        if self._lock >= 0:
            os.close(self._lock)

    def _take_lock(self) -> None:
        try:
            self._lock = lock_folder(self.data_dir)
        except BlockingIOError:
            raise click.ClickException(
                f"a server uses {self.data_dir}, and only it may change its jobs: ask it, with --url "
                "instead of --data-dir, or stop it first"
            ) from None

    def list(self, filters: Filters, limit: int) -> list[dict[str, Any]]:
        state = filters.get("state")
        with self._errors():
            page = self._run(
                self._store.list(
                    model=filters.get("model"),
                    kind=filters.get("kind"),
                    state=State(state) if state else None,
                    limit=limit,
                )
            )
        return [to_builtins(job_view(job, "")) for job in page.jobs]

    def get(self, job_id: str) -> dict[str, Any]:
        return to_builtins(job_view(self._found(job_id), ""))

    def metrics(self, job_id: str) -> dict[str, list[dict[str, Any]]]:
        series: dict[str, list[dict[str, Any]]] = {}
        after: int | None = 0
        while after is not None:
            with self._errors():
                found, after = self._run(self._store.metrics(job_id, _page, after=after, limit=BATCH))
            for one in found:
                point = {"step": one.step, "value": one.value, "at": utc(one.at)}
                series.setdefault(one.name, []).append(point)
        return series

    def artifacts(self, job_id: str) -> list[tuple[str, int]]:
        with self._errors():
            return self.folders.list_artifacts(job_id)

    def save(self, job_id: str, name: str, place: Path) -> None:
        found = self.folders.artifact(job_id, name)
        if found is None:
            raise click.ClickException(f"{self.data_dir}: job {job_id!r} has no file {name!r}")
        with self._errors():
            shutil.copyfile(found, place)

    def lines(self, job_id: str, *, follow: bool) -> Iterator[str]:
        after = 0
        with self._errors():
            while True:
                job = self._found(job_id)  # before its events: those that follow would be missed otherwise
                events = self._run(self._store.events(job_id, after=after, limit=BATCH, types=["log"]))
                for event in events:
                    after = event.sequence
                    yield event.data["line"]
                if events:
                    continue
                if not follow or job.state in ENDED:
                    return
                self._run(asyncio.sleep(POLL_SECONDS))

    def cancel(self, job_id: str) -> dict[str, Any]:
        with self._errors():
            job = self._run(self._store.request_cancel(job_id))
        return to_builtins(job_view(job or self._found(job_id), ""))

    def retry(self, job_id: str) -> dict[str, Any]:
        with self._errors():
            job = self._run(self._store.retry(job_id))
        return to_builtins(job_view(job or self._found(job_id), ""))

    def prune(self, before: float) -> int:
        """Remove the jobs that ended before, with their files; returns how many these were."""
        with self._errors():
            removed = self._run(self._store.prune(before))
            for job_id in removed:
                self.folders.remove(job_id)
        return len(removed)

    def _found(self, job_id: str) -> Job:
        with self._errors():
            job = self._run(self._store.get(job_id))
        if job is None:
            raise click.ClickException(f"{self.data_dir}: there is no job {job_id!r}")
        return job

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    @contextlib.contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except (StoreError, OSError) as error:
            raise click.ClickException(f"{self.data_dir}: {error}") from None


def check_version(path: Path) -> None:
    """Raise `click.ClickException` unless the tables are those of this version: here nothing is migrated."""
    engine = sqlite_engine(str(path), read_only=True)
    try:
        with engine.connect() as connection:
            version = version_of(connection, str(path))
    except StoreError:
        raise
    except Exception as error:
        said = meaning(error, str(path))
        if said is None:
            raise
        raise said from error
    finally:
        engine.dispose()
    if version != HEAD:
        raise click.ClickException(
            f"{path} was written by another version of modelport: use that one, or start a server of this "
            "version on the folder, which brings an older one up to date"
        )


async def _reading(path: Path) -> JobStore:
    """A store that writes nothing."""
    return JobStore(Database.read_only(path))


def _page(found: list[Metric], more: int | None) -> tuple[list[Metric], int | None]:
    return found, more
