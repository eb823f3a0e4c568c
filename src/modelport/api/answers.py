"""Answers that routes give: JSON, what is made of large rows, and what something else sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from modelport.http.asgi import Receive, Scope, Send

T = TypeVar("T")


def json_response(body: Any, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    """An answer of JSON, in which the results of models stay as they were encoded."""
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


class Delegated(Response):
    """An answer that something else sends, which reads the request's body itself, as it comes."""

    def __init__(self, answer: Callable[[Scope, Receive, Send], Awaitable[None]]):
        super().__init__()
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._answer(scope, receive, send)


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
