"""A server with a model whose trainings are done: eight runs, seven versions, each with its manners.

version  factor  f1    manners
1        2       0.5
2        3       0.9   the best that can be served
3        4       0.6   fails for x above 10
4        5       0.1   cannot be loaded
5        2       0.2   agrees with version 1; takes a second to load
6        2       0.3   takes 0.1 s to answer
7        7       -     train returned its path, so nothing says how good it is
-        8       0.95  has saved no model
"""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import job_calls
from serving import Server, serving

MODEL = "m=versioned:Scaler"
TRAININGS: tuple[dict[str, Any], ...] = (
    {"factor": 2, "f1": 0.5},
    {"factor": 3, "f1": 0.9},
    {"factor": 4, "f1": 0.6, "fails_above": 10},
    {"factor": 5, "f1": 0.1, "broken": True},
    {"factor": 2, "f1": 0.2, "load_seconds": 1.0},
    {"factor": 2, "f1": 0.3, "seconds": 0.1},
    {"factor": 7, "save": "returned"},
    {"factor": 8, "f1": 0.95, "save": "logged"},
)


def train(client: httpx.Client, *, wait: bool = True, **arguments: Any) -> str:
    """Train the model; returns the id of the run."""
    answer = client.post("/v2/models/m/train/", json=arguments)
    assert answer.status_code == 200, answer.text
    run_id = answer.json()["uuid"]
    if wait:
        succeeded(client, run_id)
    return run_id


def succeeded(client: httpx.Client, run_id: str) -> None:
    """Wait for the end of a training, which must be a good one."""
    job = job_calls.ended(client, run_id, 60.0)
    assert job["state"] == "succeeded", job


def make(folder: Path) -> None:
    """Train all of them; their data is in the folder then."""
    with serving(MODEL, MODELPORT_DATA_DIR=str(folder)) as server:
        ids = [train(server.client, wait=False, **arguments) for arguments in TRAININGS]
        for run_id in ids:
            succeeded(server.client, run_id)


@contextlib.contextmanager
def served(
    made: Path, folder: Path, *arguments: str, wait: bool = True, **variables: str
) -> Iterator[Server]:
    """Serve a copy of what `make` has made."""
    if not folder.exists():
        shutil.copytree(made, folder)
    variables = {"MODELPORT_DATA_DIR": str(folder), **variables}
    with serving(MODEL, *arguments, wait=wait, **variables) as server:
        yield server


def runs(client: httpx.Client) -> dict[int | None, str]:
    """The id of the run of each version."""
    found = client.get("/v2/models/m/runs?order_by=newest").json()["runs"]
    return {run["version"]: run["run_id"] for run in found}


def factor(client: httpx.Client, path: str = "/v2/models/m/predict/", x: float = 1.0) -> float:
    """The factor of the version that answers at a path."""
    answer = client.post(path, json={"x": x})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    body = body.get("predict_result", body)
    assert body["value"] == x * body["factor"]
    return body["factor"]


def promote(client: httpx.Client, version: Any, **how: Any) -> httpx.Response:
    """Ask for a version to become live."""
    return client.put("/v2/models/m/aliases/live", json={"version": version, **how}, timeout=60.0)


def promoted(client: httpx.Client, version: Any, **how: Any) -> dict[str, Any]:
    """Make a version live; returns what was found."""
    answer = promote(client, version, **how)
    assert answer.status_code == 200, answer.text
    return answer.json()


def leaving(server: Server, version: int) -> socket.socket:
    """Ask for a version to become live, by a connection that is to be closed before there is an answer."""
    asked = httpx.Request("PUT", f"{server.url}/v2/models/m/aliases/live", json={"version": version})
    fields = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
    connection = socket.create_connection((asked.url.host, asked.url.port or 0), timeout=60.0)
    connection.sendall(f"PUT {asked.url.path} HTTP/1.1\r\n{fields}\r\n".encode() + asked.read())
    return connection


def live(client: httpx.Client) -> int:
    return client.get("/v2/models/m/aliases/live").json()["version"]


def refused(answer: httpx.Response, status: int) -> str:
    """The words of an answer that is a problem."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text
    )
    body = answer.json()
    assert body["status"] == status
    assert "Traceback" not in answer.text
    return body["detail"]
