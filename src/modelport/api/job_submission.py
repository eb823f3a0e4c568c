"""From a request to a durable job: its body to the job's folder, its arguments checked, then one row."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from pathlib import Path
from time import time_ns
from typing import Any, NamedTuple, cast

import msgspec

from modelport.api.batch_requests import BATCH_ARGUMENTS, batch_of, source_of
from modelport.api.bodies import CallHeaders, keep_body, limit_of, read_body
from modelport.api.credentials import principal_of
from modelport.api.exchanges import exchange_of, request_number
from modelport.api.job_fields import callback_of, idempotency_key, own_arguments, priority_of
from modelport.contract.calls import Answer, Call, packed
from modelport.contract.signature import Operation, VerbName
from modelport.contract.traces import NOWHERE, Place, Span, below
from modelport.engine.asking import ask
from modelport.engine.ports import Engine, Pool
from modelport.http.asgi import Receive, Scope, header
from modelport.http.body_memory import BodyHold, BodyMemory
from modelport.identity.principals import Principal
from modelport.jobs.errors import IdempotencyConflict, QueueFull
from modelport.jobs.records import Job, NewJob
from modelport.jobs.service import JobService
from modelport.jobs.webhooks import check_callback_url
from modelport.problems import Problem
from modelport.settings import Settings
from modelport.storage.errors import StoreFull


class NotBound(Exception):
    """The arguments are wrong: `answer` is what the prediction would have answered."""

    def __init__(self, answer: Answer):
        self.answer = answer
        super().__init__("the arguments were refused")


class Submitted(NamedTuple):
    """The job of a request, whether the request has made it, and `Warning` headers for who sent it."""

    job: Job
    is_new: bool
    warnings: list[tuple[str, str]]


class JobForm(NamedTuple):
    """How a job's answer will look: its dialect, its id if that is given, and how long it is kept.

    After `check_seconds` without a free worker its arguments are not checked before it runs. `of_version`
    says that it is for the version that the pool serves, whatever is live when it runs. With `is_batch` the
    body is rows, and their predictions are one job.
    """

    dialect: str = "v2"
    id: uuid.UUID | None = None
    keep_seconds: float | None = None
    check_seconds: float | None = None
    of_version: bool = False
    is_batch: bool = False


V2 = JobForm()
OF_VERSION = JobForm(of_version=True)
BATCH = JobForm(is_batch=True)


class JobSubmission:
    """Takes requests that become jobs. One for the application; it keeps no state of a request."""

    def __init__(self, engine: Engine, jobs: JobService, settings: Settings, memory: BodyMemory):
        self.engine = engine
        self.jobs = jobs
        self.settings = settings
        self.memory = memory

    def is_possible(self) -> bool:
        """False on a server without a store: there every request for a job is refused."""
        return not self.jobs.unavailable

    async def submit(
        self, scope: Scope, receive: Receive, pool: Pool, verb: VerbName, form: JobForm = V2
    ) -> Submitted:
        """Make a job of a request; it is durable when this returns.

        Raises `NotBound` for arguments that the model refuses, `Problem`, `Refused`, `ClientLeft`, and the
        store's errors.
        """
        call = Call(request_number(self.engine), verb, dialect=form.dialect, request_id=str(form.id or ""))
        noted = exchange_of(scope)
        if noted is not None:
            call.by, call.trace = noted.principal, below(noted.trace)
        with pool.held(), self.memory.hold() as hold:
            submitted = await self._submit((scope, receive), pool, call, form, hold)
        if noted is not None:
            noted.model, noted.jobs = pool.name, int(submitted.is_new)
        return submitted

    async def _submit(
        self, client: tuple[Scope, Receive], pool: Pool, call: Call, form: JobForm, hold: BodyHold
    ) -> Submitted:
        (scope, receive), verb = client, cast("VerbName", call.verb)  # of no other verb is there a job
        key, by = idempotency_key(scope), principal_of(scope)
        pool.check_open()
        assert pool.signature is not None  # check_open has refused otherwise
        store = self.jobs.store  # refuses at once where there are no jobs
        operation = pool.signature.operation(verb)
        job_id = (form.id or uuid.uuid4()).hex
        folder = self.jobs.folders.inputs(job_id)
        headers = CallHeaders(scope, operation.header_names())
        has_files, kept, unknown = form.is_batch or headers.may_need_files(), False, False
        own = self._options(call, headers, operation, form)
        try:
            if has_files:
                if key is None:  # with one it may be a job that is there already
                    limits = self.jobs.limits_of(by)  # before a body comes for nothing
                    await store.check_room(pool.name, by.id, limits)
                await self.jobs.begin_upload(job_id)
            if form.of_version:
                call.saved = pool.source.saved
            await self._read(call, headers, receive, folder, hold)
            callback = self._checked(callback_of(scope, own))
            arguments, warnings = await self._check(pool, call, form.check_seconds)
            new = NewJob(
                id=job_id,
                requested_by=by.id,
                kind="batch" if call.batch else verb,
                model=pool.name,
                model_version=str(pool.signature.metadata.get("version") or ""),
                arguments=arguments,
                call=_stored(call),
                accept=call.accept,
                priority=priority_of(scope, own),
                max_attempts=self.jobs.attempts_for(verb, resumable=pool.signature.resumable),
                idempotency_key=key,
                request_hash=await asyncio.to_thread(_hash, pool.name, call, callback) if key else "",
                callback_url=callback,
                keep_seconds=form.keep_seconds,
            )
            if call.uploads or call.body_path:
                new.files = await self.jobs.keep_inputs(job_id)
            unknown = True  # unless the store answers: it may have been stored, and then needs its files
            job, kept = await self._store(new, call, by)
            unknown = False
            return Submitted(job, kept, warnings)
        except (IdempotencyConflict, QueueFull, StoreFull):
            unknown = False
            raise
        finally:
            if has_files and not unknown:
                await self.jobs.end_upload(job_id, kept=kept)

    async def _store(self, new: NewJob, call: Call, by: Principal) -> tuple[Job, bool]:
        """Have a job stored, which is a part of the trace of its request."""
        start = time_ns()
        stored = await self.jobs.submit(new, by)
        if call.trace and self.engine.spans is not None:
            place = below(_of_request(call))
            said = {"modelport.model": new.model, "modelport.job.id": new.id}
            self.engine.spans(Span(place, "storage", start, time_ns(), attributes=said))
        return stored

    def _options(
        self, call: Call, headers: CallHeaders, operation: Operation, form: JobForm
    ) -> dict[str, list[str]]:
        """What the query string says of the job; what is left of it is the model's. Raises `Problem`."""
        if not form.is_batch:
            headers.query, own = own_arguments(headers.query, operation)
            return own
        source = source_of(headers)
        headers.query, own = own_arguments(headers.query, operation, BATCH_ARGUMENTS)
        call.batch = batch_of(headers, source, own)
        return own

    async def _read(
        self, call: Call, headers: CallHeaders, receive: Receive, folder: Path, hold: BodyHold
    ) -> None:
        """Read the body; that of a batch job lies in the folder, and may be as large as any."""
        limit = self.settings.client_max_size if call.batch else limit_of(headers, self.settings)
        await read_body(call, headers, receive, folder, limit, hold)
        if call.batch:
            await keep_body(call, folder)

    def _checked(self, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            check_callback_url(url, self.settings.allow_private_callbacks, self.settings.callback_ports)
        except ValueError as error:
            raise Problem(422, str(error)) from error
        return url

    async def _check(
        self, pool: Pool, call: Call, seconds: float | None
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Let a worker of the model bind the arguments; returns what may be shown of them, and warnings."""
        check = msgspec.structs.replace(call, only_check=True)
        try:
            _, answer = await ask(pool, check, seconds=seconds)
        finally:
            if pool.may_leave_files(call.verb):  # the check has written them; the job writes its own
                written = self.engine.spool.folder_of(call.id)
                await asyncio.shield(asyncio.to_thread(self.engine.spool.remove, written))
        if answer.status == 504 and seconds is not None:  # the workers are busy: it is checked when it runs
            return {}, []
        if answer.status != 200:
            raise NotBound(answer)
        shown = msgspec.json.decode(answer.body, type=dict[str, Any])
        return shown, [header for header in answer.headers if header[0] == "warning"]


def asks_for_job(scope: Scope, pool: Pool) -> bool:
    """True if a request names what only a job has, so that a mere prediction would be no answer to it."""
    if header(scope, b"idempotency-key") or header(scope, b"job-callback-url"):
        return True
    signature = pool.signature
    return signature is not None and bool(own_arguments(scope["query_string"], signature.predict)[1])


def _stored(call: Call) -> bytes:
    """The call as the job keeps it: its process has it for its only call."""
    return packed(msgspec.structs.replace(call, id=1, collect=True, request_id="", trace=_of_request(call)))


def _of_request(call: Call) -> Place:
    """Where the request of a call stands in a trace: it outlives its request, and a restart of the server."""
    return (call.trace[0], "", call.trace[1], call.trace[3]) if call.trace else NOWHERE


def _hash(model: str, call: Call, callback: str | None) -> str:
    """What makes two requests the same: model and version, verb, arguments and the contents of the files."""
    digest = hashlib.sha256()

    def add(part: bytes) -> None:
        digest.update(len(part).to_bytes(8, "big") + part)

    media = call.content_type.partition(";")[0].strip().lower()  # a boundary differs each time
    for text in (model, call.verb, media, call.accept, callback or ""):
        add(text.encode("utf-8", "replace"))
    if call.saved is not None:  # a version that the path names
        add(call.saved.encode("utf-8", "replace"))
    more = [call.fields, call.headers, *([call.batch] if call.batch else [])]
    for data in (call.query, call.body, msgspec.msgpack.encode(more)):
        add(data)
    for name, path in [("", call.body_path), *((u.field + "\0" + u.filename, u.path) for u in call.uploads)]:
        add(name.encode("utf-8", "replace"))
        if path:
            with Path(path).open("rb") as file:
                add(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
