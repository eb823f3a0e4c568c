"""Serving in several processes: what they share is taken before the first of them is forked."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

from modelport.api.listening import CannotListen, Listener
from modelport.api.metrics.port import metrics_socket
from modelport.engine.spool import Spool
from modelport.serving.log import log_without_thread
from modelport.serving.processes.first import FirstProcess
from modelport.serving.processes.shares import share_of
from modelport.settings import Settings
from modelport.siblings import Siblings

Work = Callable[[Settings, Listener, Siblings], int]


def serve_in_processes(settings: Settings, listener: Listener, work: Work) -> int:
    """Serve in as many processes as settings say, each of which does `work` with its share of them.

    Returns the exit status; in the processes themselves it does not return. Raises `CannotListen`, and
    `OSError` for a folder that cannot be made.
    """
    with contextlib.ExitStack() as closing:
        if settings.metrics_port is not None:
            listener.metrics = closing.enter_context(
                contextlib.closing(metrics_socket(settings.metrics_host, settings.metrics_port))
            )
        if settings.grpc_port is not None:
            reserved = closing.enter_context(_reserved(settings.host, settings.grpc_port))
            settings = replace(settings, grpc_port=reserved.getsockname()[1])
        log_without_thread(settings)

        def one(siblings: Siblings) -> int:
            return work(share_of(settings, siblings.place), listener.of_process(), siblings)

        folder = closing.enter_context(_folder(settings)) if settings.allow_client_shm else None
        sockets = [sock for sock in (listener.socket, listener.metrics) if sock is not None]
        return FirstProcess(settings, one, sockets, folder).run()


@contextlib.contextmanager
def _folder(settings: Settings) -> Generator[Path]:
    """A folder that all processes use. Raises `OSError`."""
    spool = Spool(settings.spool_dir)
    spool.open()
    try:
        yield spool.root
    finally:
        spool.close()


def _reserved(host: str, port: int) -> socket.socket:
    """A socket that holds a port for processes that listen at it each by themselves, as grpcio does.

    It does not listen. Raises `CannotListen` if somebody has the port, another server of this kind as well.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((host, port))
            port = alone.getsockname()[1]
        held = socket.socket(family, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
        return held
    except (OSError, OverflowError):
        raise CannotListen(
            f"cannot listen on {host}:{port} for gRPC; --grpc-port names another port, 0 takes a free one"
        ) from None
