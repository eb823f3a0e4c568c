"""Workers and jobs on the nodes of a real Ray cluster: placed, lost with their nodes, and without a head.

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

import job_calls
import psutil
import pytest
from gates import Gate
from job_calls import Held
from ray_site import SECONDS, Cluster, free_port
from serving import MODELS, Server, serving, start, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),  # others use this machine, too
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
]

MODEL = f"m={MODELS / 'on_nodes.py'}:OnNodes"
RECONNECT = {"RAY_gcs_rpc_server_reconnect_timeout_s": "5"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster(free_port())
    try:
        for node in ("2", "2", "0 600", "0"):  # the last one is that of the server
            made.tell(f"add {node}")
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
    jobs = ["--job-workers", "3", "--cancel-grace", "2"]
    with serving(MODEL, *options, *own, *jobs, **RECONNECT) as started:
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
    return answer.json() if answer.status_code == 200 else answer.status_code


def workers_of(server: Server) -> list[dict[str, Any]]:
    """What each of the two workers says of itself."""
    with ThreadPoolExecutor(2) as pool:
        while True:
            said = list(pool.map(lambda _: predict(server, seconds=0.3), range(2)))
            if len({one["pid"] for one in said}) == 2:
                return said


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate[Held]]:
    """Where trainings wait between their steps."""
    with Gate(Held, SECONDS) as made:
        yield made


class Restarted:
    """A server that was killed while it ran a training, and the one that was started in its place."""

    def __init__(self, cluster: Cluster, folder: Path, gate: Gate[Held]):
        self.spool = folder / "spool"
        options = ["--engine", "ray", "--ray-address", cluster.address, "--spool-dir", str(self.spool)]
        own = ["--model", "m:ray_resources=lasting=1", "--model", "m:ray_cpus=0"]
        self.arguments = [MODEL, *options, *own, "--data-dir", str(folder / "data"), "--workers", "1"]
        self.gate = gate
        killed = Server(start(*self.arguments))
        try:
            wait_ready(killed, 1)
            self.worker = predict(killed)
            self.training = train(killed, self.gate)
            self.held = self.gate.arrival()
        finally:
            killed.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def restarted(cluster: Cluster) -> Iterator[Restarted]:
    with tempfile.TemporaryDirectory() as folder, Gate(Held, SECONDS) as own_gate:
        yield Restarted(cluster, Path(folder), own_gate)


@pytest.fixture(scope="module")
def successor(restarted: Restarted) -> Iterator[Server]:
    with serving(*restarted.arguments, wait=False, **RECONNECT) as started:
        yield started


def train(server: Server, gate: Gate[Held], **arguments: Any) -> str:
    """Begin a training, which stops at the gate; returns its id."""
    answer = server.client.post("/v2/models/m/train/", json={"gate": gate.port, **arguments})
    assert answer.status_code == 200, answer.text
    return answer.json()["uuid"]


def test_a_server_that_is_killed_leaves_nothing(restarted: Restarted, successor: Server) -> None:
    pids = [restarted.held.pid, restarted.worker["pid"], restarted.worker["actor"]]
    wait_until(
        lambda: not any(map(psutil.pid_exists, pids)),
        lambda: f"left behind: {[pid for pid in pids if psutil.pid_exists(pid)]}",
        SECONDS,
    )
    mine = f"modelport-{successor.process.pid}-"

    def left() -> list[str]:
        return [path.name for path in restarted.spool.iterdir() if not path.name.startswith(mine)]

    wait_until(lambda: not left(), lambda: str(left()), SECONDS)


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
    one, _ = workers_of(server)
    psutil.Process(one["actor"]).send_signal(signal.SIGKILL)
    server.wait_for_log(r"m: a worker ended \(its actor or its node is gone", SECONDS)
    wait_until(lambda: not psutil.pid_exists(one["pid"]), lambda: "the worker outlives its actor", SECONDS)
    assert predict(server)["pid"] != one["pid"]
    wait_ready(server, 2)


# -- jobs ------------------------------------------------------------------------------------------


def test_a_training_runs_on_a_node_and_says_how_it_goes(server: Server, gate: Gate[Held]) -> None:
    job_id = train(server, gate)
    held = gate.arrival()
    process = psutil.Process(held.pid)
    actor = process.parent()
    assert actor is not None
    assert actor.cmdline()[0].startswith("ray::")
    assert process.nice() > actor.nice()
    progress = lambda: job_calls.job(server.client, job_id)["progress"]  # noqa: E731
    wait_until(lambda: (progress() or {}).get("done") == 1, lambda: f"{progress()}", SECONDS)
    held.release()
    assert job_calls.ended(server.client, job_id, SECONDS)["state"] == "succeeded"
    result = server.client.get(f"/v2/jobs/{job_id}/result").json()
    assert (result["pid"], result["threads"], result["secret"]) == (held.pid, 1, "told")
    made = server.client.get(f"/v2/jobs/{job_id}/artifacts/made")
    assert made.text == "by 2 steps"
    told = [one for one in job_calls.events(server.client, job_id) if one["event"] in ("log", "progress")]
    said = [one.get("line", one.get("done")) for one in told]
    assert said[-4:] == ["step 0 of attempt 1", 1, "step 1 of attempt 1", 2], said


def test_a_training_without_a_place_waits_for_it_and_is_told_why(server: Server, gate: Gate[Held]) -> None:
    running = [train(server, gate) for _ in range(2)]
    helds = [gate.arrival() for _ in running]
    waiting = train(server, gate)  # two nodes of two processors each have two workers and two trainings
    log = lambda: job_calls.log(server.client, waiting)  # noqa: E731
    no_room = "[waits for a place: no node of the Ray cluster has taken it yet, it needs 1 CPUs, 1 of disk]"
    wait_until(lambda: no_room in log(), lambda: f"{log()}\n{server.log}", SECONDS)
    for job_id in (waiting, running[0]):
        assert server.client.delete(f"/v2/jobs/{job_id}").status_code in (200, 202)
    ends = {one: job_calls.ended(server.client, one, SECONDS) for one in (waiting, running[0])}
    assert {one["state"] for one in ends.values()} == {"cancelled"}
    assert ends[waiting]["ended_by"] == "before it ran"
    assert ends[running[0]]["ended_by"] in ("SIGTERM", "SIGKILL")
    for held in helds:
        held.release()
    assert job_calls.ended(server.client, running[1], SECONDS)["state"] == "succeeded"
    assert gate.nobody_came()
    wait_until(lambda: not any(psutil.pid_exists(one.pid) for one in helds), lambda: "left behind", SECONDS)


def test_a_node_ends_the_training_of_a_server_that_says_nothing(server: Server, gate: Gate[Held]) -> None:
    training = train(server, gate)
    held = gate.arrival()
    server.process.send_signal(signal.SIGSTOP)
    try:
        wait_until(lambda: not psutil.pid_exists(held.pid), lambda: "it goes on", SECONDS)
    finally:
        server.process.send_signal(signal.SIGCONT)
    again = gate.arrival()
    assert again.attempt == 2
    again.release()
    assert job_calls.ended(server.client, training, SECONDS)["state"] == "succeeded"
    assert gate.nobody_came()
    told = job_calls.events(server.client, training)
    ends = [(one["ended_by"], one["error"]) for one in told if one.get("state") == "interrupted"]
    assert ends == [("lost", "its process is gone: the server has said nothing for 10 s")]


def test_predictions_that_are_jobs_share_a_process_and_nothing_of_each_other(server: Server) -> None:
    def ask(text: str, **more: Any) -> str:
        return job_calls.predict(server.client, model="m", do="", text=text, **more)

    first = ask("polite", polite=True)
    job_calls.reached(server.client, first, ("running",), SECONDS)
    assert server.client.delete(f"/v2/jobs/{first}").status_code in (200, 202)
    asked = [ask(f"text {number}") for number in range(5)]
    assert job_calls.ended(server.client, first, SECONDS)["state"] == "cancelled"
    pids: set[int] = set()
    for number, job_id in enumerate(asked):
        assert job_calls.ended(server.client, job_id, SECONDS)["state"] == "succeeded"
        result = server.client.get(f"/v2/jobs/{job_id}/result").json()
        assert (result["text"], result["asked"]) == (f"text {number}", False)
        printed = [one for one in job_calls.log(server.client, job_id) if not one.startswith("[waits for")]
        assert printed == [f"text {number}"]
        assert result["node"]
        pids.add(result["pid"])
    assert not pids & {one["pid"] for one in workers_of(server)}


# -- what dies -------------------------------------------------------------------------------------


def test_a_node_that_is_killed_under_load_costs_no_more_than_what_ran_there(
    server: Server, cluster: Cluster, gate: Gate[Held]
) -> None:
    for _ in range(2):
        cluster.tell("add 4")
    training = train(server, gate)
    held = gate.arrival()
    nodes = {held.text, predict(server)["node"]}  # which may be one
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
            for node in nodes:
                assert cluster.tell(f"kill {node}") == "killed"
            wait_until(lambda: _restarts(server) > before, lambda: server.log, SECONDS)
            wait_ready(server, 2)  # both on other nodes
        finally:
            stop.set()
        answers = sum(asking, Counter[int]())
    assert set(answers) <= {200, 500}, answers
    assert answers[500] <= len(nodes), answers
    assert not nodes & {one["node"] for one in workers_of(server)}
    again = gate.arrival()
    assert not psutil.pid_exists(held.pid)
    assert (again.attempt, again.text in nodes) == (2, False)
    again.release()
    assert job_calls.ended(server.client, training, SECONDS)["state"] == "succeeded"
    assert server.client.get(f"/v2/jobs/{training}/result").json()["first"] == 1  # from its checkpoint
    assert gate.nobody_came()


def test_a_training_of_a_server_that_was_killed_goes_on(restarted: Restarted, successor: Server) -> None:
    again = restarted.gate.arrival()
    assert again.attempt == 2
    again.release()
    assert job_calls.ended(successor.client, restarted.training, SECONDS)["state"] == "succeeded"
    assert successor.client.get(f"/v2/jobs/{restarted.training}/result").json()["first"] == 1
    assert restarted.gate.nobody_came()


def _restarts(server: Server) -> int:
    return ready_of(server)["models"]["m"]["restarts"]


def test_a_dead_head_is_a_degraded_engine_and_another_head_is_found(
    cluster: Cluster, server: Server, gate: Gate[Held], restarted: Restarted, successor: Server
) -> None:
    lasting = train(successor, restarted.gate)
    outliving = restarted.gate.arrival()
    training = train(server, gate)
    assert gate.arrival().attempt == 1
    cluster.tell("kill head")
    wait_until(lambda: "engine" in ready_of(server), lambda: server.log, SECONDS)
    assert server.client.get("/v2/health/live").status_code == 200
    ready = "/v2/health/ready"
    # Ray has given up its nodes, and the server their workers.
    wait_until(lambda: server.client.get(ready).status_code == 503, lambda: server.log, SECONDS)
    assert _workers(server) == 0
    answer = server.client.get(ready)
    assert cluster.address in answer.json()["engine"]
    # Where a node outlives its head, what runs there does, too.
    wait_until(lambda: "engine" in ready_of(successor), lambda: successor.log, SECONDS)
    assert predict(successor, text="still there")["text"] == "still there"
    outliving.release()
    end = job_calls.ended(successor.client, lasting, SECONDS)
    assert (end["state"], end["attempt"]) == ("succeeded", 1)
    assert restarted.gate.nobody_came()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(predict, server, text="waited")  # in the queue, until there are workers again
        log = lambda: job_calls.log(server.client, training)  # noqa: E731
        why = f"[waits for a place: the Ray cluster at {cluster.address}"
        wait_until(lambda: why in "\n".join(log()), lambda: f"{log()}\n{server.log}", SECONDS)
        cluster.tell("head")
        cluster.tell("add 3")
        wait_ready(server, 2)
        assert waiting.result()["text"] == "waited"
    held = gate.arrival()
    assert held.attempt == 2
    held.release()
    end = job_calls.ended(server.client, training, SECONDS)
    assert end["state"] == "succeeded"
    first = server.client.get(f"/v2/jobs/{training}/result").json()["first"]
    assert first == 1  # from its checkpoint
    # A slow machine may lose what it has just placed once more: there are as many attempts as losses.
    told = job_calls.events(server.client, training)
    losses = [one["error"] for one in told if one.get("state") == "interrupted"]
    assert end["attempt"] == 1 + len(losses)
    assert all("its actor or its node is gone" in one for one in losses), f"{losses}\n{server.log}"
    assert "engine" not in ready_of(server)


def _workers(server: Server) -> int:
    return ready_of(server)["models"]["m"].get("workers_ready", 0)


def test_without_a_cluster_a_server_says_why_it_is_not_ready() -> None:
    with serving(MODEL, "--engine", "ray", "--ray-address", f"127.0.0.1:{free_port()}", wait=False) as alone:
        alone.wait_for_log(r"no worker can be placed now: the Ray cluster at 127.0.0.1:\d+ cannot", SECONDS)
        answer = alone.client.get("/v2/health/ready")
        assert answer.status_code == 503
        assert "cannot be reached" in answer.json()["engine"]
