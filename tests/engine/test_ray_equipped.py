"""Workers on Ray that share a GPU, have a memory limit, answer piece by piece; and one without a place."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ray_site import SECONDS, Cluster, free_port
from serving import MODELS, Server, serving, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # others use this machine, too
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
]

MODEL = f"g={MODELS / 'on_gpus.py'}:OnGpus"
OPTIONS = (
    "g:workers=2", "g:ray_gpus=0.5", "g:ray_cpus=0.5", "g:ray_resources=fast=0.5", "g:ray_memory=150M",
    "g:memory_limit=150M", "large:ray_memory=900G",
)  # fmt: skip
LARGE = f"large={MODELS / 'on_gpus.py'}:OnGpus"  # for which no node has room
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    cluster = Cluster(free_port())
    try:
        for node in ("gpu", "add 0"):  # the last one is that of the server
            cluster.tell(node)
        options = ["--engine=ray", f"--ray-address={cluster.address}", *(f"--model={one}" for one in OPTIONS)]
        with serving(MODEL, LARGE, *options, wait=False) as started:
            wait_ready(started)
            yield started
    finally:
        cluster.end()


def wait_ready(server: Server) -> None:
    """Wait until both workers of the model with a GPU are there."""

    def ready() -> dict[str, Any]:
        return server.client.get("/v2/health/ready").json()

    def there() -> bool:
        return ready()["models"]["g"].get("workers_ready") == 2

    wait_until(there, lambda: f"{ready()}\n{server.log}", SECONDS)


def pieces_of(server: Server, **arguments: Any) -> list[dict[str, Any]]:
    """The pieces of a stream of the model with a GPU."""
    url = "/v2/models/g/predict/"
    with server.client.stream("POST", url, json=arguments, headers=EVENTS, timeout=SECONDS) as answer:
        assert answer.status_code == 200
        lines = [line.removeprefix("data:") for line in answer.iter_lines() if line.startswith("data:")]
    return [json.loads(line) for line in lines]


def gpu_workers_of(server: Server) -> dict[int, dict[str, Any]]:
    """What each of the two workers that share a GPU says of itself, by its process."""
    with ThreadPoolExecutor(2) as pool:
        while True:
            both = pool.map(lambda _: pieces_of(server, seconds=0.3)[0], range(2))
            if len(said := {one["pid"]: one for one in both}) == 2:
                return said


def test_two_workers_share_a_gpu_and_parts_of_other_resources(server: Server) -> None:
    said = gpu_workers_of(server).values()
    assert [(one["gpus"], one["device"]) for one in said] == [("0", "cuda:0")] * 2
    assert len({one["node"] for one in said}) == 1


def test_a_streamed_answer_comes_piece_by_piece_and_ends_with_its_client(server: Server) -> None:
    before = set(gpu_workers_of(server))
    assert [piece["number"] for piece in pieces_of(server, pieces=3)] == [0, 1, 2]
    endless = {"pieces": 1_000_000, "seconds": 0.02}
    with server.client.stream("POST", "/v2/models/g/predict/", json=endless, headers=EVENTS) as answer:
        assert next(line for line in answer.iter_lines() if line.startswith("data:"))
    assert set(gpu_workers_of(server)) == before  # it is free again, and was not killed


def test_a_worker_that_takes_twice_its_memory_limit_is_killed_and_replaced(server: Server) -> None:
    before = set(gpu_workers_of(server))
    answer = server.client.post("/v2/models/g/predict/", json={"take": 400, "seconds": 600}, timeout=SECONDS)
    assert "more than twice its memory_limit of 150M" in answer.text, answer.text
    wait_ready(server)
    assert len(set(gpu_workers_of(server)) & before) == 1


def test_a_worker_for_which_no_node_has_room_waits_and_the_log_says_for_what(server: Server) -> None:
    server.wait_for_log("large: the Ray cluster has no room .* needs 1 CPUs, 900G of memory", SECONDS)
