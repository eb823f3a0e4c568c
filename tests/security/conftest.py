"""Servers for the tests of the guard on fetched URLs, stopped after each test."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
from fetch_world import INNER, OUTER, Respond, Serve, Server, body

from modelport.security import connections


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(
        respond: Respond, host: str = OUTER, tls: ssl.SSLContext | None = None, reads_request: bool = True
    ) -> Server:
        servers.append(Server(respond, host, tls, reads_request))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def inner(serve: Serve) -> Server:
    return serve(body(b"inner secret"), INNER)


@pytest.fixture(autouse=True)
def fresh_tls_context() -> Iterator[None]:
    yield
    connections.tls_context.cache_clear()
