"""What a server answers is what its own API document tells, whatever it is asked.

`make fuzz` asks more, and of more servers.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import httpx
import jsonschema
import pytest
from fuzzed_requests import Operation, operations_of, requests
from hypothesis import HealthCheck, Phase, given, settings
from serving import ROOT, Server, serving

READINGS, CALLS = 30, 8  # of each operation that reads, or does something
FUZZED = f"fuzzed={ROOT}/tests/soak/fuzzed_models.py:Fuzzed"
MODEL = re.compile("_(fuzzed|deepaas)$")


def known_values(server: Server) -> dict[str, list[str]]:
    """Values of parameters of paths of which there is something: a training and a validation have ended."""
    ids: list[str] = []
    for verb in ("train", "validate"):
        place = server.client.post(f"/v2/models/fuzzed/{verb}/").raise_for_status().headers["location"]
        server.client.get(f"{place}/events").raise_for_status()
        job = server.client.get(place).raise_for_status().json()
        assert job["state"] == "succeeded", job
        ids.append(job["id"])
    kept = {"name": "kept", "scopes": ["read"]}
    server.client.post("/v2/keys", json=kept).raise_for_status()
    user = {"name": "kept", "password": "kept for the fuzz", "role": "user"}
    server.client.post("/v2/users", json=user).raise_for_status()
    return {
        "model": ["fuzzed"],
        "region": ["none"],
        "job": ids[:1],
        "uuid": ids,
        "run_id": [ids[0], "best"],
        "version": ["0", "1", "live"],
        "alias": ["live", "other"],
        "param": ["epochs"],
        "name": ["kept.txt"],
        "predict_id": ["there-is-none"],
        "key": ["kept"],
        "user": ["kept"],
    }


def check(operation: Operation, answer: httpx.Response) -> None:
    """Fail unless the document tells of this answer."""
    assert answer.status_code != 500, answer.text
    told = operation.answers(answer.status_code)
    assert told is not None, f"{answer.status_code} is not told of: {answer.text[:500]}"
    content = told.get("content", {})
    if not content:
        assert answer.content == b""
        return
    media = answer.headers["content-type"].partition(";")[0]
    assert media in content or "*/*" in content, f"{media} is not told of: {answer.text[:500]}"
    schema = content.get(media, {}).get("schema")
    if schema is not None and media.endswith("json"):
        jsonschema.Draft202012Validator({**operation.document, **schema}).validate(answer.json())


@pytest.mark.slow
def test_no_answer_is_a_surprise_to_who_has_read_the_document() -> None:
    with serving(FUZZED, "deepaas=webargs_models:New", "--default-model", "fuzzed") as server:
        known = known_values(server)
        document: dict[str, Any] = server.client.get("/openapi.json").json()
        statuses: dict[str, Counter[int]] = {}
        for operation in operations_of(document):
            name = MODEL.sub("", operation.described["operationId"])
            statuses[name] = statuses.get(name, Counter()) + ask(server, operation, known)
    assert not [name for name, found in statuses.items() if found.keys() <= {404}]  # each was reached
    assert "the server failed" not in server.log


def ask(server: Server, operation: Operation, known: dict[str, list[str]]) -> Counter[int]:
    """Send requests of one operation; returns how often each status was answered."""
    statuses: Counter[int] = Counter()

    @settings(
        max_examples=READINGS if operation.method == "get" else CALLS,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(request=requests(operation, known))
    def answered_as_told(request: dict[str, Any]) -> None:
        answer = server.client.request(**request)
        statuses[answer.status_code] += 1
        check(operation, answer)

    answered_as_told()
    return statuses
