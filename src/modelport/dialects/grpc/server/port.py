"""The port that gRPC is spoken at: grpcio, in a thread and an event loop of its own.

What can go wrong, and why it has this shape:

- *grpcio stalls those who speak HTTP.* It copies each message, and works through what has come in one go.
  In a loop of its own it takes from the application's no more than the interpreter, for half a millisecond
  at a time (`api.server`). Measured with messages of 30 MB: the application's loop was late by 6 ms, in the
  same one by 18 ms (99 of 100 times); of messages of 600 kB it takes 7 % fewer a second for that.
- *A way in forgets the door.* Every method becomes a request of the application (`asked`), which has it. Of
  an inference by somebody whose credential is not known yet nothing is received before they are let in.
- *A client sends half a message, or many large ones*: see `receiving`. *It opens streams, or connections, and
  says nothing*: their number is bounded, and silent ones are closed. *It reads no answers*: what waits for
  such clients is bounded as it is by HTTP, and a piece of a stream does not wait for longer than
  `write_timeout`.
- *The server stops.* Streams that wait for a message end, calls go on for as long as the drain does.
- *Two servers at one port.* grpcio would share it: it is told not to, but for the processes of one server,
  of which the first holds the port (`serving.processes`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from modelport.api.health import can_answer
from modelport.api.listening import CannotListen
from modelport.dialects.grpc.server.asked import Asked, Read, Said, Write
from modelport.dialects.grpc.server.services import Services
from modelport.dialects.grpc.server.statuses import Outcome
from modelport.dialects.grpc.server.tls import credentials
from modelport.http.tls_files import Certificates
from modelport.settings import Settings

if TYPE_CHECKING:
    from modelport.api.app import Application

log = logging.getLogger("modelport.grpc")

CALLS = 4096  # that may be under way, with those that only wait for something
STREAMS_OF_ONE = 128  # calls of one connection
HEAD_BYTES = 16 << 10
ALIVE_SECONDS = 60  # after which a silent client is asked whether it is there
END_SECONDS = 1.0
VERBOSITY = "GRPC_VERBOSITY"


class GrpcPort:
    """Answers calls by gRPC. `bind` and `open` it in the application's loop, `end` it there."""

    def __init__(self, app: Application, settings: Settings):
        self._app = app
        self._settings = settings
        self._here = asyncio.get_running_loop()
        self._there = type(self._here)()  # of the same kind, which is the faster one if that is installed
        self._thread = threading.Thread(target=self._run, name="grpc", daemon=True)
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._is_there = False  # until it has ended, whatever it is asked is done
        self._server: Any = None
        self._services: Services | None = None
        self._where = f"{settings.host}:{settings.grpc_port}"

    async def bind(self, certificates: Certificates | None) -> None:
        """Take the address. Raises `CannotListen`."""
        self._thread.start()
        self._is_there = True
        port = await self._over_there(self._bound(certificates))
        if not port:
            await self._leave()
            raise CannotListen(
                f"cannot listen on {self._where} for gRPC; --grpc-port names another port, 0 takes a free one"
            )
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        self._where = f"{host}:{port}"

    async def open(self) -> None:
        """Begin to answer."""
        await self._over_there(self._server.start())
        log.info("gRPC on %s", self._where)

    def stop_listening(self) -> None:
        """Take no new calls, and let streams that wait for a message end."""
        if self._services is not None and self._is_there:
            self._there.call_soon_threadsafe(self._services.stopping.set)

    async def end(self, seconds: float) -> None:
        """Let calls end, but after so many seconds no longer, and let go of everything."""
        if not self._is_there:
            return
        if self._server is not None:
            await self._over_there(self._server.stop(seconds))
        for task in list(self._tasks):
            task.cancel()
        await self._leave()

    def cut(self) -> None:
        """Wait for nothing any more."""
        if self._server is not None and self._is_there:
            asyncio.run_coroutine_threadsafe(self._server.stop(None), self._there)

    def _run(self) -> None:
        asyncio.set_event_loop(self._there)
        self._there.run_forever()
        self._there.close()

    async def _leave(self) -> None:
        if self._is_there:
            self._is_there = False
            self._there.call_soon_threadsafe(self._there.stop)
            await asyncio.to_thread(self._thread.join, END_SECONDS)

    async def _over_there(self, work: Any) -> Any:
        """What `work` gives, which is done in the loop of grpcio."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._there))

    async def _bound(self, certificates: Certificates | None) -> int:
        """Make grpcio's server; the port that it has, 0 if it cannot have that."""
        with _quiet():
            grpc_aio: Any = import_module("grpc.aio")
            app = self._app
            self._services = Services(self._settings, self.ask, self._is_serving, app.is_known, app.base_path)
            self._server = grpc_aio.server(
                handlers=self._services.handlers(), options=self._options(), maximum_concurrent_rpcs=CALLS
            )
            host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
            where = f"{host}:{self._settings.grpc_port}"
            try:
                if certificates is None:
                    return int(self._server.add_insecure_port(where))
                return int(self._server.add_secure_port(where, credentials(certificates)))
            except RuntimeError:
                return 0

    def _options(self) -> list[tuple[str, Any]]:
        settings = self._settings
        most = settings.grpc_max_message or -1
        return [
            ("grpc.so_reuseport", int(settings.server_processes > 1)),
            ("grpc.max_receive_message_length", most),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_concurrent_streams", STREAMS_OF_ONE),
            ("grpc.max_metadata_size", HEAD_BYTES),
            ("grpc.absolute_max_metadata_size", HEAD_BYTES),
            ("grpc.max_allowed_incoming_connections", settings.max_connections or (1 << 31) - 1),
            ("grpc.server_handshake_timeout_ms", int((settings.header_timeout or 120) * 1000)),
            ("grpc.max_connection_idle_ms", int(settings.keep_alive * 1000)),
            ("grpc.keepalive_time_ms", ALIVE_SECONDS * 1000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ]

    async def ask(
        self, said: Said, scope: Any, message: bytes | None, read: Read | None, write: Write | None
    ) -> Outcome:
        """Have the application answer a request, from the loop of grpcio; `read` and `write` run in that."""
        asked = Asked(
            self._app,
            scope,
            said.certificate,
            message,
            None if read is None else partial(self._crossed, read),
            None if write is None else partial(self._crossed, write),
        )
        answered: asyncio.Future[Outcome] = self._there.create_future()
        self._here.call_soon_threadsafe(self._begin, asked, answered)
        try:
            return await answered
        except asyncio.CancelledError:
            with contextlib.suppress(RuntimeError):  # the application's loop has ended
                self._here.call_soon_threadsafe(asked.leave)
            raise

    async def _is_serving(self, model: str) -> bool | None:
        """Whether a model can answer, or without a name all of them; `None` if there is no such model."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._state(model), self._here))

    async def _state(self, model: str) -> bool | None:
        engine = self._app.engine
        if not model:
            return engine.ready() and not engine.draining
        pool = engine.pools.get(model)
        return None if pool is None else can_answer(engine, pool)

    async def _crossed(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        return await self._over_there(work(*arguments))

    def _begin(self, asked: Asked, answered: asyncio.Future[Outcome]) -> None:
        task = self._here.create_task(asked.run())
        self._tasks.add(task)
        task.add_done_callback(partial(self._over, answered))

    def _over(self, answered: asyncio.Future[Outcome], task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        outcome = Outcome(499, [], b"the server has stopped") if task.cancelled() else task.result()

        def tell() -> None:
            if not answered.done():
                answered.set_result(outcome)

        with contextlib.suppress(RuntimeError):  # the loop of grpcio has ended
            self._there.call_soon_threadsafe(tell)


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Have grpcio say nothing of its clients to stderr, which it is told by a variable when it begins."""
    before = os.environ.get(VERBOSITY)
    if before is None:
        os.environ[VERBOSITY] = "NONE"
    try:
        yield
    finally:
        if before is None:
            del os.environ[VERBOSITY]
