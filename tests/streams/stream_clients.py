"""Clients of models that stream both ways."""

from __future__ import annotations

import json
from typing import Any

from serving import Server
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close
from websockets.sync.client import ClientConnection, connect

SECONDS = 20.0


def opened(server: Server, path: str, **options: Any) -> ClientConnection:
    """A WebSocket at a path below the models."""
    address = server.url.replace("http", "ws", 1)
    return connect(f"{address}/v2/models/{path}", proxy=None, open_timeout=SECONDS, **options)


def closed(socket: ClientConnection) -> tuple[list[Any], Close]:
    """What comes until the server closes, and how it does."""
    messages: list[Any] = []
    try:
        while True:
            messages.append(socket.recv(SECONDS))
    except ConnectionClosed as end:
        if end.rcvd is None:
            raise
        return messages, end.rcvd


def refused(socket: ClientConnection) -> tuple[int, int, str]:
    """The status, the close code and the words with which a stream ends, the same in both places."""
    messages, close = closed(socket)
    problem = json.loads(messages[-1])
    assert close.reason == problem["detail"]
    return problem["status"], close.code, close.reason
