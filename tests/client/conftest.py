"""Both clients of one server with a model for each matter."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal
from both_clients import Blocking
from client_target import FITTED_MODELS, HAND_MODELS, MODELS, MakeClient
from serving import Server, serving

from modelport.client import AsyncClient, Client

FITTED = ("churn", "unnamed")
HANDS = ("Tables", "Lists", "Pictures", "Reads")
CLASSES = ("Sums", "Old", "Files", "Draws", "Streams", "StreamsBytes", "Fails", "Refuses")


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with serving(*(f"{name}={MODELS}:{name}" for name in CLASSES)) as running:
        yield running


@pytest.fixture(params=["blocking", "asynchronous"])
def make_client(request: pytest.FixtureRequest) -> Iterator[MakeClient]:
    """`make_client(url, …)`: a client that is closed after the test; every test runs with both."""
    with ExitStack() as opened:
        if request.param == "blocking":
            yield lambda url, **options: opened.enter_context(Client(url, **options))
            return
        portal = opened.enter_context(start_blocking_portal())

        def make(url: str, **options: Any) -> Blocking:
            client = AsyncClient(url, **options)
            opened.callback(lambda: portal.call(client.aclose))
            return Blocking(client, portal)

        yield make


@pytest.fixture
def client(make_client: MakeClient, server: Server) -> Any:
    return make_client(server.url)


@pytest.fixture(scope="session")
def hands() -> Iterator[Server]:
    """A server whose models say what has reached them."""
    fitted = [f"{name}={FITTED_MODELS}:{name}" for name in FITTED]
    with serving(*fitted, *(f"{name}={HAND_MODELS}:{name}" for name in HANDS)) as running:
        yield running


@pytest.fixture
def hand_client(make_client: MakeClient, hands: Server) -> Any:
    return make_client(hands.url)


@pytest.fixture
def free_url() -> Iterator[str]:
    """An address where nobody listens, nor will."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def silent_url() -> Iterator[str]:
    """An address where somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
