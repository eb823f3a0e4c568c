"""A shadow gets copies of calls: its answers are compared and sent to nobody, whatever becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from serving import Server, wait_until
from version_site import factor, promoted, served

V2 = "/v2/models/m"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served(made, tmp_path_factory.mktemp("shadows") / "data") as server:
        promoted(server.client, 1)
        yield server


@pytest.fixture
def client(site: Server) -> Iterator[httpx.Client]:
    yield site.client
    assert site.client.delete(f"{V2}/traffic").status_code == 204


def shadow(client: httpx.Client, version: int | str) -> None:
    answer = client.put(f"{V2}/traffic", json={"shadow": version})
    assert answer.status_code == 200, answer.text
    assert answer.json()["compared"] == {"copied": 0, "agreed": 0, "differed": 0, "failed": 0, "dropped": 0}


def compared(client: httpx.Client) -> dict[str, int]:
    return client.get(f"{V2}/traffic").json()["compared"]


def counted(client: httpx.Client, **counts: int) -> None:
    """Wait until it has counted so."""
    expected = {"copied": 0, "agreed": 0, "differed": 0, "failed": 0, "dropped": 0, **counts}
    wait_until(lambda: compared(client) == expected, lambda: str(compared(client)))


def ask(client: httpx.Client, calls: int, **arguments: Any) -> None:
    for _ in range(calls):
        assert factor(client, **arguments) == 2


def test_answers_that_agree_are_counted(client: httpx.Client) -> None:
    shadow(client, 5)
    ask(client, 10)
    counted(client, copied=10, agreed=10)
    ask(client, 5, path="/predict")
    counted(client, copied=15, agreed=15)
    assert client.post(f"{V2}/predict/", json={"x": "text"}).status_code == 422
    counted(client, copied=16, agreed=16)
    assert factor(client, f"{V2}/versions/5/predict/") == 2  # which is no copy
    assert compared(client)["copied"] == 16


def test_answers_that_differ_are_counted_and_clients_get_those_of_the_live_version(
    client: httpx.Client,
) -> None:
    shadow(client, 2)
    ask(client, 10)
    counted(client, copied=10, differed=10)


def test_a_shadow_that_fails_is_no_clients_business(client: httpx.Client) -> None:
    shadow(client, 3)
    ask(client, 4, x=20)
    ask(client, 3, x=1)
    counted(client, copied=7, failed=4, differed=3)


def test_a_shadow_that_hangs_or_dies_is_no_clients_business(client: httpx.Client, site: Server) -> None:
    shadow(client, 7)  # which no other test loads: its process is the newest
    children = psutil.Process(site.process.pid).children(recursive=True)
    newest = max((c for c in children if "modelport.worker" in c.cmdline()), key=psutil.Process.create_time)
    newest.suspend()
    try:
        ask(client, 80)
        found = compared(client)
        assert (found["copied"], found["dropped"], found["agreed"]) == (64, 16, 0)
    finally:
        newest.kill()
    ask(client, 5)
    assert client.get("/v2/health/ready").status_code == 200
    wait_until(lambda: compared(client)["failed"] + compared(client)["differed"] >= 1, lambda: site.log)


def test_a_version_that_is_its_own_shadow_no_longer_is_when_it_becomes_live(client: httpx.Client) -> None:
    shadow(client, 5)
    promoted(client, 5)
    assert client.get(f"{V2}/traffic").json() == {"live": 5, "weights": {}, "shadow": None, "compared": None}
    ask(client, 3)
    promoted(client, 1)


def test_a_shadow_watches_whatever_is_live(client: httpx.Client) -> None:
    shadow(client, 2)
    promoted(client, 5)
    ask(client, 3)
    counted(client, copied=3, differed=3)
    promoted(client, 1)


def test_a_canary_and_a_shadow_go_together(client: httpx.Client) -> None:
    plan = {"weights": {"2": 0.5}, "shadow": 5}
    assert client.put(f"{V2}/traffic", json=plan).status_code == 200
    found = [factor(client) for _ in range(20)]
    assert (found.count(3), found.count(2)) == (10, 10)
    counted(client, copied=10, agreed=10)  # of what the live version answers
