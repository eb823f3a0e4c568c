"""`modelport.Client`: talk to a server from code that blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import httpx

from modelport.client.calls import Calls, JobOptions, checked_url
from modelport.client.records import Kind, State
from modelport.client.sync_connection import SyncConnection
from modelport.client.sync_job import Job

Arguments = Mapping[str, Any]


class Client:
    """A client of the server at `url`. Threads may share it; `close` it, or use it in a `with` block.

    `timeout` are the seconds that a call may take, retries included; `lost_for` the seconds that the server
    may be away while a job is followed. Other options are those of `httpx.Client`, such as `headers`,
    `verify` or `proxy`. Raises `ValueError` for a `url` that is none.
    """

    def __init__(self, url: str, *, timeout: float | None = 300.0, lost_for: float = 300.0, **options: Any):
        self._calls = Calls(timeout)
        http = httpx.Client(base_url=checked_url(url), **options)
        self._connection = SyncConnection(http, self._calls, lost_for)

    def models(self) -> list[dict[str, Any]]:
        """Every model of the server with its metadata."""
        return self._connection.run(self._calls.models())

    def model(self, name: str | None = None) -> dict[str, Any]:
        """The metadata of a model. The name may be left out if the server has one model only."""
        return self._connection.run(self._calls.model(name))

    def predict(
        self,
        model: str | None = None,
        arguments: Arguments | None = None,
        /,
        *,
        accept: str | None = None,
        timeout: float | None = None,
        **more: Any,
    ) -> Any:
        """What the model's `predict` returns: a value if it comes as JSON, else a `Content`.

        Arguments are given by keyword; those whose names are taken here, in `arguments`. `accept` is the
        media type that is wanted, `timeout` the seconds that this call may take. Raises `ModelportError`.
        """
        given = {**(arguments or {}), **more}
        return self._connection.run(self._calls.predict(model, given, accept, timeout))

    def stream(
        self,
        model: str | None = None,
        arguments: Arguments | None = None,
        /,
        *,
        accept: str | None = None,
        timeout: float | None = None,
        **more: Any,
    ) -> Iterator[Any]:
        """The pieces of a model's answer, each as soon as it is there.

        Pieces are values, texts with `accept="text/event-stream"`, and bytes from a model that streams
        bytes. Raises `ModelFailed` where the model failed in the middle.
        """
        given = {**(arguments or {}), **more}
        response = self._connection.run(self._calls.stream(model, given, accept, timeout))
        yield from self._connection.pieces(response)

    def submit(
        self,
        model: str | None = None,
        arguments: Arguments | None = None,
        /,
        *,
        accept: str | None = None,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> Job:
        """A prediction as a job, which outlives this call and the server's process.

        Jobs of a higher `priority` run first. `callback_url` is told of the end. A second call with the
        same `idempotency_key` gives the first one's job.
        """
        options = JobOptions(accept, idempotency_key, priority, callback_url)
        return self._submit(model, "predict", {**(arguments or {}), **more}, options)

    def train(
        self,
        model: str | None = None,
        arguments: Arguments | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> Job:
        """Train a model, as a job. See `submit`."""
        options = JobOptions(None, idempotency_key, priority, callback_url)
        return self._submit(model, "train", {**(arguments or {}), **more}, options)

    def validate(
        self,
        model: str | None = None,
        arguments: Arguments | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> Job:
        """Validate a model, as a job. See `submit`."""
        options = JobOptions(None, idempotency_key, priority, callback_url)
        return self._submit(model, "validate", {**(arguments or {}), **more}, options)

    def _submit(self, model: str | None, verb: str, arguments: Arguments, options: JobOptions) -> Job:
        return self._job(self._connection.run(self._calls.submit(model, verb, arguments, options)))

    def jobs(
        self, model: str | None = None, kind: Kind | None = None, state: State | None = None
    ) -> Iterator[Job]:
        """The jobs of the server, newest first."""
        filters = {"model": model, "kind": kind, "state": state}
        cursor: str | None = None
        while True:
            page = self._connection.run(self._calls.jobs(filters, cursor))
            yield from (self._job(body) for body in page["jobs"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def job(self, job_id: str, /) -> Job:
        """The job of this id. Raises `NotFound`."""
        return self._job(self._connection.run(self._calls.job(job_id)))

    def _job(self, body: dict[str, Any]) -> Job:
        return Job(self._connection, body)

    def close(self) -> None:
        """Close its connections. What was submitted goes on."""
        self._connection.http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
