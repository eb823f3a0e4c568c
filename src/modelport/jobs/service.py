"""The durable jobs of one server: the files, the runner, and what keeps them tidy."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from time import time

import msgspec

from modelport.engine.ports import Engine
from modelport.engine.spool import check_path
from modelport.identity.principals import Principal
from modelport.jobs.feeds import Feeds
from modelport.jobs.folders import JobFolders, sync_tree
from modelport.jobs.presence import Presence
from modelport.jobs.records import Job, NewJob, QueueLimits
from modelport.jobs.runner import JobRunner
from modelport.jobs.shared_files import INPUTS, SharedFiles
from modelport.jobs.states import TERMINAL
from modelport.jobs.store import JobStore
from modelport.jobs.tidying import tidy
from modelport.jobs.transitions import WhenTrained
from modelport.jobs.webhook_secret import webhook_secret
from modelport.jobs.webhooks import WebhookSender, post_limits
from modelport.settings import Settings, outer_path
from modelport.settings.folders import store_name
from modelport.settings.written import seconds_of, size_of
from modelport.storage import failpoints
from modelport.storage.data_folder import lock_folder, note_process
from modelport.storage.errors import StoreError, StoreUnavailable
from modelport.storage.service import Storage

log = logging.getLogger("modelport.jobs")

PRUNE_SECONDS = 3600.0


class JobService:
    """What the APIs see of jobs. `serving.life` prepares it, opens it over the storage, and lets it begin."""

    def __init__(
        self, engine: Engine, storage: Storage, settings: Settings, when_trained: WhenTrained | None = None
    ):
        self.engine = engine
        self.storage = storage
        self._when_trained = when_trained
        self.settings = settings
        self.folders = JobFolders(storage.folder)
        self.shared = SharedFiles(
            settings.files_url, storage, self.folders, size_of(settings.files_copies_size)
        )
        self.presence = Presence(storage.folder, store_name(settings.database_url))
        self._store: JobStore | None = None
        self.stopping = False  # nobody who waits for a job may hold up the end of the server
        self._feeds: Feeds | None = None
        self._runner: JobRunner | None = None
        self._running: asyncio.Task[None] | None = None
        self._sender: WebhookSender | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._limits = QueueLimits(
            settings.max_queued_jobs, settings.max_queued_jobs_in_all, settings.max_queued_jobs_per_principal
        )
        self._lock = -1
        self._secret = ""
        self.base_path = outer_path(settings.root_path, settings.base_path)

    @property
    def unavailable(self) -> str:
        """Why there are no jobs; empty when there are."""
        return self.storage.unavailable

    @property
    def store(self) -> JobStore:
        """The store. Raises `StoreUnavailable` with the reason if this server has none."""
        if self._store is None:
            raise StoreUnavailable(self.unavailable)
        return self._store

    @property
    def feeds(self) -> Feeds:
        """What follows jobs. Raises `StoreUnavailable` with the reason if this server has none."""
        if self._feeds is None:
            raise StoreUnavailable(self.unavailable)
        return self._feeds

    async def prepare(self) -> None:
        """Make the data folder ours, and what jobs need there beside the database.

        Raises `OSError` if it cannot be, or another server has it, and `ValueError` for a webhook secret.
        """
        await asyncio.to_thread(self._prepare_folder)
        given, folder = self.settings.webhook_secret, self.storage.folder
        self._secret = await asyncio.to_thread(webhook_secret, given, folder)

    def open(self) -> None:
        """Let jobs be asked for: the database is open."""
        self._store = JobStore(self.storage.database, self._when_trained)
        self._feeds = Feeds(self._store)

    def begin(self) -> None:
        """Run jobs, if there is a store."""
        if self._store is None:
            return
        settings = self.settings
        self._runner = JobRunner(
            self._store,
            self.engine,
            self.shared,
            self.presence,
            settings.job_workers,
            settings.cancel_grace,
        )
        self._sender = sender = WebhookSender(
            self._store,
            self._secret,
            self._runner.owner,
            base_path=self.base_path,
            limits=post_limits(settings.allow_private_callbacks, settings.callback_ports),
        )
        sender.spans = self.engine.spans
        self._running = asyncio.create_task(self._kept_alive(self._runner.run))
        for work in (sender.run, self._prune, self._tidy, self._sweep):
            self._tasks.append(asyncio.create_task(self._kept_alive(work)))

    def mount(self, base_path: str) -> None:
        """Say under which path the server of these jobs answers: the links of webhooks begin with it."""
        self.base_path = base_path
        if self._sender is not None:
            self._sender.base_path = base_path

    def _prepare_folder(self) -> None:
        check_path(self.storage.folder.absolute())
        self.folders.make_root()
        if self.storage.is_file:  # several servers may share a PostgreSQL and its folder
            self._take_folder()
        self.presence.enter()
        self.folders.keep_reserve()

    def _take_folder(self) -> None:
        folder, siblings = self.storage.folder, self.storage.siblings
        try:
            held = lock_folder(folder) if siblings is None else siblings.place.folder_lock
            if isinstance(held, OSError):
                raise held
            self._lock = -1 if held is None else held
        except BlockingIOError:
            raise BlockingIOError(
                f"another server uses the data folder {folder}; give this one its own with --data-dir "
                "or MODELPORT_DATA_DIR"
            ) from None
        if siblings is None:
            note_process(self._lock)

    async def _kept_alive(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` until this server stops: a bug in it is logged, and costs a second."""
        while not self.stopping:
            try:
                await work()
            except StoreError as error:
                log.warning("jobs: %s; what waits for it begins again", error)
            except (Exception, BaseExceptionGroup):
                log.exception("jobs: something failed; it starts again")
            await asyncio.sleep(1.0)

    def kill(self) -> None:
        """Kill the jobs that run: there is no time to ask them."""
        if self._runner is not None:
            self._runner.kill()

    async def stop_running(self) -> None:
        """Run no more jobs: those that run are asked to stop, and given back to the store."""
        stopping, self.stopping = self.stopping, True
        if self._feeds is not None:
            self._feeds.close()
        if self._running is not None:
            if not stopping:  # a second time would cut off how jobs are given back
                self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def stop(self, *, at_once: bool = False) -> None:
        """Give running jobs back; what is written then is written before the database closes.

        `at_once` kills what runs.
        """
        if at_once:
            self.kill()
        await self.stop_running()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._store = None

    async def leave(self) -> None:
        """Let go of the data folder: the database is closed, and nobody here writes there any more."""
        self.shared.close()
        await asyncio.to_thread(self.presence.leave)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    async def _tidy(self) -> None:
        try:
            await tidy(self.store, self.folders, self.presence)
        except StoreError as error:
            log.warning("what crashes have left is not removed now: %s", error)
        await asyncio.Event().wait()

    async def _sweep(self) -> None:
        while self.shared.are_on:
            try:
                await self.shared.make_room()
                if swept := await self.shared.sweep():
                    log.info("removed shared files of %d jobs that are no more, or never were", len(swept))
            except (StoreError, OSError) as error:
                log.warning("shared files of jobs that are no more are not removed now: %s", error)
            await asyncio.sleep(PRUNE_SECONDS)
        await asyncio.Event().wait()

    async def _prune(self) -> None:
        keep = seconds_of(self.settings.keep_jobs)
        while True:
            removed = await self.store.prune(time() - keep if keep else 0.0)
            if removed:
                failpoints.reach("prune.stored")
            for job_id in removed:
                await asyncio.to_thread(self.folders.remove, job_id)
                with contextlib.suppress(StoreError):  # the next sweep does it
                    await self.shared.forget(job_id)
            if removed:
                failpoints.reach("prune.removed")
                log.info("removed %d jobs that have been kept for long enough", len(removed))
            await asyncio.sleep(PRUNE_SECONDS)

    def attempts_for(self, kind: str, *, resumable: bool) -> int:
        """How often a job may be tried: predictions again after a crash, trainings only if they say so."""
        asked = self.settings.job_attempts
        return max(asked, 3) if kind in ("predict", "batch") or resumable else max(asked, 1)

    async def begin_upload(self, job_id: str) -> None:
        """Make the folder of a job that is to come; `end_upload` it. Raises `OSError`."""

        def make() -> None:
            self.presence.begin_upload(job_id)
            self.folders.make(job_id)

        await asyncio.to_thread(make)

    async def keep_inputs(self, job_id: str) -> str:
        """Make what a job was given outlive a power cut, and be had by other servers; returns its list there.

        Raises `OSError`, and the store's errors.
        """
        await asyncio.to_thread(sync_tree, self.folders.inputs(job_id))
        return await self.shared.keep(job_id, (INPUTS,))

    async def end_upload(self, job_id: str, *, kept: bool) -> None:
        """The job is in the store; or, if its folder is not to be kept, it never will be."""

        def end() -> None:
            if not kept:
                self.folders.remove(job_id)
            self.presence.end_upload(job_id)

        await asyncio.shield(asyncio.to_thread(end))

    async def bring_result(self, job: Job) -> None:
        """Have a job's result on this disk, if it is in a file. Raises the store's errors."""
        if job.outcome is not None and job.outcome.result_file:
            await self.shared.bring(job.id, job.outcome.result_file)

    async def link(self, job_id: str, path: str) -> str | None:
        """Where a large file of a job can be had without this server; `None` if it gives no links to it."""
        seconds = self.settings.files_link_seconds
        return await self.shared.link(job_id, path, seconds) if seconds else None

    def limits_of(self, by: Principal) -> QueueLimits:
        """How many jobs may wait, if one more is asked for by this one."""
        own = by.quotas.queued_jobs if by.quotas is not None else None
        return self._limits if own is None else msgspec.structs.replace(self._limits, of_principal=own)

    async def submit(self, new: NewJob, by: Principal) -> tuple[Job, bool]:
        """Store a job that this one has asked for; it is durable when this returns.

        Raises the store's errors, `QueueFull` for one.
        """
        job, created = await self.store.submit(new, self.limits_of(by))
        if not created:
            return await self.store.get(job.id) or job, False  # with its result, if it has one already
        if self._runner is not None:
            self._runner.wake()
        return job, True

    async def cancel(self, job_id: str) -> Job | None:
        """Ask a job to stop; returns it as it is then, `None` if there is none."""
        job = await self.store.request_cancel(job_id)
        if job is not None and self._runner is not None:
            self._runner.cancel(job_id)
        if job is not None and job.state in TERMINAL:
            await asyncio.to_thread(self.folders.drop_inputs, job_id)
            return await self.store.get(job_id) or job  # with its result
        return job

    async def retry(self, job_id: str) -> Job | None:
        """Queue an interrupted job again; `None` if it is not interrupted any more."""
        job = await self.store.retry(job_id)
        if job is not None and self._runner is not None:
            self._runner.wake()
        return job
