"""Asking a server for jobs and waiting for what becomes of them, for tests of durable jobs."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx

SECONDS = 30.0
ENDED = ("succeeded", "failed", "cancelled", "interrupted")
ASYNC = {"Prefer": "respond-async"}


class Held:
    """A job that waits at the gate: its process, its attempt and what it said."""

    def __init__(self, sock: socket.socket):
        self._sock = sock
        self._file = sock.makefile("rb")
        pid, attempt, self.text = self._file.readline().decode().rstrip("\n").split(" ", 2)
        self.pid, self.attempt = int(pid), int(attempt)

    def release(self) -> None:
        """Let the job go on."""
        self._sock.sendall(b"x")

    def wait_end(self) -> None:
        """Wait until the job has left the gate, or its process has ended."""
        assert self._file.read() == b""

    def close(self) -> None:
        self._file.close()
        self._sock.close()


class Gate:
    """Where jobs report that they run, and wait until the test releases them."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._listener.settimeout(SECONDS)
        self.port: int = self._listener.getsockname()[1]
        self._held: list[Held] = []

    def __enter__(self) -> Gate:
        return self

    def __exit__(self, *_: object) -> None:
        for held in self._held:
            held.close()
        self._listener.close()

    def arrival(self) -> Held:
        """Wait for the next job that runs."""
        sock, _ = self._listener.accept()
        sock.settimeout(SECONDS)
        held = Held(sock)
        self._held.append(held)
        return held


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
