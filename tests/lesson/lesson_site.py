"""A server that speaks as the Made-With-ML lesson, for tests that are its clients."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx
import serving

PHRASES = {
    413: "Request Entity Too Large",
    422: "Unprocessable Entity",
}  # the lesson's; Python 3.13 has others
KEYS = ["message", "method", "status-code", "timestamp", "url"]


@contextlib.contextmanager
def lesson_serving(model: str, *options: str, module: str = "lesson_models") -> Iterator[serving.Server]:
    """Serve one model of the tests with the envelope."""
    with serving.serving(f"{model}={module}:{model}", "--envelope", *options) as server:
        yield server


def unwrapped(answer: httpx.Response, status: int, key: str = "data") -> Any:
    """What is at `key` in the envelope of an answer, once all of the envelope has been checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = json.loads(answer.text)
    assert list(body) == [*KEYS, key], answer.text
    assert body["message"] == PHRASES.get(status, HTTPStatus(status).phrase)
    assert body["method"] == answer.request.method
    assert body["status-code"] == status
    assert abs((datetime.now() - datetime.fromisoformat(body["timestamp"])).total_seconds()) < 60
    assert "+" not in body["timestamp"]
    assert body["url"] == str(answer.request.url)
    return body[key]
