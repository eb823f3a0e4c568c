"""`GET /v2/models/{model}/log`: what a model's processes print, and have printed last.

It is for administrators: a model may print what it was asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.job_streams import KEEP_ALIVE_SECONDS, followed_answer
from modelport.api.named_models import asked_pool
from modelport.api.query_values import number_in
from modelport.api.strange_bytes import guards_of
from modelport.contract.media_types import best_media_type
from modelport.engine.model_log import KEPT_LINES, Line, ModelLog
from modelport.engine.ports import Engine
from modelport.problems import Problem

EVENTS, TEXT = "text/event-stream", "text/plain"
FEW_LINES = 200
AT_ONCE = 200  # of an event: what is sent at once is copied for each client
REST_SECONDS = 0.1  # between two events: what comes together is sent together


class ModelLogRoutes:
    """The handler."""

    def __init__(self, engine: Engine):
        self._engine = engine

    async def get(self, request: Request) -> Response:
        """The last lines as text; by Accept events, until the client leaves or the server stops."""
        found = asked_pool(self._engine, request).model_log
        lines = number_in(request.query_params, "lines", FEW_LINES, 1, KEPT_LINES)
        first = found.last(lines)
        if best_media_type(request.headers.get("accept"), [TEXT, EVENTS]) != EVENTS:
            texts = [f"{line.text}\n" for line in found.after(first)]
            body = "".join(texts).encode("utf-8", "replace")
            return Response(body, headers=dict(guards_of(TEXT)), media_type=TEXT)
        after = request.headers.get("last-event-id") or request.query_params.get("after") or ""
        known = _number_in(after, found.name)
        return followed_answer(request, _followed(found, first if known is None else known), EVENTS)


def _number_in(event_id: str, name: str) -> int | None:
    """The number of a line by the id of an event; `None` if it is of another log. Raises `Problem` 422."""
    log, _, number = event_id.partition("-")
    if event_id and not (log.isalnum() and number.isascii() and number.isdecimal() and len(number) < 19):
        raise Problem(422, f"after {event_id[:40]!r} is the id of no event of a log")
    return int(number) if log == name else None


async def _followed(log: ModelLog, number: int) -> AsyncIterator[bytes]:
    """Events of a log after a line. Who does not read holds nothing: they miss lines, and hear so."""
    while True:
        lines = log.after(number, AT_ONCE)
        if lines:
            yield _event(log.name, lines, missed=lines[0].number - number - 1)
            number = lines[-1].number
            if len(lines) < AT_ONCE:
                await asyncio.sleep(REST_SECONDS)
        elif log.is_closed:
            return
        elif not await log.moved(KEEP_ALIVE_SECONDS):
            yield b": keep-alive\n\n"


def _event(name: str, lines: Sequence[Line], missed: int) -> bytes:
    told: list[dict[str, Any]] = [{**line._asdict(), "at": round(line.at, 3)} for line in lines]
    data = msgspec.json.encode({"lines": told, "missed": missed})
    return b"id: %b-%d\nevent: lines\ndata: %b\n\n" % (name.encode(), lines[-1].number, data)
