"""Reports on the models of a server, for whoever asks: the endpoint, and the metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

from modelport.contract.signature import Signature
from modelport.engine.ports import Pool
from modelport.monitoring.process import Reports
from modelport.monitoring.report import Order
from modelport.monitoring.reports import Report, Times
from modelport.runs.service import RunService
from modelport.storage.errors import StoreError
from modelport.telemetry.payloads.log import PayloadLog, PayloadsUnavailable

ASK_SECONDS = 30.0  # that the keeper of the log may take
MOST_VERSIONS = 100  # of a model, the newest, whose references are looked for
MOST_DEPTH = 6


class AskedReport(NamedTuple):
    """What a report is to be on: without `version` each, without `reference` what trainings have recorded,
    `otherwise` a time of the log.

    One that was made a moment ago for the same `key` will do.
    """

    window: Times
    reference: Times | None
    version: int | None
    key: bytes
    otherwise: Times | None = None


async def told(asked: Future[dict[str, Any]]) -> dict[str, Any]:
    """What the payload log says. Raises `PayloadsUnavailable`."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await asyncio.wrap_future(asked)
    except TimeoutError:
        raise PayloadsUnavailable("the payload log does not answer") from None


class ModelReports:
    """Makes reports out of the payload log, one at a time. One for a server."""

    def __init__(self, runs: RunService, payloads: PayloadLog):
        self._runs = runs
        self.payloads = payloads
        self._reports = Reports()

    async def report(self, pool: Pool, asked: AskedReport) -> Report:
        """The report on a model. Raises `ReportFailed`, `PayloadsUnavailable`."""
        payloads = self.payloads
        share = payloads.share(pool.name)
        if share:
            await told(payloads.state())  # what was handed over until now is in it
        order = Order(
            folder=str(payloads.folder.absolute()),
            model=pool.name,
            window=asked.window,
            version=asked.version,
            reference_window=asked.reference,
            otherwise=asked.otherwise,
            trainings={} if asked.reference is not None else await self.trainings(pool.name),
            columns={} if pool.signature is None else columns_of(pool.signature),
            share=share,
        )
        report = await self._reports.report(order, asked.key)
        report.log.dropped, report.log.lost = payloads.dropped, payloads.lost
        if not share:
            report.log.words = "log_payloads is 0: no predictions are kept now"
        return report

    async def trainings(self, model: str) -> dict[int, str]:
        """Where the trainings of versions have recorded what they were made with."""
        try:
            page = await self._runs.store.versions(model, MOST_VERSIONS, None)
        except StoreError:
            return {}
        runs = [(run.version, self._runs.recorded_reference(run)) for run in page.runs]

        def existing() -> dict[int, str]:
            return {
                version: str(path)
                for version, path in runs
                if version is not None and path is not None and Path(path).is_file()
            }

        return await asyncio.to_thread(existing)


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
