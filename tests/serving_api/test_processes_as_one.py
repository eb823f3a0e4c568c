"""Whatever is asked of one process of a server, its answer is that of all of them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import job_calls
import numpy
import psutil
import pytest
from serving import Server, serving, wait_until
from siblings_site import GRPC, asked_by_grpc, client_of_each, server_processes
from tritonclient.grpc import service_pb2
from websockets.sync.client import connect

pytestmark = pytest.mark.slow
SOURCES = (
    "talks=talking:Talking", "risk=monitored:Risk", "adds=tensor_models:Adds",
    "both=streaming_both_ways:Chat", "chats=text_models:Chats",
)  # fmt: skip
OPTIONS = (
    "--server-processes", "2", "--log-payloads", "1", "--allow-client-shm", "--debug-endpoint",
    "--grpc-port", "0", "--access-log", "json", "--poll-seconds", "60",
)  # fmt: skip
EVENTS = {"accept": "text/event-stream"}
SHARED = Path("/dev/shm")
Client = httpx.Client


@pytest.fixture(scope="module")
def access_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logs") / "access.log"


@pytest.fixture(scope="module")
def server(access_log: Path) -> Iterator[Server]:
    with serving(*SOURCES, *OPTIONS, "--access-log-file", str(access_log)) as running:
        yield running
        assert running.stop() == 0
        assert len(re.findall(r"stopping; ", running.log)) == 1, running.log


@pytest.fixture(scope="module")
def clients(server: Server) -> Iterator[list[Client]]:
    with client_of_each(server) as clients:
        yield clients


def asked(client: Client, model: str, **body: Any) -> httpx.Response:
    answer = client.post(f"/v2/models/{model}/predict", json=body)
    assert answer.status_code == 200, answer.text
    return answer


def got(client: Client, path: str, **options: Any) -> Any:
    answer = client.get(path, **options)
    assert answer.status_code == 200, answer.text
    return answer.json()


def answers(client: Client, model: str) -> int:
    return got(client, "/v2/statistics")["models"][model]["requests"]["answers"].get("2xx", 0)


def inferences(client: Client, model: str) -> int:
    [found] = got(client, f"/v2/models/{model}/stats")["model_stats"]
    assert found["inference_stats"]["success"]["count"] == found["inference_count"]
    return found["inference_count"]


def followed(condition: Callable[[], bool], said: str) -> None:
    wait_until(condition, lambda: said, seconds=60.0)


def test_statistics_are_those_of_all(server: Server, clients: list[Client]) -> None:
    before = answers(clients[0], "talks"), inferences(clients[0], "talks")
    for client in clients * 3:
        asked(client, "talks")
    for client in clients:
        assert (answers(client, "talks"), inferences(client, "talks")) == (before[0] + 6, before[1] + 6)
        found = got(client, "/v2/statistics")
        assert found["unread"] == []
        one = found["models"]["talks"]
        assert [(worker["process"], worker["number"]) for worker in one["workers"]] == [(0, 0), (1, 0)]
        assert (one["workers_wanted"], one["queue_size"], one["state"]) == (2, 1000, "ready")
        assert sum(one["requests"]["seconds"]["counts"]) == sum(one["requests"]["answers"].values())
        [version] = one["versions"]
        assert version["answers"] == one["requests"]["answers"]
        every = {stats["name"]: stats for stats in got(client, "/v2/models/stats")["model_stats"]}
        assert every["talks"]["inference_count"] == before[1] + 6
    address, sent = server.wait_for_log(GRPC).group(1), service_pb2.ModelStatisticsRequest(name="talks")
    told = asked_by_grpc("ModelStatistics", sent, service_pb2.ModelStatisticsResponse, address)
    assert told.model_stats[0].inference_count == before[1] + 6


def test_what_models_print_is_read_at_each(server: Server, clients: list[Client]) -> None:
    said = [f"said {number} {uuid.uuid4().hex}" for number in range(4)]
    for place, text in enumerate(said):
        asked(clients[place % 2], "talks", text=text)
    for client in clients:
        lines = client.get("/v2/models/talks/log?lines=2000").text.splitlines()
        found = [line.removeprefix("printed ") for line in lines if line.startswith("printed said")]
        assert found[-4:] == said
        assert len(client.get("/v2/models/talks/log?lines=3").text.splitlines()) == 3
        assert all(f"printed {text}" in client.get("/v2/debug").text for text in said)
    log = f"{server.url}/v2/models/talks/log"
    with httpx.stream("GET", log, headers=EVENTS, params={"lines": 3}, timeout=60) as answer:
        came = followed_lines(answer)
        assert len(next(came)[1]) == 3
        asked(clients[0], "talks", text="of the one")
        last, _ = until("written of the one", came)
        asked(clients[1], "talks", text="of the other")
        until("written of the other", came)
    with httpx.stream("GET", log, headers=EVENTS | {"last-event-id": last}, timeout=60) as answer:
        _, texts = until("written of the other", followed_lines(answer))
        assert "written of the one" not in texts


def followed_lines(answer: httpx.Response) -> Iterator[tuple[str, list[str]]]:
    """The id of each event, and its lines."""
    number = ""
    for line in answer.iter_lines():
        if line.startswith("id: "):
            number = line.removeprefix("id: ")
        if line.startswith("data: "):
            yield number, [one["text"] for one in json.loads(line.removeprefix("data: "))["lines"]]


def until(text: str, came: Iterator[tuple[str, list[str]]]) -> tuple[str, list[str]]:
    """The id of the event with this line, and all lines up to it."""
    texts: list[str] = []
    for number, lines in came:
        texts += lines
        if text in lines:
            return number, texts
    raise AssertionError(f"{text!r} is not among {texts}")


def test_reports_feedback_and_removals_are_of_the_payload_logs_of_all(clients: list[Client]) -> None:
    ids = [
        asked(client, "risk", amount=120.0, colour="red").headers["x-request-id"] for client in clients * 2
    ]
    for place, request_id in enumerate(ids):  # told to the one that has not answered it
        sent = {"request_id": request_id, "truth": {"risk": "high"}}
        told = clients[1 - place % 2].post("/v2/models/risk/feedback", json=sent)
        assert (told.status_code, told.json()["kept"], told.json()["waiting"]) == (200, 1, 0), told.text
        again = clients[place % 2].post("/v2/models/risk/feedback", json=sent)
        assert (again.json()["known"], again.json()["waiting"]) == (1, 0)
    unknown = clients[0].post("/v2/models/risk/feedback", json={"request_id": "none", "truth": 1})
    assert unknown.status_code == 404
    for client, window in zip(clients, ("1h", "2h"), strict=True):
        report = got(client, "/v2/models/risk/monitoring", params={"window": window})
        assert (report["log"]["read"], report["log"]["words"]) == (4, "")
        assert report["versions"][0]["feedback"]["count"] == 4
    removed = clients[0].delete("/v2/models/risk/payloads").json()
    assert removed["files"] == 2
    assert got(clients[1], "/v2/models/risk/monitoring", params={"window": "3h"})["log"]["read"] == 0


def test_memory_of_clients_is_used_wherever_it_is_named(clients: list[Client]) -> None:
    if not os.access(SHARED, os.W_OK):
        pytest.skip("there is no /dev/shm to write to")
    one, other = clients
    memory = SHARED / f"modelport-test-{uuid.uuid4().hex}"
    memory.write_bytes(numpy.arange(6, dtype="f4").tobytes())
    place = "/v2/systemsharedmemory"
    try:
        body = {"key": f"/{memory.name}", "byte_size": 24, "offset": 0}
        assert one.post(f"{place}/region/mine/register", json=body).status_code == 200
        assert other.post(f"{place}/region/mine/register", json=body).status_code == 409
        assert [region["name"] for region in got(other, f"{place}/status")] == ["mine"]
        where = {"shared_memory_region": "mine", "shared_memory_byte_size": 24}
        x = {"name": "x", "shape": [2, 3], "datatype": "FP32", "parameters": where}
        for client in clients:
            answer = client.post("/v2/models/adds/infer", json={"inputs": [x]})
            assert answer.status_code == 200, answer.text
        assert other.post(f"{place}/region/mine/unregister").status_code == 200
        assert got(one, f"{place}/status") == []
        assert one.post("/v2/models/adds/infer", json={"inputs": [x]}).status_code == 400
    finally:
        memory.unlink()


def test_a_model_is_unloaded_and_loaded_everywhere_when_that_is_answered(clients: list[Client]) -> None:
    for one, other in (clients, clients[::-1]) * 2:
        assert one.post("/v2/repository/models/adds/unload").status_code == 200
        assert {entry["state"] for entry in index(other)} == {"UNAVAILABLE"}
        assert got(other, "/v2/statistics")["models"]["adds"]["workers"] == []
        assert one.post("/v2/repository/models/adds/load").status_code == 200
        assert {entry["state"] for entry in index(other)} == {"READY"}
        assert got(other, "/v2/models/adds/ready")["ready"]


def index(client: Client) -> list[dict[str, Any]]:
    every = client.post("/v2/repository/index").json()
    return [entry for entry in every if entry["name"] == "adds"]


def test_jobs_are_followed_where_they_do_not_run(clients: list[Client]) -> None:
    talks, said = "/v2/models/talks/predict", {"text": "as a job"}
    ids = [client.post(talks, json=said, headers=job_calls.ASYNC).json()["id"] for client in clients * 2]
    for client in clients:
        for job_id in ids:  # each runs in one of the two
            assert job_calls.events(client, job_id)[-1]
            assert job_calls.job(client, job_id)["state"] == "succeeded"


def test_streams_go_to_their_ends_and_are_left(server: Server, clients: list[Client]) -> None:
    address = server.url.replace("http", "ws", 1)
    with contextlib.ExitStack() as held:
        for _ in range(4):
            stream = f"{address}/v2/models/both/stream"
            socket = held.enter_context(connect(stream, proxy=None, open_timeout=60))
            socket.send(json.dumps({"text": "hello"}))
            assert "hello" in str(socket.recv(60))
    chat = {"model": "chats", "stream": True, "messages": [{"role": "user", "content": "word " * 2000}]}
    for client in clients:
        with client.stream("POST", "/v1/chat/completions", json=chat) as answer:
            assert answer.status_code == 200
            next(answer.iter_lines())  # and it is left there

    def is_free() -> bool:
        found = got(server.client, "/v2/statistics")["models"]
        return all(not worker["calls"] for name in ("both", "chats") for worker in found[name]["workers"])

    followed(is_free, "a stream that was left goes on")


def test_the_access_log_has_all_and_goes_on_in_a_new_file(
    server: Server, clients: list[Client], access_log: Path
) -> None:
    old = access_log.with_suffix(".1")
    access_log.rename(old)
    os.kill(server.process.pid, signal.SIGHUP)
    marks = [f"mark-{uuid.uuid4().hex}" for _ in clients]

    def are_written() -> bool:
        for client, mark in zip(clients, marks, strict=True):
            client.get("/v2/health/live", headers={"x-request-id": mark})
        return access_log.exists() and all(mark in access_log.read_text() for mark in marks)

    followed(are_written, "the access log is not written anew")
    for line in [*old.read_text().splitlines(), *access_log.read_text().splitlines()]:
        json.loads(line)


def test_what_was_counted_stays_when_a_process_dies(server: Server, clients: list[Client]) -> None:
    before = answers(clients[0], "talks"), inferences(clients[0], "talks")
    victim = server_processes(server)[0]
    victim.kill()
    followed(lambda: not psutil.pid_exists(victim.pid) or not victim.is_running(), "it lives")
    with client_of_each(server) as others:
        for client in others:
            assert (answers(client, "talks"), inferences(client, "talks")) == before
        asked(others[0], "talks")
        assert answers(others[1], "talks") == before[0] + 1
