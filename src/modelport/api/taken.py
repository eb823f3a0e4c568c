"""A request that is answered without Starlette's routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from modelport.http.asgi import Receive, Scope, Send
from modelport.problems import Problem


class Taken(NamedTuple):
    """What answers it, what tells its client that it may not come in, the model that it asks, if any, and the
    path of its endpoint as the documents write it.
    """

    answer: Callable[[Scope, Receive, Send], Awaitable[None]]
    refuse: Callable[[Send, Problem], Awaitable[None]]
    model: str | None
    route: str
