"""What the tests of array models ask of a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

Predict = Callable[..., httpx.Response]


def predictions(answer: httpx.Response) -> Any:
    """The predictions of a good answer."""
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "OK"
    return answer.json()["predictions"]
