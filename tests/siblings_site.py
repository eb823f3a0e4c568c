"""A client for each process of a server that has several."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import psutil
from serving import Server, wait_until


def process_of(answer: httpx.Response) -> str:
    """Which process has answered: the ids of its requests begin alike."""
    return answer.headers["x-request-id"].partition("-")[0]


def is_ready(server: Server) -> bool:
    """Whether all processes are."""
    return httpx.get(f"{server.url}/v2/health/ready").status_code == 200


@contextlib.contextmanager
def client_of_each(server: Server, processes: int = 2) -> Iterator[list[httpx.Client]]:
    """Clients with a connection each, to different processes, once all of these are ready."""
    wait_until(lambda: is_ready(server), lambda: f"not all are ready:\n{server.log}")
    with contextlib.ExitStack() as closing:
        found: dict[str, httpx.Client] = {}

        def connected() -> bool:
            client = closing.enter_context(httpx.Client(base_url=server.url, timeout=60.0))
            found.setdefault(process_of(client.get("/v2/health/live")), client)
            return len(found) == processes

        wait_until(connected, lambda: f"only {list(found)} answer")
        yield list(found.values())


def server_processes(server: Server) -> list[psutil.Process]:
    """The processes that the first one has started."""
    return psutil.Process(server.process.pid).children()
