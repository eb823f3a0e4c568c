"""`/metrics` on a port of its own, for a Prometheus that is not let in at the other one.

It is the same endpoint of the same application, behind the same door, by TLS if the server speaks that;
nothing else of it answers here. It answers until the server has ended, so that a drain can be watched.
"""

from __future__ import annotations

import logging
import socket
from dataclasses import replace

from modelport.api.app import Application
from modelport.api.listening import CannotListen, bound
from modelport.http.addresses import http_url
from modelport.http.asgi import Receive, Scope, Send, send_problem
from modelport.http.limits import HttpLimits
from modelport.http.server import HttpServer
from modelport.http.tls_files import Certificates
from modelport.problems import Problem
from modelport.settings import Settings

log = logging.getLogger("modelport.server")

PATH = "/metrics"
END_SECONDS = 1.0


class MetricsPort:
    """Answers scrapes at a bound socket. `open` it in the running loop, `close` it at the end."""

    def __init__(self, sock: socket.socket, app: Application, limits: HttpLimits):
        self._sock = sock
        self._app = app
        self._path = app.base_path + PATH
        self._limits = replace(limits, message_bytes=0)  # nobody streams here
        self._server: HttpServer | None = None

    async def open(self, certificates: Certificates | None, *, speaks: bool = True) -> None:
        """Begin to answer; say where in the log, if it is this process that `speaks`."""
        host, port = self._sock.getsockname()[:2]
        self._server = HttpServer(self._answer, self._limits)
        await self._server.listen(self._sock, certificates)
        if speaks:
            log.info("metrics on %s%s", http_url(host, port, "https" if certificates else "http"), PATH)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].rstrip("/") in (PATH, self._path):
            await self._app({**scope, "path": self._path}, receive, send)
        else:
            await send_problem(send, Problem(404, f"nothing but {PATH} is at this port"), "")

    async def close(self) -> None:
        """Answer no more."""
        if self._server is None:
            self._sock.close()
            return
        await self._server.stop_listening()
        await self._server.last_requests(0.0)
        await self._server.end(END_SECONDS)
        self._server.close()


def metrics_port_of(
    app: Application, settings: Settings, limits: HttpLimits, sock: socket.socket | None = None
) -> MetricsPort | None:
    """Where metrics are shown beside, if that is asked for; `sock` may listen. Raises `CannotListen`."""
    if settings.metrics_port is None:
        return None
    return MetricsPort(sock or metrics_socket(settings.metrics_host, settings.metrics_port), app, limits)


def metrics_socket(host: str, port: int) -> socket.socket:
    """A socket that listens for scrapes. Raises `CannotListen`."""
    try:
        return bound(host, port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        said = f"cannot listen on {host}:{port} for metrics: {reason}; --metrics-port names another"
        raise CannotListen(said) from None
