"""Workers on the nodes of a real Ray cluster: placed, spread, lost with their nodes, and without a head.

The tests share a cluster and its servers, and are in an order: the last ones end what the first ones use.
"""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import socket
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from ray_site import SECONDS, Cluster, free_port
from serving import MODELS, Server, serving, start, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # others use this machine, too
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
]

MODEL = f"m={MODELS / 'on_nodes.py'}:predict"
RECONNECT = {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster(free_port())
    try:
        for cpus in (2, 2, 0):  # the last one is that of the server
            made.tell(f"add {cpus}")
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def server(cluster: Cluster, port: int) -> Iterator[Server]:
    options = ["--engine", "ray", "--ray-address", cluster.address, "--ray-port", str(port), "--workers", "2"]
    own = ["--model", "m:ray_resources=disk=1", "--model", "m:environment=SHOWN=told"]
    with serving(MODEL, *options, *own, **RECONNECT) as started:
        wait_ready(started, 2)
        yield started


def ready_of(server: Server) -> dict[str, Any]:
    return server.client.get("/v2/health/ready").json()


def wait_ready(server: Server, workers: int) -> None:
    def there() -> bool:
        return ready_of(server)["models"]["m"].get("workers_ready") == workers

    wait_until(there, lambda: f"{ready_of(server)}\n{server.log}", SECONDS)


def predict(server: Server, **arguments: Any) -> Any:
    answer = server.client.post("/v2/models/m/predict/", json=arguments, timeout=SECONDS)
    return answer.json()["predictions"] if answer.status_code == 200 else answer.status_code


def workers_of(server: Server) -> list[dict[str, Any]]:
    """What each of the two workers says of itself."""
    with ThreadPoolExecutor(2) as pool:
        while True:
            said = list(pool.map(lambda _: predict(server, seconds=0.3), range(2)))
            if len({one["pid"] for one in said}) == 2:
                return said


def test_workers_are_spread_over_the_nodes_and_have_what_they_were_given(server: Server) -> None:
    said = workers_of(server)
    assert len({one["node"] for one in said}) == 2
    for one in said:
        assert psutil.Process(one["actor"]).cmdline()[0].startswith("ray::")
        assert (one["threads"], one["secret"]) == (1, "told")
    assert "engine" not in ready_of(server)


def test_large_bodies_and_answers_come_back_whole(server: Server) -> None:
    text = "x" * 3_000_000
    assert predict(server, text=text)["text"] == text


def test_who_has_no_secret_gets_nothing_and_costs_nothing(server: Server, port: int) -> None:
    host = server.wait_for_log(r"listens on (\S+):\d+ for")[1]
    for said in (b"GET / HTTP/1.1\r\n\r\n" + bytes(100), b"modelport ray 1\nL" + bytes(32)):
        with socket.create_connection((host, port), timeout=SECONDS) as connection:
            with contextlib.suppress(ConnectionError):  # it may be closed before all of it was read
                connection.sendall(said)
                assert connection.recv(100) == b""
    assert predict(server, text="still there")["text"] == "still there"


def test_a_call_that_is_given_up_is_stopped_where_it_runs(server: Server) -> None:
    before = {one["pid"] for one in workers_of(server)}
    with pytest.raises(Exception, match="timed out"):
        server.client.post("/v2/models/m/predict/", json={"seconds": 600}, timeout=0.5)
    assert {one["pid"] for one in workers_of(server)} == before  # it is free again, and was not killed


def test_an_actor_that_is_killed_is_a_worker_that_is_lost(server: Server) -> None:
    one, other = workers_of(server)
    psutil.Process(one["actor"]).send_signal(signal.SIGKILL)
    server.wait_for_log(r"m: a worker ended \(its actor or its node is gone", SECONDS)
    wait_until(lambda: not psutil.pid_exists(one["pid"]), lambda: "the worker outlives its actor", SECONDS)
    assert predict(server)["pid"] == other["pid"]
    wait_ready(server, 2)


def test_a_node_that_is_killed_under_load_costs_no_more_than_what_ran_there(
    server: Server, cluster: Cluster
) -> None:
    stop = threading.Event()

    def ask(_: int) -> Counter[int]:
        found: Counter[int] = Counter()
        while not stop.is_set():
            said = predict(server, seconds=0.01)
            found[said if isinstance(said, int) else 200] += 1
        return found

    with ThreadPoolExecutor(4) as pool:
        asking = pool.map(ask, range(4))
        try:
            before = server.client.get("/v2/health/ready").json()["models"]["m"]["restarts"]
            assert cluster.tell(f"kill {predict(server)['node']}") == "killed"
            wait_until(lambda: _restarts(server) > before, lambda: server.log, SECONDS)
            wait_ready(server, 2)  # both on the other node
        finally:
            stop.set()
        answers = sum(asking, Counter[int]())
    assert set(answers) <= {200, 500}, answers
    assert answers[500] <= 1, answers
    assert len({one["node"] for one in workers_of(server)}) == 1


def _restarts(server: Server) -> int:
    return ready_of(server)["models"]["m"]["restarts"]


def test_a_server_that_is_killed_leaves_nothing(cluster: Cluster, server: Server) -> None:
    with tempfile.TemporaryDirectory() as spool:
        cluster.tell("add 2")
        options = ["--engine", "ray", "--ray-address", cluster.address, "--spool-dir", spool]
        killed = Server(start(MODEL, *options))
        try:
            wait_ready(killed, 1)
            one = predict(killed)
        finally:
            killed.stop(signal.SIGKILL)
        wait_until(
            lambda: not (psutil.pid_exists(one["pid"]) or psutil.pid_exists(one["actor"])),
            lambda: f"left behind: {one}",
            SECONDS,
        )
        wait_until(lambda: not list(Path(spool).iterdir()), lambda: str(list(Path(spool).iterdir())), SECONDS)


def test_a_dead_head_is_a_degraded_engine_and_another_head_is_found(cluster: Cluster, server: Server) -> None:
    cluster.tell("kill head")
    wait_until(lambda: "engine" in ready_of(server), lambda: server.log, SECONDS)
    assert server.client.get("/v2/health/live").status_code == 200
    ready = "/v2/health/ready"
    # Ray has given up its nodes, and the server their workers.
    wait_until(lambda: server.client.get(ready).status_code == 503, lambda: server.log, SECONDS)
    assert _workers(server) == 0
    answer = server.client.get(ready)
    assert cluster.address in answer.json()["engine"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(predict, server, text="waited")  # in the queue, until there are workers again
        cluster.tell("head")
        cluster.tell("add 2")
        wait_ready(server, 2)
        assert waiting.result()["text"] == "waited"
    assert "engine" not in ready_of(server)


def _workers(server: Server) -> int:
    return ready_of(server)["models"]["m"].get("workers_ready", 0)


def test_without_a_cluster_a_server_says_why_it_is_not_ready() -> None:
    with serving(MODEL, "--engine", "ray", "--ray-address", f"127.0.0.1:{free_port()}", wait=False) as alone:
        alone.wait_for_log(r"no worker can be placed now: the Ray cluster at 127.0.0.1:\d+ cannot", SECONDS)
        answer = alone.client.get("/v2/health/ready")
        assert answer.status_code == 503
        assert "cannot be reached" in answer.json()["engine"]
