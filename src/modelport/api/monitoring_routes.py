"""Feedback, reports on drift, and the payload log that they are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from time import time
from typing import Any

import msgspec
from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.endpoints.row import ReadBody
from modelport.api.model_reports import AskedReport, ModelReports
from modelport.api.named_models import asked_pool
from modelport.api.ownership import whose
from modelport.api.payloads_together import told
from modelport.api.resources.monitoring import (
    MOST_TRUTHS,
    GivenFeedback,
    KeptFeedback,
    PrunedPayloads,
    Refusal,
    RefusedTruth,
)
from modelport.engine.ports import Pool
from modelport.identity.principals import Principal
from modelport.monitoring.process import ReportFailed
from modelport.monitoring.reports import Times
from modelport.problems import Problem
from modelport.runs.service import RunService
from modelport.settings.written import seconds_of
from modelport.telemetry.payloads.log import PayloadsUnavailable
from modelport.telemetry.payloads.messages import MOST_TRUTH, Truth

TRAINING = "training"
LONGEST = 366 * 86400.0
NO_REFERENCE = (
    "reference {text!r} is none: write training, a duration such as 7d (the time of that length before the "
    "window), or two times of which the second is later, such as 2026-11-01T00:00Z/2026-11-08T00:00Z"
)
UNKNOWN = (
    "the payload log has no prediction {id!r} of the model {model!r}: it was not among those that are kept "
    "(log_payloads), or is too old (payload_keep, payload_keep_size)"
)


REFUSALS: dict[Refusal, int] = {
    "unknown": 404, "not yours": 403, "too large": 413, "too many": 429,
    "unlike the answer": 422,
}  # fmt: skip


EMPTY: Mapping[str, Any] = {
    "kept": (), "known": (), "waiting": (), "unknown": (), "of_others": (), "too_large": (), "too_many": (),
    "unlike": {}, "unasked": (),
}  # fmt: skip
TOO_MANY = (
    "the prediction {id!r} is none of this server, and too much feedback of yours waits for others already: "
    "ask the servers that have the predictions for reports, or tell them"
)


class MonitoringRoutes:
    """The handlers, one method a resource."""

    def __init__(self, runs: RunService, reports: ModelReports):
        self.runs = runs
        self.payloads = reports.payloads
        self._reports = reports

    def _pool(self, request: Request) -> Pool:
        return asked_pool(self.runs.engine, request)

    # -- feedback ----------------------------------------------------------------------------------

    async def feedback(self, request: Request, read: ReadBody[GivenFeedback]) -> Response:
        """`POST …/feedback`: what answers should have been. To say the same again changes nothing."""
        model = self._pool(request).name
        given = await read()
        truths = _truths(given)
        by = principal_of(request.scope)
        found = {**EMPTY, **await self._known_here(model, truths, by)}
        is_sure = not found["unasked"] and await self._tell_others(model, truths, by, found)
        if found["unknown"] and (self._reports.waiting.are_of_servers or not is_sure):
            await self._let_wait(model, truths, by, found)
        refused = _refused(found, model)
        if given.feedback is UNSET and refused:  # the one that was sent
            raise Problem(REFUSALS[refused[0].reason], refused[0].words)
        kept, known, waiting = (len(found[name]) for name in ("kept", "known", "waiting"))
        return json_response(KeptFeedback(kept, known, waiting, refused))

    async def _known_here(self, model: str, truths: list[Truth], by: Principal) -> dict[str, Any]:
        """What became of the truths in the log of this process; all are `unasked` if it cannot tell."""
        is_shared = self._reports.waiting.is_shared
        unknown = [one.request_id for one in truths]  # which can be looked at by another, or later
        if await asyncio.to_thread(self._reports.is_kept, model):
            try:
                return await told(self.payloads.feedback(model, truths, whose(by), by.id))
            except PayloadsUnavailable as error:
                if not is_shared:
                    raise unavailable(error) from None
                return {"unknown": unknown, "unasked": unknown}
        elif not is_shared:
            kept_none = f"this server keeps no predictions of {model!r} to be told about: log_payloads is 0"
            raise Problem(404, kept_none)
        return {"unknown": unknown}

    async def _tell_others(
        self, model: str, truths: list[Truth], by: Principal, found: dict[str, Any]
    ) -> bool:
        """Tell the other processes of the server of predictions unknown here; whether all could say."""
        if not found["unknown"]:
            return True
        unknown = set(found["unknown"])
        others = [one for one in truths if one.request_id in unknown]
        answered = await self._reports.together.feedback(model, others, whose(by), by.id)
        for theirs in answered.found:
            unknown &= set(theirs.pop("unknown"))
            found |= {name: found[name] | some if name == "unlike" else [*found[name], *some]
                      for name, some in theirs.items() if some}  # fmt: skip
        found["unknown"] = [one for one in found["unknown"] if one in unknown]
        return not answered.is_missing

    async def _let_wait(self, model: str, truths: list[Truth], by: Principal, found: dict[str, Any]) -> None:
        """Have the truths of unknown predictions wait for another server which has them."""
        unknown = set(found["unknown"])
        others = [one for one in truths if one.request_id in unknown]
        placed = await self._reports.waiting.put(model, others, whose(by), by.id)
        found["unknown"] = []
        found["waiting"], found["too_many"] = placed.waiting, placed.too_many
        found["too_large"] = [*found["too_large"], *placed.too_large]

    async def prune(self, request: Request) -> Response:
        """`DELETE …/payloads?older_than`: remove what the payload log has of a model."""
        model = self._pool(request).name
        text = request.query_params.get("older_than")
        before = time() - (_seconds("older_than", text) if text else 0.0)
        found = {"files": 0, "bytes": 0}
        sharing = self._reports.sharing
        if sharing is not None:
            found = await sharing.prune(model, before)
        if await asyncio.to_thread(self.payloads.folder.is_dir):
            try:
                here = await told(self.payloads.prune(model, before))
            except PayloadsUnavailable as error:
                raise unavailable(error) from None
            found = {name: found[name] + here[name] for name in found}
        others = await self._reports.together.prune(model, before)
        if others.is_missing:
            raise unavailable(PayloadsUnavailable("a process of this server does not answer: ask again"))
        for there in others.found:
            found = {name: found[name] + there[name] for name in found}
        return json_response(PrunedPayloads(**found))

    # -- reports -----------------------------------------------------------------------------------

    async def report(self, request: Request) -> Response:
        """`GET …/monitoring?window&version&reference`."""
        pool = self._pool(request)
        query = request.query_params
        window, reference = _windows(query)
        version = None
        if "version" in query:
            version = await self.runs.resolve(pool.name, query["version"])
            await self.runs.check_version(pool.name, version)
        texts = [query.get(name, "") for name in ("window", "version", "reference")]
        asked = AskedReport(window, reference, version, msgspec.json.encode([pool.name, *texts]))
        try:
            return json_response(await self._reports.report(pool, asked))
        except (ReportFailed, PayloadsUnavailable) as error:
            raise unavailable(error) from None


def unavailable(error: Exception) -> Problem:
    """What is said where the payload log, or a report on it, cannot be had now."""
    return Problem(503, str(error), [("Retry-After", "5")])


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


def _refused(found: Mapping[str, Any], model: str) -> list[RefusedTruth]:
    """What was not kept, with the reasons."""
    others = "somebody else has asked for the prediction {id!r}: it needs read on all models"
    large = f"the truth of {{id!r}} is larger than {MOST_TRUTH} bytes"
    reasons: tuple[tuple[Refusal, list[str], str], ...] = (
        ("unknown", found["unknown"], UNKNOWN),
        ("not yours", found["of_others"], others),
        ("too large", found["too_large"], large),
        ("too many", found["too_many"], TOO_MANY),
    )
    refused = [
        RefusedTruth(one, reason, words.format(id=one, model=model))
        for reason, ids, words in reasons
        for one in ids
    ]
    return refused + [
        RefusedTruth(one, "unlike the answer", f"the truth of {one!r} cannot be compared: {why}")
        for one, why in found["unlike"].items()
    ]


def _windows(query: Mapping[str, str]) -> tuple[Times, Times | None]:
    """The window, and that of the reference, if it is one."""
    now = datetime.now(UTC)
    seconds = _seconds("window", query.get("window", "24h"))
    window = Times(now - timedelta(seconds=seconds), now)
    text = query.get("reference", TRAINING)
    if text == TRAINING:
        return window, None
    interval = _interval(text)
    if interval is not None:
        return window, interval
    try:
        seconds_of(text)
    except ValueError:
        raise Problem(422, NO_REFERENCE.format(text=text[:60])) from None
    before = _seconds("reference", text)
    return window, Times(window.begin - timedelta(seconds=before), window.begin)


def _interval(text: str) -> Times | None:
    """The time from one to a later one, if that is what it is."""
    try:
        begin, end = (datetime.fromisoformat(part.strip()) for part in text.split("/"))
    except ValueError:
        return None
    begin, end = (one if one.tzinfo else one.replace(tzinfo=UTC) for one in (begin, end))
    return Times(begin, end) if begin < end else None


def _seconds(name: str, text: str) -> float:
    try:
        seconds = seconds_of(text)
    except ValueError as error:
        raise Problem(422, f"{name}: {error}") from None
    if not 0 < seconds <= LONGEST:
        raise Problem(422, f"{name}: {text[:40]!r} is not more than 0 and up to 366d")
    return seconds
