"""`modelport.AsyncClient`: talk to a server from code that awaits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from os import PathLike
from types import TracebackType
from typing import Any

import httpx

from modelport.client.async_connection import AsyncConnection
from modelport.client.async_job import AsyncJob
from modelport.client.calls import Calls, JobOptions, Prediction, PredictOptions
from modelport.client.fitting import Given, given_of
from modelport.client.monitoring_calls import MonitoringCalls
from modelport.client.reaching import Asker, reaching
from modelport.client.records import Kind, State
from modelport.client.run_calls import RunCalls
from modelport.client.run_records import OnRegression, Promotion, Run, Version


class AsyncClient:
    """A client of the server at `url`: http://…, https://… or unix:///path.
    Tasks may share it; `aclose` it, or use it in an `async with` block.

    `key` is sent to a server that asks who one is, and may be a token; by default it is what is in
    MODELPORT_KEY, else what `modelport login` has kept for `url` (an empty one is neither). With `user` and
    `password` the client logs in when it first asks, and again when that has ended.
    `timeout` are the seconds that a call may take, retries included; `lost_for` the seconds that the server
    may be away while a job is followed. Other options are those of `httpx.AsyncClient`, such as
    `headers`, `verify` (also a file of authorities), `cert` or `proxy`. Raises `ValueError` for a `url` that
    is none.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        user: str | None = None,
        password: str | None = None,
        timeout: float | None = 300.0,
        lost_for: float = 300.0,
        **options: Any,
    ):
        self._calls = Calls(timeout)
        self._runs = RunCalls(self._calls)
        http = httpx.AsyncClient(
            **reaching(url, options, Asker(key, user, password), httpx.AsyncHTTPTransport)
        )
        self._monitoring = MonitoringCalls(self._calls)
        self._connection = AsyncConnection(http, self._calls, lost_for)

    async def models(self) -> list[dict[str, Any]]:
        """Every model of the server with its metadata."""
        return await self._connection.run(self._calls.models())

    async def model(self, name: str | None = None) -> dict[str, Any]:
        """The metadata of a model. The name may be left out if the server has one model only."""
        return await self._connection.run(self._calls.model(name))

    async def predict(
        self,
        model: str | None = None,
        arguments: Any = None,
        /,
        *,
        accept: str | None = None,
        timeout: float | None = None,
        version: int | str | None = None,
        **more: Any,
    ) -> Any:
        """What the model's `predict` returns: a value if it comes as JSON, else a `Content`.

        Arguments are given by keyword; those whose names are taken here, in the mapping `arguments`. Anything
        else there is for the one argument that it fits: a DataFrame for the rows, a picture. `accept` is the
        media type that is wanted, `timeout` the seconds that this call may take, `version` the number or the
        alias of one that is not live. Raises `ModelportError`.
        """
        given = given_of(arguments, more)
        options = PredictOptions(accept, timeout, version)
        return await self._connection.run(self._calls.predict(model, given, options))

    async def predict_with_id(
        self,
        model: str | None = None,
        arguments: Any = None,
        /,
        *,
        accept: str | None = None,
        timeout: float | None = None,
        version: int | str | None = None,
        **more: Any,
    ) -> Prediction:
        """`predict`, with the id of its request, by which `feedback` names it: `value` and `request_id`."""
        given = given_of(arguments, more)
        options = PredictOptions(accept, timeout, version)
        return await self._connection.run(self._calls.predict_with_id(model, given, options))

    async def stream(
        self,
        model: str | None = None,
        arguments: Any = None,
        /,
        *,
        accept: str | None = None,
        timeout: float | None = None,
        version: int | str | None = None,
        **more: Any,
    ) -> AsyncIterator[Any]:
        """The pieces of a model's answer, each as soon as it is there.

        Pieces are values, texts with `accept="text/event-stream"`, and bytes from a model that streams
        bytes. Raises `ModelFailed` where the model failed in the middle.
        """
        given = given_of(arguments, more)
        options = PredictOptions(accept, timeout, version)
        response = await self._connection.run(self._calls.stream(model, given, options))
        async for piece in self._connection.pieces(response):
            yield piece

    async def submit(
        self,
        model: str | None = None,
        arguments: Any = None,
        /,
        *,
        accept: str | None = None,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> AsyncJob:
        """A prediction as a job, which outlives this call and the server's process.

        Jobs of a higher `priority` run first. `callback_url` is told of the end. A second call with the
        same `idempotency_key` gives the first one's job.
        """
        options = JobOptions(accept, idempotency_key, priority, callback_url)
        return await self._submit(model, "predict", given_of(arguments, more), options)

    async def submit_rows(
        self,
        model: str | None,
        path: str | PathLike[str],
        /,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> AsyncJob:
        """Predict each row of a file (CSV, Parquet, Arrow, JSON Lines, by its ending) by one job.

        It is streamed to the server. `more` are the options of batch jobs (`format`, `keep`, `on_error`,
        `chunk_rows`), and arguments of the model that are the same for all rows. What the job returns counts
        the rows, and names the artifact that has the answers. Raises `OSError`, and `ValueError` for another
        ending.
        """
        options = JobOptions(None, idempotency_key, priority, callback_url)
        return self._job(await self._connection.run(self._calls.submit_rows(model, path, more, options)))

    async def train(
        self,
        model: str | None = None,
        arguments: Any = None,
        /,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> AsyncJob:
        """Train a model, as a job. See `submit`."""
        options = JobOptions(None, idempotency_key, priority, callback_url)
        return await self._submit(model, "train", given_of(arguments, more), options)

    async def validate(
        self,
        model: str | None = None,
        arguments: Any = None,
        /,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> AsyncJob:
        """Validate a model, as a job. See `submit`."""
        options = JobOptions(None, idempotency_key, priority, callback_url)
        return await self._submit(model, "validate", given_of(arguments, more), options)

    async def _submit(self, model: str | None, verb: str, given: Given, options: JobOptions) -> AsyncJob:
        return self._job(await self._connection.run(self._calls.submit(model, verb, given, options)))

    async def jobs(
        self, model: str | None = None, kind: Kind | None = None, state: State | None = None
    ) -> AsyncIterator[AsyncJob]:
        """The jobs of the server, newest first."""
        filters = {"model": model, "kind": kind, "state": state}
        cursor: str | None = None
        while True:
            page = await self._connection.run(self._calls.jobs(filters, cursor))
            for body in page["jobs"]:
                yield self._job(body)
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def job(self, job_id: str, /) -> AsyncJob:
        """The job of this id. Raises `NotFound`."""
        return self._job(await self._connection.run(self._calls.job(job_id)))

    def _job(self, body: dict[str, Any]) -> AsyncJob:
        return AsyncJob(self._connection, body)

    async def runs(
        self, model: str | None = None, *, top: int = 50, order_by: str | None = None
    ) -> list[Run]:
        """The trainings that have succeeded, at most `top` of them.

        `order_by` is a number of theirs, such as `f1:max` or `slices.small.error:min`, or `newest`; without
        it the server's setting `best_by` counts, and without that they are newest first.
        """
        return await self._connection.run(self._runs.runs(model, top, order_by))

    async def run(self, run_id: str, model: str | None = None) -> Run:
        """The run of this id; `best` and `live` are names of runs, too. Raises `NotFound`."""
        return await self._connection.run(self._runs.run(model, run_id))

    async def versions(self, model: str | None = None) -> list[Version]:
        """What can predict, the newest first; the last is version 0, the model as its source has it."""
        return await self._connection.run(self._runs.versions(model))

    async def promote(
        self,
        version: int | str,
        model: str | None = None,
        *,
        on_regression: OnRegression | None = None,
        min_agreement: float | None = None,
        max_latency_ratio: float | None = None,
    ) -> Promotion:
        """Make a version live, by its number or an alias such as `best`, if the checks let it.

        A regression is an answer that fails, too little agreement or too many times the seconds of the live
        version; with `on_regression="warn"` it becomes live all the same. Raises `PromotionRefused`. It goes
        on at the server if this call ends before.
        """
        flow = self._runs.promote(
            model,
            version,
            on_regression=on_regression,
            min_agreement=min_agreement,
            max_latency_ratio=max_latency_ratio,
        )
        return await self._connection.run(flow)

    async def roll_back(self, model: str | None = None) -> Promotion:
        """Make the version live again that was so before the last promotion, without checks."""
        return await self._connection.run(self._runs.roll_back(model))

    async def feedback(self, truths: Mapping[str, Any], model: str | None = None) -> dict[str, Any]:
        """Tell what answers should have been, by the ids of their requests or jobs.

        To tell the same again changes nothing. Returns how many are `kept` now, how many were `known`, and
        those `refused` with the `reason`: unknown where the payload log of the server has no such prediction.
        """
        return await self._connection.run(self._monitoring.feedback(model, truths))

    async def monitoring(
        self,
        model: str | None = None,
        *,
        window: str | None = None,
        version: int | str | None = None,
        reference: str | None = None,
    ) -> dict[str, Any]:
        """How inputs and answers have drifted, and how right answers were, as the server reports it.

        `window` is how long until now (`24h`), `reference` what it is compared with: `training`, a duration
        before the window such as `7d`, or two times `FROM/TO`.
        """
        return await self._connection.run(self._monitoring.monitoring(model, window, version, reference))

    async def aclose(self) -> None:
        """Close its connections. What was submitted goes on."""
        await self._connection.http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()
