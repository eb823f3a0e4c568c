"""A life in somebody else's program: it ends by `end`, or else with the loop, or else with the process."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from starlette.routing import BaseRoute

from modelport.api.app import Application
from modelport.engine.processes import kill_marked
from modelport.http.asgi import Scope
from modelport.serving.life import Life
from modelport.serving.models import Given, ObjectFiles
from modelport.settings import Settings, normal_base_path
from modelport.sources.source import Source

MOST_MOUNTS = 16  # a mount point with parameters has a path for each of their values


class EmbeddedLife:
    """A life, the files of the objects that it serves, and the places where it is mounted."""

    def __init__(
        self, files: ObjectFiles, sources: list[Source], settings: Settings, routes: Sequence[BaseRoute]
    ):
        self.settings = settings
        self.routes = routes
        self.life = Life(sources, settings)
        self._files = files
        self._process = os.getpid()
        self._mounted: dict[str, Application] = {}
        self._kept: AsyncGenerator[None] | None = None

    @classmethod
    async def begun(
        cls, models: Sequence[Given], settings: Settings, routes: Sequence[BaseRoute], *, wait: bool
    ) -> EmbeddedLife:
        """A life that has begun; with `wait` each model is ready or has failed.

        Raises `ModelLoadError` for an object that cannot go to a worker, `OSError` for a folder.
        """
        files = ObjectFiles(settings)
        try:
            sources = await asyncio.to_thread(files.sources, models)
        except BaseException:
            files.close()
            raise
        embedded = cls(files, sources, settings, routes)
        try:
            await embedded._begin(wait)
        except BaseException:
            await embedded.end()
            raise
        return embedded

    async def _begin(self, wait: bool) -> None:
        atexit.register(self.abandon)
        # A loop closes the generators that were begun in it when it ends itself: so this life ends then.
        self._kept = self._run()
        await anext(self._kept)
        await self.life.start()
        if wait:
            await self.life.engine.settled()

    async def end(self) -> None:
        """Let running predictions end, stop everything and remove every file."""
        if self._kept is not None:
            await self._kept.aclose()

    async def _run(self) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            try:
                self.life.drain()
                await self.life.drained()
                await self.life.end()
            finally:
                self.abandon()  # what is left if that failed, or was cancelled

    def abandon(self) -> None:
        """End what is left of it the rough way, which needs no loop."""
        atexit.unregister(self.abandon)
        if os.getpid() != self._process:
            return  # a child of the process that this life belongs to
        spool = self.life.engine.spool
        for folder in spool.root.glob("tmp-*"):
            kill_marked(folder.name.removeprefix("tmp-"))
        spool.close()
        self._files.close()

    def mounted(self, scope: Scope) -> tuple[Application, Scope]:
        """The application for the path that this request found it under, and the request's scope."""
        root: str = scope.get("root_path", "").rstrip("/")
        app = self._mounted.get(root) or self._mount(root)
        return app, _under(root, scope) if root else scope

    def _mount(self, root: str) -> Application:
        base_path = root + normal_base_path(self.settings.base_path)
        app = self.life.application(replace(self.settings, base_path=base_path, root_path=""), self.routes)
        if not self._mounted:
            self.life.jobs.mount(base_path)
        if len(self._mounted) >= MOST_MOUNTS:
            del self._mounted[next(iter(self._mounted))]
        self._mounted[root] = app
        return app


def _under(root: str, scope: Scope) -> Scope:
    """The scope with the whole path: behind a proxy that cuts its own part off, a path lacks it."""
    path: str = scope["path"]
    if path == root or path.startswith(f"{root}/"):
        return scope
    outer: str = scope.get("app_root_path", root)
    whole = outer.rstrip("/") + path
    return {**scope, "path": whole if whole.startswith(root) else root + path}
