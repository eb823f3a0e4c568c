"""A route's answer that something else than Starlette sends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from modelport.http.asgi import Receive, Scope, Send


class Handed(Response):
    """A response that reads the request's body itself, as it comes."""

    def __init__(self, answer: Callable[[Scope, Receive, Send], Awaitable[None]]):
        super().__init__()
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._answer(scope, receive, send)
