"""The payload logs of the processes of one server as one: each keeps one of its own, on the same disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple

import msgspec

from modelport.siblings import Answers, Siblings
from modelport.telemetry.payloads.log import PayloadLog, PayloadsUnavailable
from modelport.telemetry.payloads.messages import Truth

ASK_SECONDS = 30.0  # that the keeper of a log may take
LOOK, PRUNE, FEEDBACK = "payloads seen", "payloads pruned", "payloads told"  # what processes ask each other
MISSING = "what another process of this server has kept is not all in it"
CatchUp = Callable[[str], Awaitable[str]]


async def told(asked: Future[dict[str, Any]]) -> dict[str, Any]:
    """What a payload log says. Raises `PayloadsUnavailable`."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await asyncio.wrap_future(asked)
    except TimeoutError:
        raise PayloadsUnavailable("the payload log does not answer") from None


class _Asked(msgspec.Struct, array_like=True):
    """A question of the process `by`, to the others, on a model."""

    by: int
    model: str
    before: float = 0.0
    truths: list[Truth] = []
    owner: str | None = None
    giver: str = ""


class _Log(msgspec.Struct, array_like=True):
    """The log of one process: its folder, what is not in it, and why it may not be whole."""

    folder: str
    dropped: int
    lost: int
    words: str


class Beside(NamedTuple):
    """The logs of the other processes."""

    folders: Sequence[str] = ()
    dropped: int = 0
    lost: int = 0
    words: str = ""


class Answered(NamedTuple):
    """What the others have answered, and whether one of them has not."""

    found: list[dict[str, Any]]
    is_missing: bool


class PayloadsTogether:
    """Asks the other processes of a server about their logs, and answers them.

    `catch_up` has all in the log that was handed over or told elsewhere; it returns why not, if so.
    """

    def __init__(self, payloads: PayloadLog, siblings: Siblings | None, catch_up: CatchUp):
        self._payloads = payloads
        self._siblings = siblings
        self._catch_up = catch_up
        if siblings is not None:
            siblings.answer(LOOK, self._look)
            siblings.answer(PRUNE, self._prune)
            siblings.answer(FEEDBACK, self._feedback)

    # -- what this process asks --------------------------------------------------------------------

    async def beside(self, model: str) -> Beside:
        """The logs of the others, once all is in them that they were given."""
        if self._siblings is None:
            return Beside()
        answers = await self._ask(LOOK, _Asked(self._siblings.place.number, model))
        logs = [msgspec.msgpack.decode(body, type=_Log) for body in answers.bodies if body]
        words = dict.fromkeys(one.words for one in logs if one.words)
        if answers.missing:
            words[MISSING] = None
        return Beside(
            [one.folder for one in logs if one.folder],
            sum(one.dropped for one in logs),
            sum(one.lost for one in logs),
            "; ".join(words),
        )

    async def prune(self, model: str, before: float) -> Answered:
        """Remove from the logs of the others what was kept of a model before a time."""
        return await self._answered(PRUNE, lambda by: _Asked(by, model, before))

    async def feedback(self, model: str, truths: Sequence[Truth], owner: str | None, giver: str) -> Answered:
        """Tell the others what answers should have been; what became of each, by its id."""
        return await self._answered(
            FEEDBACK, lambda by: _Asked(by, model, truths=list(truths), owner=owner, giver=giver)
        )

    async def _answered(self, topic: str, question: Callable[[int], _Asked]) -> Answered:
        if self._siblings is None:
            return Answered([], is_missing=False)
        answers = await self._ask(topic, question(self._siblings.place.number))
        found = [msgspec.msgpack.decode(body, type=dict[str, Any]) for body in answers.bodies if body]
        failed = [one["error"] for one in found if "error" in one]
        return Answered([one for one in found if "error" not in one], bool(answers.missing or failed))

    async def _ask(self, topic: str, question: _Asked) -> Answers:
        assert self._siblings is not None
        return await self._siblings.ask(topic, msgspec.msgpack.encode(question), seconds=ASK_SECONDS)

    # -- what it is asked --------------------------------------------------------------------------

    def _question(self, body: bytes) -> _Asked | None:
        """What another process asks."""
        asked = msgspec.msgpack.decode(body, type=_Asked)
        assert self._siblings is not None
        return None if asked.by == self._siblings.place.number else asked

    async def _look(self, body: bytes) -> bytes:
        asked = self._question(body)
        if asked is None:
            return b""
        payloads = self._payloads
        try:
            words = await self._catch_up(asked.model)
        except PayloadsUnavailable as error:
            words = f"{MISSING}: {error}"
        folder = str(payloads.folder.absolute())
        return msgspec.msgpack.encode(_Log(folder, payloads.dropped, payloads.lost, words))

    async def _prune(self, body: bytes) -> bytes:
        asked = self._question(body)
        if asked is None or not await asyncio.to_thread(self._payloads.folder.is_dir):
            return b""
        return await _told(self._payloads.prune(asked.model, asked.before))

    async def _feedback(self, body: bytes) -> bytes:
        asked = self._question(body)
        if asked is None or not await asyncio.to_thread(self._has, asked.model):
            return b""
        return await _told(self._payloads.feedback(asked.model, asked.truths, asked.owner, asked.giver))

    def _has(self, model: str) -> bool:
        """Whether there may be predictions of a model in the log of this process."""
        return bool(self._payloads.share(model)) or self._payloads.folder.is_dir()


async def _told(asked: Future[dict[str, Any]]) -> bytes:
    try:
        found: Mapping[str, Any] = await told(asked)
    except PayloadsUnavailable as error:
        found = {"error": str(error)}
    return msgspec.msgpack.encode(found)
