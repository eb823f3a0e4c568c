"""`modelport.create_app`: models as an ASGI application, alone or mounted in another one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.routing import BaseRoute, Route

from modelport.api.server import nothing_served
from modelport.api.sockets import as_request
from modelport.contract.errors import ModelLoadError
from modelport.http.asgi import Receive, Scope, Send, send_problem
from modelport.problems import Problem
from modelport.serving.arguments import LOG_SETTINGS, SERVER_SETTINGS, settings_of
from modelport.serving.embedded import EmbeddedLife
from modelport.serving.models import given_models
from modelport.settings import Settings
from modelport.settings.together import check_together

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from modelport.serving.keywords import AppSettings

log = logging.getLogger("modelport.server")


def create_app(
    model: Any,
    *more: Any,
    routes: Sequence[BaseRoute] = (),
    wait: bool = True,
    **settings: Unpack[AppSettings],
) -> ModelApplication:
    """Models as an ASGI application.

    `model` is a source string or a path, a class, an object with `predict`, a function, or a dictionary of
    names and models. `routes` are your own, in place of those that are here at the same paths. With `wait`
    the start ends when the models are ready, and fails if none of them could be loaded (unless it is to
    `keep_going`). `settings` are those of `modelport serve`; `MODELPORT_*`
    variables count where they say nothing. Raises `ModelLoadError`, `TypeError`, `ValueError`.
    """
    read = settings_of(
        "create_app()", settings, environment=os.environ, elsewhere=SERVER_SETTINGS | LOG_SETTINGS
    )
    check_together(read)
    return ModelApplication((model, *more), read, routes, wait=wait)


class ModelApplication:
    """An ASGI application. It starts with its lifespan, or at its first request where it gets none.

    Mounted in another application, it hears of no start and no end: give that one `lifespan`.
    """

    def __init__(self, models: Sequence[Any], settings: Settings, routes: Sequence[BaseRoute], *, wait: bool):
        self.settings = settings
        self._models = given_models(models, settings)
        self._routes = list(routes)
        self._wait = wait
        self._lives: dict[asyncio.AbstractEventLoop, EmbeddedLife] = {}
        self._beginnings: dict[asyncio.AbstractEventLoop, asyncio.Task[EmbeddedLife]] = {}

    def add_route(
        self, path: str, endpoint: Callable[..., Any], methods: Sequence[str] | None = None, **options: Any
    ) -> None:
        """Answer at `path` with `endpoint`, which takes a Starlette request; before the start only.

        A path and method that is modelport's own is replaced. Raises `RuntimeError` after the start.
        """
        if self._lives or self._beginnings:
            raise RuntimeError("add_route() comes too late: the application has started")
        self._routes.append(Route(path, endpoint, methods=list(methods) if methods else None, **options))

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncGenerator[None]:
        """Start, and stop at the end: `FastAPI(lifespan=ml.lifespan)`. Raises `ModelLoadError`, `OSError`."""
        await self._start()
        try:
            yield
        finally:
            await self._end()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await as_request(self._http, scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        life = self._lives.get(asyncio.get_running_loop())
        if life is None:
            try:
                life = await self._begun()
            except (ModelLoadError, OSError) as error:
                log.error("the models cannot be started: %s", error)
                await send_problem(send, Problem(503, "the models could not be started"), "")
                return
        app, scope = life.mounted(scope)
        await app(scope, receive, send)

    async def _begun(self) -> EmbeddedLife:
        """The life in the running loop; whoever asks first begins it."""
        loop = asyncio.get_running_loop()
        if loop in self._lives:
            return self._lives[loop]
        beginning = self._beginnings.get(loop)
        if beginning is None:
            self._forget_closed_loops()
            begun = EmbeddedLife.begun(self._models, self.settings, self._routes, wait=self._wait)
            beginning = self._beginnings[loop] = loop.create_task(begun)
        try:
            life = self._lives[loop] = await asyncio.shield(beginning)
        finally:
            if beginning.done():
                self._beginnings.pop(loop, None)  # after a failure the next one tries again
        return life

    async def _start(self) -> None:
        life = await self._begun()
        stays_up = self.settings.keep_going or self.settings.reload
        failed = nothing_served(life.life.engine) if self._wait and not stays_up else ""
        if failed:
            await self._end()
            raise ModelLoadError(failed)

    async def _end(self) -> None:
        life = self._lives.pop(asyncio.get_running_loop(), None)
        if life is not None:
            await life.end()

    def _forget_closed_loops(self) -> None:
        for loop in [loop for loop in self._beginnings if loop.is_closed()]:
            del self._beginnings[loop]
        for loop in [loop for loop in self._lives if loop.is_closed()]:
            self._lives.pop(loop).abandon()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self._start()
        except (ModelLoadError, OSError) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._end()
        await send({"type": "lifespan.shutdown.complete"})
