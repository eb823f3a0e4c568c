"""Answers that are made of many or large rows of the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.responses import Response

from modelport.api.json_answers import json_response

T = TypeVar("T")


class Listings:
    """Makes such answers one at a time, in a thread: a row may hold some hundred thousand numbers.

    Several threads would be no faster and hold up predictions, and each answer that is made takes several
    times its own size. One for the application; who makes such an answer by itself holds its `turn`.
    """

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(1)

    async def answer(self, read: Callable[[], Awaitable[T]], body: Callable[[T], Any]) -> Response:
        """The JSON that `body` makes, in a thread, of what `read` has found. Raises what they raise."""
        async with self.turn:
            found = await read()
            return await asyncio.to_thread(lambda: json_response(body(found)))
