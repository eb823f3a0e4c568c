"""Who is at the two ends of a connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any, cast

MOST_UNSENT = 32 << 10  # bytes of one connection that wait in the kernel, beside those that are under way
# A Unix socket has the path and no port.
Address = tuple[str, int | None]


def http_url(host: str, port: int, scheme: str = "http") -> str:
    """The URL of a server at an address, without a path; IPv6 addresses stand in brackets there."""
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def client_address(transport: asyncio.Transport) -> tuple[str, int] | None:
    """The client's address and port; `None` for a Unix socket, and if it has gone already."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None:
        return None
    try:
        return _internet(sock.getpeername())
    except OSError:
        return None


def server_address(transport: asyncio.Transport) -> Address | None:
    """The address of ours that the client has connected to."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None:
        return None
    name = sock.getsockname()
    return (name, None) if isinstance(name, str) else _internet(name)


def _internet(name: Any) -> tuple[str, int] | None:
    """Host and port of a socket's name, if it has them."""
    if not isinstance(name, tuple):
        return None
    host, port, *_ = cast("tuple[Any, ...]", name)
    return str(host), int(port)


def scheme(transport: asyncio.Transport) -> str:
    """`https` or `http`."""
    return "https" if transport.get_extra_info("sslcontext") else "http"


def send_at_once(transport: asyncio.Transport) -> None:
    """Switch Nagle off: asyncio leaves it on for sockets that it was given, and each answer waits 40 ms."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def keep_little_unsent(listener: socket.socket) -> None:
    """Let the kernel take little more for a connection than is under way to its client (Linux).

    It would take megabytes, and whoever makes an answer could not tell that the client does not read it.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None and listener.family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, option, MOST_UNSENT)
