"""`modelport.running`: a server in a thread of this process, for tests and notebooks."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Generator
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modelport.api.listening import OPEN_ADDRESSES, Listener, bind
from modelport.api.server import serve
from modelport.contract.errors import ModelLoadError
from modelport.engine.ports import PoolState
from modelport.serving.arguments import LOG_SETTINGS, refuse_in_worker, settings_of
from modelport.serving.event_loop import run
from modelport.serving.life import Life
from modelport.serving.models import Given, ObjectFiles, given_models
from modelport.settings import Settings

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from modelport.serving.keywords import ServerSettings


@contextlib.contextmanager
def running(model: Any, *more: Any, **settings: Unpack[ServerSettings]) -> Generator[str]:
    """Serve models while the block runs; its value is the server's URL.

    Every model is ready when the block begins. Unless the settings say otherwise the port is a free one and
    the jobs are kept in a folder that is removed at the end. Raises `ModelLoadError` with the reason if a
    model cannot be loaded (unless it is to `keep_going`), `TypeError` and `ValueError` for settings,
    `OSError` for the address.
    """
    refuse_in_worker("modelport.running()")
    with contextlib.ExitStack() as closing:
        if "data_dir" not in settings:
            folder = tempfile.TemporaryDirectory(prefix="modelport-data-", ignore_cleanup_errors=True)
            settings["data_dir"] = closing.enter_context(folder)
        settings.setdefault("port", 0)
        read = settings_of("running()", settings, elsewhere=LOG_SETTINGS)
        given = given_models((model, *more), read)
        files = ObjectFiles(read)
        closing.callback(files.close)
        listener = closing.enter_context(contextlib.closing(bind(read)))
        server = _Background(given, files, listener, read)
        closing.callback(server.stop)
        server.start()
        yield _url(listener, read)


def _url(listener: Listener, settings: Settings) -> str:
    if settings.uds is None and settings.host in OPEN_ADDRESSES:
        return listener.url.replace("0.0.0.0", "127.0.0.1", 1).replace("[::]", "[::1]", 1)
    return listener.url


class _Background:
    """A server in a thread with an event loop of its own."""

    def __init__(self, given: list[Given], files: ObjectFiles, listener: Listener, settings: Settings):
        self._life = Life(files.sources(given), replace(settings, keep_going=True))
        self._keep_going = settings.keep_going  # what has failed ends the block, and that the server
        self._listener = listener
        self._ready: Future[None] = Future()  # done when each model is ready, or one has failed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._asked_to_stop = False
        self._watching: asyncio.Task[None] | None = None
        # A daemon: a program whose block never ends can still end itself; workers end with it.
        self._thread = threading.Thread(target=self._run, name="modelport server", daemon=True)

    def start(self) -> None:
        """Start, and wait until every model is ready. Raises `ModelLoadError`, `OSError`."""
        self._thread.start()
        self._ready.result()

    def stop(self) -> None:
        """Stop, and wait for the end of it."""
        self._asked_to_stop = True
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended itself
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            run(self._serve())
            ended: BaseException = RuntimeError("the server ended before its models were ready")
        except BaseException as error:  # goes to whoever waits in `start`
            ended = error
        if not self._ready.done():
            self._ready.set_exception(ended)

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._asked_to_stop:
            return
        try:
            await serve(self._life, self._listener, self._on_start, stop=self._stop)
        finally:
            if self._watching is not None:
                self._watching.cancel()

    def _on_start(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        engine = self._life.engine
        await engine.settled()
        reasons = [pool.error for pool in engine.pools.values() if pool.state is not PoolState.READY]
        if reasons and not self._keep_going:
            self._ready.set_exception(ModelLoadError("; ".join(reasons)))
        else:
            self._ready.set_result(None)
