"""Following a job: its event stream and its log, from the beginning, from the middle, after the end."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from job_calls import Gate, ended, events, job, log, predict, read_events, train
from serving import Server, serving, wait_until

FOLLOWERS = 20
LINES = 2000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("works=trainable:Works", "t=trainable:Trainable", "--job-workers", "2") as running:
        yield running


def short(event: dict[str, Any]) -> tuple[Any, ...]:
    """What matters of an event."""
    known = {"state": ("state",), "log": ("line",), "metric": ("name", "value", "step")}
    names = known.get(event["event"], ("done", "total", "message"))
    return (event["event"], *(event[name] for name in names))


def test_the_events_of_a_job_that_has_ended_are_all_there_in_order(client: httpx.Client) -> None:
    job_id = client.post("/v2/models/t/train/", json={"epochs": 2, "seconds": 0.15}).json()["uuid"]
    ended(client, job_id)
    found = events(client, job_id)
    assert [event["id"] for event in found] == list(range(1, len(found) + 1))
    assert [short(event) for event in found if event["event"] in ("state", "progress", "metric")] == [
        ("state", "queued"),
        ("state", "running"),
        ("metric", "loss", 1.0, 0),
        ("metric", "accuracy", 0.0, 0),
        ("progress", 1.0, 2.0, "training"),
        ("metric", "loss", 0.5, 1),
        ("metric", "accuracy", 0.5, 1),
        ("progress", 2.0, 2.0, "training"),
        ("state", "succeeded"),
    ]
    assert sorted(event["line"] for event in found if event["event"] == "log") == [
        "epoch 0",
        "epoch 1",
        "warning 0",
        "warning 1",
    ]
    assert [event["attempt"] for event in found] == [0] + [1] * (len(found) - 1)
    assert job(client, job_id)["progress"] == {"done": 2.0, "total": 2.0, "message": "training"}


def test_a_stream_resumes_after_the_last_event_that_was_seen(client: httpx.Client) -> None:
    job_id = predict(client, "say")
    ended(client, job_id)
    whole = events(client, job_id)
    for after in (0, 1, 5, len(whole) - 1, len(whole), len(whole) + 100):
        assert events(client, job_id, after) == whole[after:]
    with client.stream("GET", f"/v2/jobs/{job_id}/events?after=3") as answer:
        assert list(read_events(answer)) == whole[3:]


def test_what_was_printed_before_a_metric_stands_before_it(client: httpx.Client) -> None:
    """Lines and metrics come by two ways, and lines are read in rests."""
    job_id = train(client, "lines_and_metrics", number=100)
    ended(client, job_id)
    found = [short(event) for event in events(client, job_id) if event["event"] != "environment"]
    lines = [found.index(("log", f"before {step}")) for step in range(100)]
    metrics = [found.index(("metric", "step", step, step)) for step in range(100)]
    assert lines == sorted(lines)
    assert metrics == sorted(metrics)
    assert all(line < metric for line, metric in zip(lines, metrics, strict=True))


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 5000])
def test_an_event_id_that_is_none_is_refused(client: httpx.Client, after: str) -> None:
    job_id = predict(client)
    answer = client.get(f"/v2/jobs/{job_id}/events", headers={"Last-Event-ID": after})
    assert answer.status_code == 422
    ended(client, job_id)


@pytest.mark.parametrize("stream", ["events", "log", "log?follow=true"])
def test_the_head_of_a_stream_is_that_of_its_get(client: httpx.Client, stream: str) -> None:
    job_id = predict(client, "say")
    ended(client, job_id)
    head = client.head(f"/v2/jobs/{job_id}/{stream}")
    got = client.get(f"/v2/jobs/{job_id}/{stream}")
    names = ("content-type", "content-length", "cache-control")
    assert [head.headers.get(name) for name in names] == [got.headers.get(name) for name in names]


def test_followers_see_events_as_they_come_and_the_end(client: httpx.Client, gate: Gate) -> None:
    """Two follow, one of them from the middle; a third one leaves, which disturbs nobody."""
    job_id = train(client, "lines", number=50, text=str(gate.port))
    held = gate.arrival()
    with (
        ThreadPoolExecutor(2) as pool,
        client.stream("GET", f"/v2/jobs/{job_id}/events") as first,
    ):
        stream = read_events(first)
        assert [next(stream)["state"], next(stream)["state"]] == ["queued", "running"]
        others = [pool.submit(events, client, job_id, after) for after in (None, 2)]
        with client.stream("GET", f"/v2/jobs/{job_id}/events") as leaving:
            next(read_events(leaving))
        held.release()
        rest = list(stream)
        whole = events(client, job_id)
        assert rest == whole[2:]
        assert others[0].result() == whole
        assert others[1].result() == whole[2:]
    assert [e["line"] for e in whole if e["event"] == "log"] == [
        "released",
        *(f"line {n}" for n in range(50)),
    ]
    assert whole[-1]["state"] == "succeeded"


def test_a_job_gives_way_to_predictions(client: httpx.Client, server: Server, gate: Gate) -> None:
    """Its process is less urgent than the server, and interrupts nobody when it wakes up."""
    job_id = train(client, "wait", number=gate.port)
    held = gate.arrival()
    own = os.getpriority(os.PRIO_PROCESS, server.process.pid)
    assert os.getpriority(os.PRIO_PROCESS, held.pid) == min(own + 10, 19)
    assert os.sched_getscheduler(held.pid) == os.SCHED_BATCH
    assert os.sched_getscheduler(server.process.pid) == os.SCHED_OTHER
    held.release()
    ended(client, job_id)


def test_followers_who_leave_leave_nothing_behind(server: Server, client: httpx.Client, gate: Gate) -> None:
    import psutil

    process = psutil.Process(server.process.pid)
    job_id = train(client, "wait", number=gate.port)
    held = gate.arrival()
    address = httpx.URL(server.url)
    before = process.num_fds()
    for path in ("events", "log?follow=1"):
        for _ in range(20):
            with socket.create_connection((address.host, address.port or 0)) as sock:
                sock.sendall(f"GET /v2/jobs/{job_id}/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert sock.recv(12) == b"HTTP/1.1 200"
    few = before + 6  # connections to the database that were opened meanwhile stay open
    wait_until(lambda: process.num_fds() <= few, lambda: f"{process.num_fds()} > {before}")
    held.release()
    assert ended(client, job_id)["state"] == "succeeded"


def test_a_queued_job_can_be_followed_until_it_is_cancelled(client: httpx.Client, gate: Gate) -> None:
    running = [train(client, "wait", number=gate.port) for _ in range(2)]
    held = [gate.arrival() for _ in running]
    queued = train(client, "echo")
    with client.stream("GET", f"/v2/jobs/{queued}/events") as answer:
        stream = read_events(answer)
        assert next(stream)["state"] == "queued"
        client.delete(f"/v2/jobs/{queued}")
        assert [event["state"] for event in stream] == ["cancelled"]
    for one in held:
        one.release()
    for job_id in running:
        ended(client, job_id)


def test_a_log_is_what_there_is_or_all_that_comes(client: httpx.Client, gate: Gate) -> None:
    job_id = train(client, "lines", number=20, text=str(gate.port))
    held = gate.arrival()
    assert log(client, job_id) == []
    with client.stream("GET", f"/v2/jobs/{job_id}/log?follow=1") as answer:
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        held.release()
        assert "".join(answer.iter_text()).splitlines() == ["released", *(f"line {n}" for n in range(20))]
    assert len(log(client, job_id)) == 21
    for follow in ("follow", "follow=true", "follow=0"):
        assert len(client.get(f"/v2/jobs/{job_id}/log?{follow}").text.splitlines()) == 21
    assert client.get(f"/v2/jobs/{job_id}/log?follow=null").status_code == 422
    last = {"Last-Event-ID": ""}
    assert client.get(f"/v2/jobs/{job_id}/events", headers=last).status_code == 422


@pytest.mark.slow
def test_a_quiet_stream_is_kept_alive(server: Server, client: httpx.Client, gate: Gate) -> None:
    """A comment comes within the quiet time, so that no proxy takes the stream for dead."""
    job_id = train(client, "wait", number=gate.port)
    held = gate.arrival()
    with client.stream("GET", f"/v2/jobs/{job_id}/events", timeout=60) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith(":")) == ": keep-alive"
        held.release()
        assert any("succeeded" in line for line in lines)
    ended(client, job_id)


@pytest.mark.slow
def test_none_of_20_followers_misses_a_line_of_1000_a_second(server: Server, gate: Gate) -> None:
    limits = httpx.Limits(max_connections=FOLLOWERS + 2)
    with httpx.Client(base_url=server.url, timeout=60, limits=limits) as client:
        job_id = train(client, "lines", number=LINES, text=str(gate.port))
        held = gate.arrival()
        begun = threading.Barrier(FOLLOWERS + 1, timeout=30)

        def follow_log() -> list[str]:
            with client.stream("GET", f"/v2/jobs/{job_id}/log?follow=1") as answer:
                begun.wait()
                return "".join(answer.iter_text()).splitlines()

        def follow_events() -> list[str]:
            with client.stream("GET", f"/v2/jobs/{job_id}/events") as answer:
                begun.wait()
                return [event["line"] for event in read_events(answer) if event["event"] == "log"]

        with ThreadPoolExecutor(FOLLOWERS) as pool:
            each = [pool.submit(follow_events if n % 2 else follow_log) for n in range(FOLLOWERS)]
            begun.wait()
            held.release()
            wanted = ["released", *(f"line {number}" for number in range(LINES))]
            for one in each:
                assert one.result() == wanted
        assert ended(client, job_id)["state"] == "succeeded"
