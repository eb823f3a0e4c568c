"""Asking a server for jobs and waiting for what becomes of them, for tests of durable jobs."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import gates
import httpx

SECONDS = 30.0
ENDED = ("succeeded", "failed", "cancelled", "interrupted")
ASYNC = {"Prefer": "respond-async"}


class Held(gates.Held):
    """A job that waits at the gate: its process, its attempt and what it said."""

    def __init__(self, sock: socket.socket):
        super().__init__(sock)
        pid, attempt, self.text = self.text.split(" ", 2)
        self.pid, self.attempt = int(pid), int(attempt)

    def kill(self) -> None:
        """Kill its process."""
        os.kill(self.pid, signal.SIGKILL)


class Gate(gates.Gate[Held]):
    """A gate for jobs."""

    def __init__(self) -> None:
        super().__init__(Held, SECONDS)


def train(client: httpx.Client, do: str, model: str = "works", **arguments: Any) -> str:
    """Ask for a training; returns its id."""
    answer = client.post(f"/v2/models/{model}/train/", json={"do": do, **arguments})
    assert answer.status_code == 200, answer.text
    return answer.json()["uuid"]


def predict(
    client: httpx.Client, do: str = "echo", model: str = "works", headers: dict[str, str] = {}, **body: Any
) -> str:
    """Ask for a prediction that is a job; returns its id."""
    answer = client.post(
        f"/v2/models/{model}/predict/", json={"do": do, **body}, headers={**ASYNC, **headers}
    )
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """The job as it is now."""
    answer = client.get(f"/v2/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def ended(client: httpx.Client, job_id: str, seconds: float = SECONDS) -> dict[str, Any]:
    """The job once it has ended."""
    return reached(client, job_id, ENDED, seconds)


def reached(
    client: httpx.Client, job_id: str, states: tuple[str, ...], seconds: float = SECONDS
) -> dict[str, Any]:
    """The job once it is in one of `states`."""
    deadline = time.monotonic() + seconds
    while True:
        found = job(client, job_id)
        if found["state"] in states:
            return found
        assert time.monotonic() < deadline, f"{found}\n{client.get(f'/v2/jobs/{job_id}/log').text[-2000:]}"
        time.sleep(0.02)


def log(client: httpx.Client, job_id: str) -> list[str]:
    """What the job printed."""
    return client.get(f"/v2/jobs/{job_id}/log").text.splitlines()


def events(client: httpx.Client, job_id: str, after: int | None = None) -> list[dict[str, Any]]:
    """The whole event stream of a job, to its end."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with client.stream("GET", f"/v2/jobs/{job_id}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return list(read_events(answer))


def read_events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Events of a stream, each with its `id` and `event` beside its data."""
    fields: dict[str, str] = {}
    for line in answer.iter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield {**json.loads(fields["data"]), "id": int(fields["id"]), "event": fields["event"]}
            fields = {}
    assert not fields, "the stream ended in the middle of an event"
