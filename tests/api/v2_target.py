"""What the tests of the V2 API share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

Predict = Callable[..., httpx.Response]


def predictions(answer: httpx.Response) -> Any:
    """The predictions of a good answer in DEEPaaS's envelope."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert list(body) == ["status", "predictions"]
    assert body["status"] == "OK"
    return body["predictions"]


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem details (RFC 9457) of an error of ours."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {"type", "title", "status", "detail", "request_id"}
    assert body["status"] == status
    assert body["request_id"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    return body
