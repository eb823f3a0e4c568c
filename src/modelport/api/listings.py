"""Answers that are made of many or large rows of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

T = TypeVar("T")


class Listings:
    """Makes such answers one at a time, in a thread: a row may hold some hundred thousand numbers.

    Several threads would be no faster and hold up predictions, and each answer that is made takes several
    times its own size. One for the application.
    """

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def answer(self, read: Callable[[], Awaitable[T]], body: Callable[[T], Any]) -> Response:
        """The JSON that `body` makes, in a thread, of what `read` has found. Raises what they raise."""
        async with self._turn:
            found = await read()
            raw = await asyncio.to_thread(lambda: msgspec.json.encode(body(found)))
        return Response(raw, media_type="application/json")
