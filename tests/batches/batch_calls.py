"""Asking for batch jobs, and what came of them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import httpx
from job_calls import ended

CSV, LINES = "text/csv", "application/x-ndjson"
PARQUET, ARROW = "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream"


class Batch(NamedTuple):
    """A batch job that has ended: what the server says of it, what it returned, and its answers."""

    job: dict[str, Any]
    result: dict[str, Any]
    content: bytes

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.content.splitlines()]


def post(
    client: httpx.Client, model: str, body: Any, media_type: str = CSV, query: str = "", **headers: str
) -> httpx.Response:
    """Ask for a batch job."""
    place = f"/v2/models/{model}/predict/batch{query}"
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(place, content=body, headers={"content-type": media_type, **names})


def begun(client: httpx.Client, *asked: Any, **more: str) -> str:
    """The id of the batch job that was asked for."""
    answer = post(client, *asked, **more)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v2/jobs/{answer.json()['id']}"
    return answer.json()["id"]


def outcome(client: httpx.Client, job_id: str) -> Batch:
    """The job once it has ended, with its answers if it has succeeded."""
    job = ended(client, job_id)
    if job["state"] != "succeeded":
        return Batch(job, {}, b"")
    result = client.get(f"/v2/jobs/{job_id}/result").json()
    content = client.get(f"/v2/jobs/{job_id}/artifacts/{result['artifact']}").content
    assert len(content) == result["size"]
    assert result["rows"] == result["succeeded"] + result["failed"]
    return Batch(job, result, content)


def predicted(client: httpx.Client, *asked: Any, **more: str) -> Batch:
    """What came of a batch job with this body."""
    return outcome(client, begun(client, *asked, **more))
