"""`GET /v2/models/{model}/log`: what a model's processes print, and have printed last.

It is for administrators: a model may print what it was asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.job_streams import KEEP_ALIVE_SECONDS, followed_answer
from modelport.api.model_logs_together import LOOK_SECONDS, LogsTogether
from modelport.api.named_models import asked_pool
from modelport.api.query_values import number_in
from modelport.api.strange_bytes import guards_of
from modelport.contract.media_types import best_media_type
from modelport.engine.model_log import KEPT_LINES, Line, ModelLog
from modelport.engine.ports import Engine, Pool
from modelport.problems import Problem
from modelport.siblings import Siblings

EVENT_ID = re.compile(r"[0-9a-f]{1,16}-[0-9]{1,18}(\.[0-9a-f]{1,16}-[0-9]{1,18}){0,255}")
EVENTS, TEXT = "text/event-stream", "text/plain"
FEW_LINES = 200
AT_ONCE = 200  # of an event: what is sent at once is copied for each client
REST_SECONDS = 0.1  # between two events: what comes together is sent together


class ModelLogRoutes:
    """The handler."""

    def __init__(self, engine: Engine, siblings: Siblings | None):
        self._engine = engine
        self._together = None if siblings is None else LogsTogether(engine, siblings)

    async def get(self, request: Request) -> Response:
        """The last lines as text; by Accept events, until the client leaves or the server stops."""
        pool = asked_pool(self._engine, request)
        lines = number_in(request.query_params, "lines", FEW_LINES, 1, KEPT_LINES)
        if best_media_type(request.headers.get("accept"), [TEXT, EVENTS]) != EVENTS:
            return _as_text(await self._last(pool, lines))
        after = request.headers.get("last-event-id") or request.query_params.get("after") or ""
        known = _numbers_in(after)
        if self._together is not None:
            return followed_answer(request, _followed_all(self._together, pool.name, known, lines), EVENTS)
        log = pool.model_log
        return followed_answer(request, _followed(log, known.get(log.name, log.last(lines))), EVENTS)

    async def _last(self, pool: Pool, most: int) -> Sequence[Line]:
        if self._together is not None:
            return (await self._together.last(pool.name, most)).lines
        return pool.model_log.after(pool.model_log.last(most))


def _as_text(lines: Sequence[Line]) -> Response:
    body = "".join(f"{line.text}\n" for line in lines).encode("utf-8", "replace")
    return Response(body, headers=dict(guards_of(TEXT)), media_type=TEXT)


def _numbers_in(event_id: str) -> dict[str, int]:
    """The number of a line of each log by the id of an event. Raises `Problem` 422."""
    if event_id and not EVENT_ID.fullmatch(event_id):
        raise Problem(422, f"after {event_id[:40]!r} is the id of no event of a log")
    pairs = (one.partition("-") for one in event_id.split(".") if one)
    return {log: int(number) for log, _, number in pairs}


async def _followed(log: ModelLog, number: int) -> AsyncIterator[bytes]:
    """Events of a log after a line. Who does not read holds nothing: they miss lines, and hear so."""
    while True:
        lines = log.after(number, AT_ONCE)
        if lines:
            yield _event({log.name: lines[-1].number}, lines, missed=lines[0].number - number - 1)
            number = lines[-1].number
            if len(lines) < AT_ONCE:
                await asyncio.sleep(REST_SECONDS)
        elif log.is_closed:
            return
        elif not await log.moved(KEEP_ALIVE_SECONDS):
            yield b": keep-alive\n\n"


async def _followed_all(
    together: LogsTogether, model: str, known: Mapping[str, int], lines: int
) -> AsyncIterator[bytes]:
    """The same of the logs of all processes of the server."""
    first = await together.after(model, known, AT_ONCE) if known else await together.last(model, lines)
    idle = int(KEEP_ALIVE_SECONDS / LOOK_SECONDS)
    async for found in together.followed(model, first, AT_ONCE, idle):
        if found.lines:
            yield _event(found.known, found.lines, found.missed)
        else:
            yield b": keep-alive\n\n"


def _event(known: Mapping[str, int], lines: Sequence[Line], missed: int) -> bytes:
    told: list[dict[str, Any]] = [{**line._asdict(), "at": round(line.at, 3)} for line in lines]
    data = msgspec.json.encode({"lines": told, "missed": missed})
    name = ".".join(f"{log}-{number}" for log, number in known.items())
    return b"id: %b\nevent: lines\ndata: %b\n\n" % (name.encode(), data)
