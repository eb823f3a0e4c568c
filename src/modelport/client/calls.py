"""What a client can ask of a server: each question as a flow that both clients run."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from os import PathLike
from types import NoneType
from typing import Any, NamedTuple, cast
from urllib.parse import quote, unquote

import httpx

from modelport.client.answers import STREAM_ACCEPT, prediction_of, value_of
from modelport.client.arguments import body_of, body_of_file, field_of
from modelport.client.errors import ArgumentsRefused, JobFailed, ModelFailed, NotFound, RequestRefused
from modelport.client.exchange import Deadline, Flow, Pause, Request, backoff, exchange
from modelport.client.fitting import Given, depends, fitted, named
from modelport.client.records import JobRecord
from modelport.client.taken import Taken, taken_of
from modelport.variables import KEY

PAGE = "100"
LOADING = ("waiting", "loading", "warming")
RESULT_PLACE = re.compile(r"/v2/jobs/([^/]+)/result$")


class ModelNotNamed(ValueError):
    """No model was named, and the server has not exactly one."""


@dataclass(frozen=True)
class PredictOptions:
    """How a prediction is to be made: the media type, the seconds, the version or its alias."""

    accept: str | None = None
    timeout: float | None = None
    version: int | str | None = None

    def place(self) -> str:
        """The path below the model's. Raises `ValueError` for an empty version, which is that of none."""
        if self.version is None:
            return "/predict/"
        if self.version == "":
            raise ValueError("a version must not be empty: write its number or an alias")
        return f"/versions/{quote(str(self.version), safe='')}/predict/"


@dataclass(frozen=True)
class JobOptions:
    """How a job is to be submitted."""

    accept: str | None = None
    idempotency_key: str | None = None
    priority: int | None = None
    callback_url: str | None = None

    def headers(self) -> dict[str, str]:
        """They as headers. Without a key a fresh one: what is sent again must not become a second job."""
        given = {
            "accept": self.accept,
            "idempotency-key": self.idempotency_key or uuid.uuid4().hex,
            "job-priority": None if self.priority is None else str(self.priority),
            "job-callback-url": self.callback_url,
        }
        return {name: value for name, value in given.items() if value is not None}


class Prediction(NamedTuple):
    """What a model's `predict` has returned, and the id of its request."""

    value: Any
    request_id: str


def checked_url(url: str) -> str:
    """The address of a server. Raises `ValueError` saying what is wrong with it."""
    if not url.startswith(("http://", "https://")) or not httpx.URL(url).host:
        raise ValueError(f"{url!r} is no address of a server; write http://…, https://… or unix:///path")
    return url.rstrip("/")


def with_key(options: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Options of httpx with which requests say who asks, if there is a key: this, or that in MODELPORT_KEY.

    An Authorization header among the options goes before it. Raises `ValueError` for what is no key.
    """
    key = os.environ.get(KEY) if key is None else key
    if not key:
        return options
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ValueError("the key is no key: it holds what no header can carry")
    headers = httpx.Headers(options.get("headers"))
    headers.setdefault("authorization", f"Bearer {key}")
    return options | {"headers": headers}


class Calls:
    """The questions. It remembers the name of a server's only model, and what models take."""

    def __init__(self, timeout: float | None):
        self.timeout = timeout
        self._only_model = ""
        self._known: dict[str, Taken] = {}

    def deadline(self, timeout: float | None = None) -> Deadline:
        """When a call has to be done: after its own timeout, else after the client's."""
        return Deadline(self.timeout if timeout is None else timeout)

    def models(self) -> Flow[list[dict[str, Any]]]:
        """Every model with its metadata."""
        response = yield from exchange(Request("GET", "/v2/models/"), self.deadline())
        return response.json()["models"]

    def model(self, name: str | None) -> Flow[dict[str, Any]]:
        """The metadata of one model."""
        path = yield from self.model_path(name, self.deadline())
        response = yield from exchange(Request("GET", f"{path}/"), self.deadline())
        return response.json()

    def predict(self, model: str | None, given: Given, options: PredictOptions) -> Flow[Any]:
        """A prediction, waited for."""
        return prediction_of((yield from self._predict(model, given, options)))

    def predict_with_id(self, model: str | None, given: Given, options: PredictOptions) -> Flow[Prediction]:
        """A prediction, waited for, and the id by which feedback names it."""
        response = yield from self._predict(model, given, options)
        return Prediction(prediction_of(response), response.headers.get("x-request-id", ""))

    def stream(self, model: str | None, given: Given, options: PredictOptions) -> Flow[httpx.Response]:
        """A prediction whose answer has begun; whoever asked reads it and closes it."""
        options = replace(options, accept=options.accept or STREAM_ACCEPT)
        return (yield from self._predict(model, given, options, stream=True))

    def _predict(
        self, model: str | None, given: Given, options: PredictOptions, stream: bool = False
    ) -> Flow[httpx.Response]:
        deadline = self.deadline(options.timeout)
        place = options.place()
        path = yield from self.model_path(model, deadline)
        headers = {"accept": options.accept} if options.accept else {}
        request = Request("POST", path + place, headers=headers, repeatable=False, stream=stream)
        return (yield from self._sent(request, (path, "predict"), given, deadline))

    def submit(self, model: str | None, verb: str, given: Given, options: JobOptions) -> Flow[dict[str, Any]]:
        """Make a job; returns the server's JSON of it."""
        deadline = self.deadline()
        path = yield from self.model_path(model, deadline)
        headers = options.headers() | ({"prefer": "respond-async"} if verb == "predict" else {})
        request = Request("POST", f"{path}/{verb}/", headers=headers)
        response = yield from self._sent(request, (path, verb), given, deadline)
        # A key that was used before: the job may have ended, and then its result is the answer.
        if found := RESULT_PLACE.search(response.headers.get("content-location", "")):
            return (yield from self.job(found[1]))
        if response.status_code == 202:
            return response.json()
        return (yield from self.job(_uuid_of(response, verb)))

    def submit_rows(
        self, model: str | None, path: str | PathLike[str], given: dict[str, Any], options: JobOptions
    ) -> Flow[dict[str, Any]]:
        """Make a batch job of a file of rows; returns the server's JSON of it."""
        deadline = self.deadline()
        place = yield from self.model_path(model, deadline)
        query = {name: field_of(name, value) for name, value in given.items() if value is not None}
        body = body_of_file(path)
        request = Request("POST", f"{place}/predict/batch", query, options.headers(), body)
        return (yield from exchange(request, deadline)).json()

    def taken(self, model: str | None, verb: str) -> Flow[Taken]:
        """What a method of a model takes. Raises `NotFound` for a model that there is not."""
        deadline = self.deadline()
        path = yield from self.model_path(model, deadline)
        yield from exchange(Request("GET", f"{path}/"), deadline)
        return (yield from self._taken(path, f"{path}/{verb}/", deadline))

    def _sent(
        self, request: Request, method: tuple[str, str], given: Given, deadline: Deadline
    ) -> Flow[httpx.Response]:
        """A request with arguments, in the forms that this method of a model takes.

        A table that a server without pyarrow refuses as Arrow is sent once more as JSON.
        """
        place = f"{method[0]}/{method[1]}/"
        taken = (yield from self._taken(method[0], place, deadline)) if depends(given) else Taken()
        arguments = named(given, taken)
        body = body_of(fitted(arguments, taken))
        try:
            return (yield from exchange(replace(request, body=body), deadline))
        except ArgumentsRefused:
            self._known.pop(place, None)  # another version may take others by now
            raise
        except RequestRefused as refused:
            if refused.status != 415 or not body.has_arrow:
                raise
        body = body_of(fitted(arguments, taken, with_arrow=False))
        return (yield from exchange(replace(request, body=body), deadline))

    def _taken(self, model: str, place: str, deadline: Deadline) -> Flow[Taken]:
        """What a method of a model takes, asked for once; a model that is loading is waited for."""
        tries = 0
        while place not in self._known:
            try:
                response = yield from exchange(Request("GET", "/openapi.json"), deadline)
                found = taken_of(response.json(), place)
            except (NotFound, ValueError):  # a server without documents: the form that most models take
                found = Taken()
            except RequestRefused as refused:
                if refused.status != 403:  # a key that may not read the documents, as if there were none
                    raise
                found = Taken()
            tries += 1
            if found is not None or not (yield from self._loads(model, deadline)):
                self._known[place] = found or Taken()
            elif not deadline.allows(delay := backoff(tries)):
                raise deadline.error(f"waiting for {model}")
            else:
                yield Pause(delay)
        return self._known[place]

    def _loads(self, model: str, deadline: Deadline) -> Flow[bool]:
        response = yield from exchange(Request("GET", f"{model}/"), deadline)
        return response.json().get("state") in LOADING

    def jobs(self, filters: Mapping[str, str | None], cursor: str | None) -> Flow[dict[str, Any]]:
        """One page of jobs, newest first."""
        query = {name: value for name, value in filters.items() if value is not None}
        query |= {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
        response = yield from exchange(Request("GET", "/v2/jobs", query), self.deadline())
        return response.json()

    def job(self, job_id: str, part: str = "", method: str = "GET") -> Flow[Any]:
        """The JSON of a job or of a part of it."""
        response = yield from exchange(Request(method, job_path(job_id) + part), self.deadline())
        return response.json()

    def metrics(self, job_id: str) -> Flow[dict[str, list[dict[str, Any]]]]:
        """The series of each metric, page by page."""
        series: dict[str, list[dict[str, Any]]] = {}
        query: dict[str, Any] = {}
        while True:
            request = Request("GET", f"{job_path(job_id)}/metrics", query)
            body = (yield from exchange(request, self.deadline())).json()
            for name, points in body["metrics"].items():
                series.setdefault(name, []).extend(points)
            if body.get("next_cursor") is None:
                return series
            query = {"cursor": body["next_cursor"]}

    def lines(self, job_id: str) -> Flow[list[str]]:
        """The lines that a job has printed until now."""
        response = yield from exchange(Request("GET", f"{job_path(job_id)}/log"), self.deadline())
        return response.text.split("\n")[:-1]

    def result(self, job: JobRecord) -> Flow[Any]:
        """What an ended job returned. Raises `JobFailed` if it has no result."""
        request = Request("GET", f"{job_path(job.id)}/result")
        try:
            response = yield from exchange(request, self.deadline())
        except RequestRefused as refused:
            if refused.status != 409:
                raise
            raise JobFailed(job) from None
        return prediction_of(response) if job.kind == "predict" else value_of(response)

    def download(self, path: str) -> Flow[httpx.Response]:
        """A file whose bytes have begun to come; whoever asked reads it and closes it."""
        return (yield from exchange(Request("GET", path, stream=True), self.deadline()))

    def model_path(self, name: str | None, deadline: Deadline) -> Flow[str]:
        """Where a model is. Raises `ModelNotNamed` without a name where there is not exactly one."""
        if not isinstance(cast("Any", name), (str, NoneType)):
            raise TypeError(f"the name of the model comes first, or None; {type(name).__name__} is no name")
        if name is None and not self._only_model:
            response = yield from exchange(Request("GET", "/v2/models/"), deadline)
            self._only_model = _only(_name_of(model) for model in response.json()["models"])
        return f"/v2/models/{quote(name or self._only_model, safe='')}"


def job_path(job_id: str) -> str:
    """Where a job is. Raises `ValueError` for an empty id, which is the path of all jobs."""
    if not job_id:
        raise ValueError("a job's id must not be empty")
    return f"/v2/jobs/{quote(job_id, safe='')}"


def _name_of(metadata: dict[str, Any]) -> str:
    """A model's name in paths, which need not be the `id` or the `name` that it gives itself."""
    own = next(link["href"] for link in metadata["links"] if link["rel"] == "self")
    return unquote(own.rstrip("/").rpartition("/")[2])


def _only(names: Iterable[str]) -> str:
    found = list(names)
    if len(found) != 1:
        raise ModelNotNamed(f"say which model: the server has {', '.join(found) or 'none'}")
    return found[0]


def _uuid_of(response: httpx.Response, verb: str) -> str:
    if verb != "predict":
        return response.json()["uuid"]
    raise ModelFailed(response.status_code, "the server answered at once: it makes no jobs of predictions")
