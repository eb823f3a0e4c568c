"""A client for each process of a server that has several."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import psutil
from serving import Server, wait_until

GRPC = re.compile(r"gRPC on (\S+)")
SERVICE = "/inference.GRPCInferenceService"
SECONDS = 60.0


def asked_by_grpc(
    method: str, sent: Any, answer: Any, address: str, *, trusted: Any = None, metadata: Any = None
) -> Any:
    """What a server answers by gRPC, on a connection of its own. Raises `grpc.RpcError`."""
    own = [("grpc.use_local_subchannel_pool", 1)]
    made = (
        grpc.insecure_channel(address, own) if trusted is None else grpc.secure_channel(address, trusted, own)
    )
    with made as channel:
        call = channel.unary_unary(f"{SERVICE}/{method}", type(sent).SerializeToString, answer.FromString)
        return call(sent, timeout=SECONDS, metadata=metadata)


def process_of(answer: httpx.Response) -> str:
    """Which process has answered: the ids of its requests begin alike."""
    return answer.headers["x-request-id"].partition("-")[0]


def is_ready(server: Server) -> bool:
    """Whether all processes are."""
    return httpx.get(f"{server.url}/v2/health/ready", timeout=60.0).status_code == 200


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
