"""What a model has printed in all processes of a server: each keeps the lines of its own workers.

Whoever reads them asks all. Nothing is passed on while nobody reads: a model may print more than that could
bear.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from heapq import merge
from typing import NamedTuple

import msgspec

from modelport.engine.model_log import Line, ModelLog
from modelport.engine.ports import Engine
from modelport.siblings import LONG_SECONDS, Siblings

TOPIC = "printed lines"  # what is asked of all by this name
LOOK_SECONDS = 0.5


class _Asked(msgspec.Struct, array_like=True):
    """The lines of a model after those that are known of each log, or the last ones where none is known."""

    model: str
    most: int
    known: dict[str, int] = {}


class _Told(msgspec.Struct, array_like=True):
    """Lines of one log, of which `missed` between those that are known and these are gone."""

    log: str
    last: int
    missed: int
    lines: list[Line]


class Printed(NamedTuple):
    """Lines in the order of their times, the last number of each log, and how many were missed."""

    lines: Sequence[Line]
    known: Mapping[str, int]
    missed: int = 0


class LogsTogether:
    """The logs of the models of an engine, in all processes of a server."""

    def __init__(self, engine: Engine, siblings: Siblings):
        self._engine = engine
        self._siblings = siblings
        siblings.answer(TOPIC, self._tell)

    async def last(self, model: str, most: int) -> Printed:
        """The last so many lines."""
        found = await self._asked(_Asked(model, most))
        return found._replace(lines=found.lines[-most:])

    async def after(self, model: str, known: Mapping[str, int], most: int) -> Printed:
        """Lines that are not known yet, at most so many of each log."""
        return await self._asked(_Asked(model, most, dict(known)))

    async def followed(self, model: str, first: Printed, most: int, idle: int) -> AsyncIterator[Printed]:
        """These lines and those that come, until the server stops; none after so many looks for nothing."""
        found, log, looks = first, self._engine.pools[model].model_log, 0
        while not log.is_closed:
            looks = 0 if found.lines else looks + 1
            if found.lines or looks % idle == 0:
                yield found
            if not found.lines:
                await asyncio.sleep(LOOK_SECONDS)
            found = await self.after(model, found.known, most)

    async def _asked(self, asked: _Asked) -> Printed:
        answers = await self._siblings.ask(TOPIC, msgspec.msgpack.encode(asked), seconds=LONG_SECONDS)
        told = [msgspec.msgpack.decode(body, type=_Told) for body in answers.bodies if body]
        known = {**asked.known, **{one.log: one.last for one in told}}
        lines = list(merge(*(one.lines for one in told), key=_time))
        return Printed(lines, known, sum(one.missed for one in told))

    async def _tell(self, body: bytes) -> bytes:
        asked = msgspec.msgpack.decode(body, type=_Asked)
        pool = self._engine.pools.get(asked.model)
        return b"" if pool is None else msgspec.msgpack.encode(_told(pool.model_log, asked))


def _told(log: ModelLog, asked: _Asked) -> _Told:
    """What one log has. One that has begun since is told from its first line on."""
    number = asked.known.get(log.name, 0) if asked.known else log.last(asked.most)
    lines = list(log.after(number, asked.most))
    if not lines:
        return _Told(log.name, number, 0, lines)
    return _Told(log.name, lines[-1].number, lines[0].number - number - 1 if asked.known else 0, lines)


def _time(line: Line) -> float:
    return line.at
