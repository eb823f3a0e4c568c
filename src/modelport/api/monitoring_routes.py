"""Feedback, reports on drift, and the payload log that they are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time
from typing import Any, Literal

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.endpoints.row import ReadBody
from modelport.api.named_models import find_pool
from modelport.api.ownership import whose
from modelport.api.resources.monitoring import (
    MOST_TRUTHS,
    GivenFeedback,
    KeptFeedback,
    PrunedPayloads,
    RefusedTruth,
)
from modelport.contract.signature import Signature
from modelport.engine.ports import Pool
from modelport.monitoring.process import ReportFailed, Reports
from modelport.monitoring.report import Order
from modelport.monitoring.reports import Times
from modelport.problems import Problem
from modelport.runs.service import RunService
from modelport.settings.written import seconds_of
from modelport.storage.errors import StoreError
from modelport.telemetry.payloads.log import PayloadLog, PayloadsUnavailable
from modelport.telemetry.payloads.messages import Truth

TRAINING = "training"
LONGEST = 366 * 86400.0
ASK_SECONDS = 30.0  # that the keeper of the log may take
MOST_VERSIONS = 100  # of a model, the newest, whose references are looked for
MOST_DEPTH = 6
UNKNOWN = (
    "the payload log has no prediction {id!r} of the model {model!r}: it was not among those that are kept "
    "(log_payloads), or is too old (payload_keep, payload_keep_size)"
)


class MonitoringRoutes:
    """The handlers, one method a resource."""

    def __init__(self, runs: RunService, payloads: PayloadLog):
        self.runs = runs
        self.payloads = payloads
        self._reports = Reports()

    def _pool(self, request: Request) -> Pool:
        return find_pool(self.runs.engine, request.path_params["model"])

    # -- feedback ----------------------------------------------------------------------------------

    async def feedback(self, request: Request, read: ReadBody[GivenFeedback]) -> Response:
        """`POST …/feedback`: what answers should have been. To say the same again changes nothing."""
        model = self._pool(request).name
        given = await read()
        truths = _truths(given)
        by = principal_of(request.scope)
        if not await asyncio.to_thread(self._is_kept, model):
            kept_none = f"this server keeps no predictions of {model!r} to be told about: log_payloads is 0"
            raise Problem(404, kept_none)
        found = await self._told(self.payloads.feedback(model, truths, whose(by), by.id))
        if given.feedback is UNSET:
            _check_single(found, model)
        return json_response(_kept(found))

    def _is_kept(self, model: str) -> bool:
        return bool(self.payloads.share(model)) or self.payloads.folder.is_dir()

    async def prune(self, request: Request) -> Response:
        """`DELETE …/payloads?older_than`: remove what the payload log has of a model."""
        model = self._pool(request).name
        text = request.query_params.get("older_than")
        before = time() - (_seconds("older_than", text) if text else 0.0)
        if not await asyncio.to_thread(self.payloads.folder.is_dir):
            return json_response(PrunedPayloads(0, 0))
        return json_response(PrunedPayloads(**await self._told(self.payloads.prune(model, before))))

    async def _told(self, asked: Future[dict[str, Any]]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await asyncio.wrap_future(asked)
        except PayloadsUnavailable as error:
            raise Problem(503, str(error), [("Retry-After", "5")]) from None
        except TimeoutError:
            raise Problem(503, "the payload log does not answer", [("Retry-After", "5")]) from None

    # -- reports -----------------------------------------------------------------------------------

    async def report(self, request: Request) -> Response:
        """`GET …/monitoring?window&version&reference`."""
        pool = self._pool(request)
        query = request.query_params
        texts = [query.get(name) or "" for name in ("window", "version", "reference")]
        window, reference_window = _windows(query)
        version = None
        if texts[1]:
            version = await self.runs.resolve(pool.name, texts[1])
            await self.runs.check_version(pool.name, version)
        share = self.payloads.share(pool.name)
        order = Order(
            folder=str(self.payloads.folder.absolute()),
            model=pool.name,
            window=window,
            version=version,
            reference_window=reference_window,
            trainings={} if reference_window is not None else await self._trainings(pool.name),
            columns={} if pool.signature is None else columns_of(pool.signature),
            share=share,
        )
        try:
            if share:
                await self._told(self.payloads.state())  # what was handed over until now is in it
            report = await self._reports.report(order, msgspec.json.encode([pool.name, *texts]))
        except ReportFailed as error:
            raise Problem(503, str(error)) from None
        report.log.dropped, report.log.lost = self.payloads.dropped, self.payloads.lost
        if not share:
            report.log.words = "log_payloads is 0: no predictions are kept now"
        return json_response(report)

    async def _trainings(self, model: str) -> dict[int, str]:
        """Where the trainings of versions have recorded what they were made with."""
        try:
            page = await self.runs.store.versions(model, MOST_VERSIONS, None)
        except StoreError:
            return {}
        runs = [(run.version, self.runs.recorded_reference(run)) for run in page.runs]

        def existing() -> dict[int, str]:
            return {
                version: str(path)
                for version, path in runs
                if version is not None and path is not None and Path(path).is_file()
            }

        return await asyncio.to_thread(existing)


def _truths(given: GivenFeedback) -> list[Truth]:
    if given.feedback is not UNSET:
        if given.request_id is not UNSET or given.truth is not UNSET:
            raise Problem(422, "the body has feedback, and request_id or truth beside: send one of them")
        if not 0 < len(given.feedback) <= MOST_TRUTHS:
            raise Problem(422, f"feedback has {len(given.feedback)} truths: send 1 to {MOST_TRUTHS}")
        return [Truth(one.request_id, one.truth) for one in given.feedback]
    if given.request_id is UNSET or given.truth is UNSET:
        raise Problem(422, "the body must have request_id and truth, or feedback, a list of such objects")
    return [Truth(given.request_id, given.truth)]


def _check_single(found: Mapping[str, list[str]], model: str) -> None:
    """Raise `Problem` for one truth that is not kept."""
    for one in found["unknown"]:
        raise Problem(404, UNKNOWN.format(id=one, model=model))
    for one in found["of_others"]:
        raise Problem(403, f"somebody else has asked for the prediction {one!r}: it needs read on all models")
    for one in found["too_large"]:
        raise Problem(413, f"the truth of {one!r} is too large")


def _kept(found: Mapping[str, list[str]]) -> KeptFeedback:
    reasons: tuple[tuple[Literal["unknown", "not yours", "too large"], str], ...] = (
        ("unknown", "unknown"),
        ("not yours", "of_others"),
        ("too large", "too_large"),
    )
    refused = [RefusedTruth(one, reason) for reason, name in reasons for one in found[name]]
    return KeptFeedback(len(found["kept"]), len(found["known"]), refused)


def _windows(query: Mapping[str, str]) -> tuple[Times, Times | None]:
    """The window, and that of the reference, if it is one."""
    now = datetime.now(UTC)
    seconds = _seconds("window", query.get("window") or "24h")
    window = Times(now - timedelta(seconds=seconds), now)
    text = query.get("reference") or TRAINING
    if text == TRAINING:
        return window, None
    if "/" in text:
        return window, _interval(text)
    before = _seconds("reference", text)
    return window, Times(window.begin - timedelta(seconds=before), window.begin)


def _interval(text: str) -> Times:
    try:
        begin, end = (datetime.fromisoformat(part.strip()) for part in text.split("/"))
    except ValueError:
        begin = end = datetime.now(UTC)
    begin, end = (one if one.tzinfo else one.replace(tzinfo=UTC) for one in (begin, end))
    if begin >= end:
        raise Problem(
            422, f"reference {text[:60]!r} is no time from one to a later one; write for example "
            "2026-11-01T00:00Z/2026-11-08T00:00Z, 7d or training",
        )  # fmt: skip
    return Times(begin, end)


def _seconds(name: str, text: str) -> float:
    try:
        seconds = seconds_of(text)
    except ValueError as error:
        raise Problem(422, f"{name}: {error}") from None
    if not 0 < seconds <= LONGEST:
        raise Problem(422, f"{name}: {text[:40]!r} is not more than 0 and up to 366d")
    return seconds


def columns_of(signature: Signature) -> dict[str, list[str]]:
    """The columns of the arguments of predict that are rows, as the model's schemas name them."""
    found: dict[str, list[str]] = {}
    for argument in signature.predict.arguments:
        names = _columns_in(argument.schema, signature.definitions, MOST_DEPTH)
        if names:
            found[argument.name] = names
    return found


def _columns_in(schema: Any, definitions: Mapping[str, Any], depth: int) -> list[str]:
    if not isinstance(schema, dict) or not depth:
        return []
    known: dict[str, Any] = schema  # pyright: ignore[reportUnknownVariableType] - JSON
    if "$ref" in known:
        return _columns_in(definitions.get(str(known["$ref"]).rpartition("/")[2]), definitions, depth - 1)
    if isinstance(known.get("properties"), dict) and not {"columns", "rows"} <= known["properties"].keys():
        return list(known["properties"])
    for part in (known.get("items"), *known.get("anyOf", ()), *known.get("oneOf", ())):
        names = _columns_in(part, definitions, depth - 1)
        if names:
            return names
    return []
