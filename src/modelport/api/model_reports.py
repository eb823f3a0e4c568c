"""Reports on the models of a server, for whoever asks: the endpoint, and the metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modelport.api.payload_sharing import PayloadSharing
from modelport.api.payloads_together import PayloadsTogether, told
from modelport.contract.signature import Signature
from modelport.engine.ports import Pool
from modelport.monitoring.process import Reports
from modelport.monitoring.report import Order
from modelport.monitoring.reports import Report, Times
from modelport.runs.service import RunService
from modelport.siblings import Siblings
from modelport.storage.errors import StoreError
from modelport.telemetry.payloads.log import PayloadLog
from modelport.telemetry.payloads.shared import Brought
from modelport.telemetry.payloads.waiting import WaitingTruth, WaitingTruths

log = logging.getLogger("modelport.payloads")

AT_ONCE = 500  # truths that are told
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


def _say_refused(model: str, giver: str, found: Mapping[str, Any]) -> None:
    """Say in the log what nobody waits for any more."""
    refused = [(one, "somebody else has asked for it") for one in found["of_others"]]
    for one, why in [*refused, *found["unlike"].items()]:
        log.warning("%s: feedback of %s on %s is not kept: %s", model, giver or "somebody", one, why)


class ModelReports:
    """Makes reports out of the payload log, one at a time. One for a server."""

    def __init__(
        self,
        runs: RunService,
        payloads: PayloadLog,
        waiting: WaitingTruths,
        sharing: PayloadSharing | None,
        siblings: Siblings | None = None,
    ):
        self._runs = runs
        self.payloads = payloads
        self.waiting = waiting
        self.sharing = sharing
        self._reports = Reports()
        self.together = PayloadsTogether(payloads, siblings, self._catch_up)

    async def report(self, pool: Pool, asked: AskedReport) -> Report:
        """The report on a model. Raises `ReportFailed`, `PayloadsUnavailable`."""
        payloads = self.payloads
        share = payloads.share(pool.name)
        words = await self._catch_up(pool.name)
        beside = await self.together.beside(pool.name)
        brought = await self._of_others(pool.name, asked, beside.folders)
        order = Order(
            folder=str(payloads.folder.absolute()),
            beside=beside.folders,
            others=brought.folders,
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
        report.log.dropped = payloads.dropped + beside.dropped
        report.log.lost = payloads.lost + beside.lost
        if not share:
            report.log.words = "log_payloads is 0: no predictions are kept now"
        report.log.words = "; ".join(filter(None, (report.log.words, words, beside.words, brought.words)))
        return report

    async def _catch_up(self, model: str) -> str:
        """Have all in the log of this process that was handed over, or told to others; why not, if so.

        Raises `PayloadsUnavailable`.
        """
        is_kept = await asyncio.to_thread(self.is_kept, model)
        if self.payloads.share(model) or (self.payloads.is_one_of_several and is_kept):
            await told(self.payloads.state())  # what was handed over until now is in it
        return await self._take_over(model) if self.waiting.is_shared and is_kept else ""

    async def _of_others(self, model: str, asked: AskedReport, beside: Sequence[str]) -> Brought:
        """What other servers have kept of all the times that the report is on."""
        if self.sharing is None:
            return Brought(())
        times = [one for one in (asked.window, asked.reference, asked.otherwise) if one is not None]
        begin, end = min(one.begin for one in times), max(one.end for one in times)
        return await self.sharing.bring(model, begin.timestamp(), end.timestamp(), beside)

    async def take_over_all(self) -> None:
        """Keep what other servers were told of predictions of this one, of every model."""
        for model in list(self._runs.engine.pools) if self.waiting.is_shared else ():
            if await asyncio.to_thread(self.is_kept, model):
                await self._take_over(model)

    def is_kept(self, model: str) -> bool:
        """Whether there may be predictions of a model in the log. It looks at the disk."""
        return bool(self.payloads.share(model)) or self.payloads.folder.is_dir()

    async def _take_over(self, model: str) -> str:
        """Keep what other servers were told of predictions of this one; why not, if that cannot be."""
        try:
            waiting = await self.waiting.of(model)
            by_giver: dict[tuple[str | None, str], list[WaitingTruth]] = {}
            for one in waiting:
                by_giver.setdefault((one.owner, one.giver), []).append(one)
            for (owner, giver), truths in by_giver.items():
                for begin in range(0, len(truths), AT_ONCE):
                    some = truths[begin : begin + AT_ONCE]
                    found = await told(
                        self.payloads.feedback(model, [one.truth for one in some], owner, giver)
                    )
                    unknown = set(found["unknown"])
                    await self.waiting.remove(model, [x for x in some if x.truth.request_id not in unknown])
                    _say_refused(model, giver, found)
        except StoreError as error:
            return f"what other servers were told of its predictions cannot be read: {error}"
        return ""

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
