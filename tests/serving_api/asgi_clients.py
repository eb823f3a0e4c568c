"""Starlette's client for tests."""

from __future__ import annotations

import warnings
from typing import Any

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that it will be made for another httpx one day
    from starlette.testclient import TestClient, WebSocketDenialResponse

__all__ = ["TestClient", "WebSocketDenialResponse", "prediction", "workers"]


def prediction(client: Any, model: str, base: str = "", **arguments: Any) -> Any:
    """What the model answers."""
    answer = client.post(f"{base}/v2/models/{model}/predict", json=arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()


def workers() -> list[int]:
    """The worker processes that this process has."""
    return [one.pid for one in psutil.Process().children() if "modelport.worker" in one.cmdline()]
