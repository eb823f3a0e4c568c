"""Reports that are asked for: each is made by a process, one after the other, and kept for a while."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from asyncio.subprocess import PIPE

import msgspec

from modelport.engine.starting import command, plain_options
from modelport.monitoring.report import Order
from modelport.monitoring.reports import Report

log = logging.getLogger("modelport.monitoring")

REPORT = "modelport.monitoring.report"
SECONDS = 120.0  # that a report may take
KEPT_SECONDS = 15.0
MOST_KEPT = 32


class ReportFailed(Exception):
    """There is no report, for this reason."""


class Reports:
    """Makes reports. One for a server."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._kept: dict[bytes, tuple[float, Report]] = {}

    async def report(self, order: Order, key: bytes) -> Report:
        """The report of an order; one that was made a moment ago for the same `key` will do.

        Raises `ReportFailed`.
        """
        async with self._turn:
            now = asyncio.get_running_loop().time()
            self._kept = {one: kept for one, kept in self._kept.items() if kept[0] > now}
            if key in self._kept:
                return self._kept[key][1]
            report = await _made(order)
            if len(self._kept) < MOST_KEPT:
                self._kept[key] = (now + KEPT_SECONDS, report)
            return report


async def _made(order: Order) -> Report:
    variables = plain_options({})["env"]
    process = await asyncio.create_subprocess_exec(
        *command(REPORT), stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True, env=variables
    )
    try:
        async with asyncio.timeout(SECONDS):
            made, words = await process.communicate(msgspec.json.encode(order))
    except TimeoutError:
        raise ReportFailed(f"the report was not made in {SECONDS:g} s: ask for a shorter window") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        log.error("a report on %s failed:\n%s", order.model, words.decode("utf-8", "replace")[-4000:])
        raise ReportFailed("the report could not be made; the log of the server says more")
    return msgspec.json.decode(made, type=Report)
