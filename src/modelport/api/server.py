"""Running the application on a socket until somebody says stop, and in which order it ends then."""

from __future__ import annotations

import asyncio
import logging
import math
import resource
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from modelport.api.app import Application
from modelport.api.dialect_ports import DialectPorts
from modelport.api.idle import Idleness, Used
from modelport.api.listening import Listener, reachable
from modelport.api.metrics.port import metrics_port_of
from modelport.api.metrics.server import watch_http
from modelport.engine.ports import Engine
from modelport.http.forwarded import TrustedProxies
from modelport.http.limits import HttpLimits
from modelport.http.server import HttpServer
from modelport.http.spread import Spread
from modelport.http.tls_files import Certificates
from modelport.settings import Settings, normal_base_path, outer_path
from modelport.settings.written import seconds_of
from modelport.siblings import Siblings
from modelport.telemetry.metrics.scrapes import Metrics

log = logging.getLogger("modelport.server")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# How long a thread may keep the interpreter when another wants it. Python's own 5 ms would be paid by the
# event loop several times a request while jobs are written.
SWITCH_SECONDS = 0.0005
IDLE_LOOK_SECONDS = 1.0
STOPPING = "stopping; running predictions get up to %g s (a second signal stops at once)"
WRITE_SECONDS = 5  # for the answers to what was still running when the time to drain was over


class Served(Used, Protocol):
    """What a server needs of what it serves: `serving.life.Life` is that."""

    settings: Settings
    engine: Engine
    url: str
    metrics: Metrics
    siblings: Siblings | None  # other processes of the server

    def application(self) -> Application:
        """What answers requests."""
        ...

    async def start(self) -> None:
        """Start to load. Raises `OSError` if the spool folder cannot be made."""
        ...

    def drain(self) -> None:
        """Begin to stop: let what runs end."""
        ...

    def kill_jobs(self) -> None:
        """Kill the jobs that run."""
        ...

    async def end(self, *, at_once: bool = False) -> None:
        """Stop everything."""
        ...


async def serve(
    life: Served,
    listener: Listener,
    on_start: Callable[[], None] | None = None,
    *,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve a life's models at `listener` until SIGTERM or SIGINT, then drain; a second signal stops at once.

    `on_start` is called once the engine has begun to load. Unless it is to `keep_going`, the server ends when
    no model could be loaded, too, which `nothing_served` tells; and it drains once nobody has used it for as
    long as `idle_exit` says. With `stop` it is that event, and not a
    signal, that ends the server, and nothing of the process is changed. Raises `OSError` if the spool folder
    cannot be made, `CannotListen` (one, too) if a port besides cannot be had, and `ModelLoadError` if runs
    and jobs that are kept are another model's.
    """
    app, settings = life.application(), life.settings
    root_path = normal_base_path(settings.root_path)
    limits = _limits(settings)
    server = HttpServer(app, limits, app.direct.take, root_path, _proxies(settings), app.direct.gathers)
    watch_http(life.metrics, server)
    metrics_port = metrics_port_of(app, settings, limits, listener.metrics)
    ports, among = app.ports(), _Among(life.siblings)
    stopping = _Stopping(server, life, ports)
    watching: list[asyncio.Task[None]] = []
    life.url = _reached_at(settings, listener.url)
    try:
        if not among.is_late:
            await ports.bind(listener.certificates)
        await life.start()
        stopping.listen(stop)
        among.tell_begun()
        if on_start is not None:
            on_start()
        watching += _watched(life, server, stopping, listener.certificates)
        if among.is_late:
            await _first_of(life.engine.settled(), stopping.asked.wait())
            await ports.bind(listener.certificates)
        await server.listen(listener.socket, listener.certificates, among.spread)
        if metrics_port is not None:
            await metrics_port.open(listener.certificates, speaks=among.speaks)
        await ports.open()
        among.tell_joined()
        await stopping.asked.wait()
        await stopping.answer_the_last(listener)
    finally:
        server.close()
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await ports.end(0.0)
        if metrics_port is not None:
            await metrics_port.close()
        await life.end(at_once=stopping.at_once)
        stopping.listen_no_more()


class _Among:
    """What a server does as one of several processes; nothing, where it is alone.

    One that takes the place of another one answers once its models are ready: until then the others do.
    """

    def __init__(self, siblings: Siblings | None):
        self._siblings = siblings
        self.is_late = siblings is not None and siblings.place.is_late
        self.speaks = siblings is None or siblings.place.speaks
        self.spread: Spread | None = None
        if siblings is not None:
            self.spread = Spread(siblings.place.connections, siblings.place.number)

    def tell_begun(self) -> None:
        if self._siblings is not None:
            self._siblings.tell_begun()

    def tell_joined(self) -> None:
        if self._siblings is not None:
            self._siblings.tell_joined()


def _watched(
    life: Served, server: HttpServer, stopping: _Stopping, certificates: Certificates | None
) -> Iterator[asyncio.Task[None]]:
    """What ends a server by itself, and what keeps its certificates new."""
    settings = life.settings
    if not (settings.keep_going or settings.reload):
        yield asyncio.create_task(_end_without_model(life.engine, stopping))
    if idle_seconds := seconds_of(settings.idle_exit):
        yield asyncio.create_task(stopping.once_idle(Idleness(life, server), idle_seconds))
    if certificates is not None:
        yield asyncio.create_task(certificates.run())
    if life.siblings is not None:
        yield asyncio.create_task(_end_alone(life.siblings, stopping))


async def _end_alone(siblings: Siblings, stopping: _Stopping) -> None:
    await siblings.parted.wait()
    if not stopping.asked.is_set():
        log.error("the process that has started this one is gone: it ends")
        stopping.drains = True
        stopping.asked.set()


async def _first_of(*those: Coroutine[Any, Any, Any]) -> None:
    """Wait until one of them is done."""
    tasks = [asyncio.ensure_future(one) for one in those]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _reached_at(settings: Settings, url: str) -> str:
    """Where people reach the server: at its own address, if nobody has said another one."""
    if settings.public_url is None:
        return reachable(url)
    return settings.public_url.rstrip("/") + outer_path(settings.root_path, settings.base_path)


async def _end_without_model(engine: Engine, stopping: _Stopping) -> None:
    await engine.settled()
    if nothing_served(engine):
        log.error("no model could be loaded: the server ends (with keep_going it stays up)")
        stopping.asked.set()


def nothing_served(engine: Engine) -> str:
    """Why there is nothing to serve, once every model has failed to load; else empty.

    A version that cannot be loaded does not count: the server is needed to make another one live.
    """
    pools = engine.pools.values()
    failed = [pool.error for pool in pools if pool.signature is None and pool.error and not pool.version]
    return "; ".join(failed) if len(failed) == len(pools) else ""


def _proxies(settings: Settings) -> TrustedProxies | None:
    """Whom the server believes what they say of their clients, if anybody."""
    if not settings.trusted_proxies:
        return None
    user = settings.proxy_user_header or ""
    return TrustedProxies(settings.trusted_proxies, settings.proxy_headers, user)


def _limits(settings: Settings) -> HttpLimits:
    """What connections may cost; a setting of 0 takes its limit away."""
    connections, of_one = _most_connections(settings), settings.max_connections_per_address
    return HttpLimits(
        request_line=settings.max_request_line or sys.maxsize,
        header_bytes=settings.max_header_bytes or sys.maxsize,
        header_count=settings.max_headers or sys.maxsize,
        header_deadline_s=settings.header_timeout or math.inf,
        body_idle_s=settings.body_timeout or math.inf,
        body_deadline_s=settings.body_deadline or math.inf,
        body_rate=settings.min_body_rate,
        write_idle_s=settings.write_timeout or math.inf,
        keep_alive_s=settings.keep_alive,
        message_bytes=settings.max_message_size,
        unsent_bytes=settings.max_answer_memory or sys.maxsize,
        connections=connections,
        connections_of_one=max(connections // 2, 1) if of_one is None else of_one or sys.maxsize,
    )


def _most_connections(settings: Settings) -> int:
    """As many as are set, and as half of the files that this process may open: the other half is for work."""
    wanted = settings.max_connections or sys.maxsize
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if files == resource.RLIM_INFINITY or wanted <= files // 2:
        return wanted
    if settings.max_connections:
        log.info("at most %d connections, because the limit of open files is %d", files // 2, files)
    return files // 2


class _Stopping:
    """What the signals do: the first drains, the second stops at once.

    `asked` is set when the server is to end; `drains` and `at_once` say how.
    """

    def __init__(self, server: HttpServer, life: Served, ports: DialectPorts):
        self.server = server
        self.life = life
        self.ports = ports
        self.asked = asyncio.Event()
        self.drains = False
        self.at_once = False
        self._event: asyncio.Task[None] | None = None
        self._signals: tuple[int, ...] = ()

    def listen(self, stop: asyncio.Event | None) -> None:
        """Begin to listen to the event, or to the signals if there is none."""
        loop = asyncio.get_running_loop()
        if stop is not None:
            self._event = loop.create_task(self._on_event(stop))
            return
        sys.setswitchinterval(SWITCH_SECONDS)
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self.on_signal)
        self._signals = STOP_SIGNALS

    def listen_no_more(self) -> None:
        """Leave the process's signals as they were."""
        if self._event is not None:
            self._event.cancel()
        for number in self._signals:
            asyncio.get_running_loop().remove_signal_handler(number)

    async def answer_the_last(self, listener: Listener) -> None:
        """Take nobody new, and answer what was asked."""
        server, ports = self.server, self.ports
        await server.stop_listening()
        listener.close()
        ports.stop_listening()
        await server.last_requests()
        if self.drains:
            self.life.drain()
        seconds = self.life.settings.drain_timeout + WRITE_SECONDS
        await asyncio.gather(*(one.end(seconds) for one in (server, ports)))

    async def _on_event(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self.on_signal()

    async def once_idle(self, used: Idleness, seconds: float) -> None:
        """End the server in order once nobody has used it for so long, or any other process of it."""
        while (siblings := self.life.siblings) is not None:
            await used.lasted(seconds)
            siblings.tell_idle()
            await asyncio.sleep(IDLE_LOOK_SECONDS)
        await used.lasted(seconds)
        if not self.asked.is_set():
            log.info("nobody has asked for %g s: the server ends (idle_exit)", seconds)
            self.drains = True
            self.asked.set()

    def on_signal(self) -> None:
        is_said = self.life.siblings is not None  # by the process that has started this one
        if self.asked.is_set():
            if not is_said:
                log.warning("stopping at once")
            self.at_once = True
            self.server.cut()
            self.ports.cut()
            self.life.kill_jobs()
            return
        if not is_said:
            log.info(STOPPING, self.life.settings.drain_timeout)
        self.drains = True
        self.asked.set()
