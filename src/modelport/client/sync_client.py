"""`modelport.Client`: talk to a server from code that blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os import PathLike
from types import TracebackType
from typing import Any

import httpx

from modelport.client.calls import Calls, JobOptions, Prediction, PredictOptions
from modelport.client.fitting import Given, given_of
from modelport.client.monitoring_calls import MonitoringCalls
from modelport.client.reaching import Asker, reaching
from modelport.client.records import Kind, State
from modelport.client.run_calls import RunCalls
from modelport.client.run_records import OnRegression, Promotion, Run, Version
from modelport.client.sync_connection import SyncConnection
from modelport.client.sync_job import Job


class Client:
    """A client of the server at `url`: http://…, https://… or unix:///path.
    Threads may share it; `close` it, or use it in a `with` block.

    `key` is sent to a server that asks who one is, and may be a token; by default it is what is in
    MODELPORT_KEY, else what `modelport login` has kept for `url` (an empty one is neither). With `user` and
    `password` the client logs in when it first asks, and again when that has ended.
    `timeout` are the seconds that a call may take, retries included; `lost_for` the seconds that the server
    may be away while a job is followed. Other options are those of `httpx.Client`, such as `headers`,
    `verify` (also a file of authorities), `cert` or `proxy`. Raises `ValueError` for a `url` that is none.
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
        http = httpx.Client(**reaching(url, options, Asker(key, user, password), httpx.HTTPTransport))
        self._monitoring = MonitoringCalls(self._calls)
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
        return self._connection.run(self._calls.predict(model, given, options))

    def predict_with_id(
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
        return self._connection.run(self._calls.predict_with_id(model, given, options))

    def stream(
        self,
        model: str | None = None,
        arguments: Any = None,
        /,
        *,
        accept: str | None = None,
        timeout: float | None = None,
        version: int | str | None = None,
        **more: Any,
    ) -> Iterator[Any]:
        """The pieces of a model's answer, each as soon as it is there.

        Pieces are values, texts with `accept="text/event-stream"`, and bytes from a model that streams
        bytes. Raises `ModelFailed` where the model failed in the middle.
        """
        given = given_of(arguments, more)
        options = PredictOptions(accept, timeout, version)
        response = self._connection.run(self._calls.stream(model, given, options))
        yield from self._connection.pieces(response)

    def submit(
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
    ) -> Job:
        """A prediction as a job, which outlives this call and the server's process.

        Jobs of a higher `priority` run first. `callback_url` is told of the end. A second call with the
        same `idempotency_key` gives the first one's job.
        """
        options = JobOptions(accept, idempotency_key, priority, callback_url)
        return self._submit(model, "predict", given_of(arguments, more), options)

    def submit_rows(
        self,
        model: str | None,
        path: str | PathLike[str],
        /,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> Job:
        """Predict each row of a file (CSV, Parquet, Arrow, JSON Lines, by its ending) by one job.

        It is streamed to the server. `more` are the options of batch jobs (`format`, `keep`, `on_error`,
        `chunk_rows`), and arguments of the model that are the same for all rows. What the job returns counts
        the rows, and names the artifact that has the answers. Raises `OSError`, and `ValueError` for another
        ending.
        """
        options = JobOptions(None, idempotency_key, priority, callback_url)
        return self._job(self._connection.run(self._calls.submit_rows(model, path, more, options)))

    def train(
        self,
        model: str | None = None,
        arguments: Any = None,
        /,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> Job:
        """Train a model, as a job. See `submit`."""
        options = JobOptions(None, idempotency_key, priority, callback_url)
        return self._submit(model, "train", given_of(arguments, more), options)

    def validate(
        self,
        model: str | None = None,
        arguments: Any = None,
        /,
        *,
        idempotency_key: str | None = None,
        priority: int | None = None,
        callback_url: str | None = None,
        **more: Any,
    ) -> Job:
        """Validate a model, as a job. See `submit`."""
        options = JobOptions(None, idempotency_key, priority, callback_url)
        return self._submit(model, "validate", given_of(arguments, more), options)

    def _submit(self, model: str | None, verb: str, given: Given, options: JobOptions) -> Job:
        return self._job(self._connection.run(self._calls.submit(model, verb, given, options)))

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

    def runs(self, model: str | None = None, *, top: int = 50, order_by: str | None = None) -> list[Run]:
        """The trainings that have succeeded, at most `top` of them.

        `order_by` is a number of theirs, such as `f1:max` or `slices.small.error:min`, or `newest`; without
        it the server's setting `best_by` counts, and without that they are newest first.
        """
        return self._connection.run(self._runs.runs(model, top, order_by))

    def run(self, run_id: str, model: str | None = None) -> Run:
        """The run of this id; `best` and `live` are names of runs, too. Raises `NotFound`."""
        return self._connection.run(self._runs.run(model, run_id))

    def versions(self, model: str | None = None) -> list[Version]:
        """What can predict, the newest first; the last is version 0, the model as its source has it."""
        return self._connection.run(self._runs.versions(model))

    def promote(
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
        return self._connection.run(flow)

    def roll_back(self, model: str | None = None) -> Promotion:
        """Make the version live again that was so before the last promotion, without checks."""
        return self._connection.run(self._runs.roll_back(model))

    def feedback(self, truths: Mapping[str, Any], model: str | None = None) -> dict[str, Any]:
        """Tell what answers should have been, by the ids of their requests or jobs.

        To tell the same again changes nothing. Returns how many are `kept` now, how many were `known`, and
        those `refused` with the `reason`: unknown where the payload log of the server has no such prediction.
        """
        return self._connection.run(self._monitoring.feedback(model, truths))

    def monitoring(
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
        return self._connection.run(self._monitoring.monitoring(model, window, version, reference))

    def close(self) -> None:
        """Close its connections. What was submitted goes on."""
        self._connection.http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
