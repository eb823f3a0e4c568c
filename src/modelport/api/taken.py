"""A request that is answered without Starlette's routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from modelport.api.refusal_form import RefusalForm
from modelport.http.asgi import Receive, Scope, Send


class Taken(NamedTuple):
    """What answers it, in which form its client is told that it may not come in, the model that it asks, if
    any, and the path of its endpoint as the documents write it.
    """

    answer: Callable[[Scope, Receive, Send], Awaitable[None]]
    form: RefusalForm
    model: str | None
    route: str
