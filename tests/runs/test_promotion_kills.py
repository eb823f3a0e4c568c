"""kill -9 while a version becomes live: afterwards exactly one is, and predictions are answered by it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path

import httpx
import psutil
import pytest
from serving import Server, wait_until
from version_site import factor, leaving, live, promote, promoted, refused, served

from modelport.storage import failpoints

V2 = "/v2/models/m"
FACTORS = {0: 1, 1: 2, 2: 3, 5: 2}
pytestmark = pytest.mark.slow


def processes(server: Server) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children(recursive=True)


def worker_that_loads(server: Server, seen: int) -> psutil.Process:
    """The process of the version that loads now."""
    known = {child.pid for child in processes(server)}
    server.wait_for_log("m: loading$", start=seen)
    found = [child for child in processes(server) if "modelport.worker" in child.cmdline()]
    return max(found, key=lambda child: (child.pid not in known, child.create_time()))


@pytest.mark.parametrize(
    ("place", "after"), [("promotion.checked", 1), ("promotion.stored", 2), ("promotion.swapped", 2)]
)
def test_a_server_that_is_killed_there_has_one_live_version_afterwards(
    place: str, after: int, made: Path, data: Path
) -> None:
    with served(made, data) as server:
        promoted(server.client, 1)
    with served(made, data, **{failpoints.VARIABLE: f"{place}:kill@1"}) as server:
        assert factor(server.client) == 2
        children = processes(server)
        with pytest.raises(httpx.TransportError):
            promote(server.client, 2)
        assert server.process.wait(30) == -signal.SIGKILL
        _, alive = psutil.wait_procs(children, timeout=20)
        assert alive == []
    with served(made, data) as server:
        client = server.client
        assert live(client) == after
        assert factor(client) == factor(client, "/predict") == FACTORS[after]
        newest = client.get(f"{V2}/promotions").json()["promotions"][0]
        assert (newest["before"], newest["after"]) == ((0, 1) if after == 1 else (1, 2))
        assert client.post(f"{V2}/rollback").json()["version"] == (0 if after == 1 else 1)
        assert promoted(client, 2)["changed"] is True
        assert factor(client) == 3


def test_a_version_whose_process_is_killed_while_it_loads_is_not_live(made: Path, data: Path) -> None:
    with served(made, data) as server:
        seen = len(server.lines)
        answers: list[httpx.Response] = []
        with contextlib.ExitStack() as stack:
            other = stack.enter_context(httpx.Client(base_url=server.url, timeout=60.0))
            asking = threading.Thread(target=lambda: answers.append(promote(other, 5)))
            asking.start()
            os.kill(worker_that_loads(server, seen).pid, signal.SIGKILL)
            asking.join()
        assert "could not be loaded" in refused(answers[0], 503)
        assert (live(server.client), factor(server.client)) == (0, 1)
        wait_until(lambda: len(processes(server)) == 1, lambda: server.log)
        assert promoted(server.client, 5)["changed"] is True  # it was not its fault
        assert factor(server.client) == 2


def test_a_server_that_is_killed_while_a_version_loads_serves_the_old_one(made: Path, data: Path) -> None:
    with served(made, data) as server:
        seen = len(server.lines)
        with leaving(server, 5):
            server.wait_for_log("m: loading$", start=seen)
        children = processes(server)
        server.process.kill()
        server.process.wait(30)
        _, alive = psutil.wait_procs(children, timeout=20)
        assert alive == []
    with served(made, data) as server:
        assert (live(server.client), factor(server.client)) == (0, 1)
        assert server.client.get(f"{V2}/promotions").json()["promotions"] == []
