"""One server with the models of the array and the object contract."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from arrays_target import Predict
from serving import MODELS, Server, serving

sys.path.insert(0, str(MODELS))  # the tests ask the same models themselves
FITTED = ["iris", "named", "mixed", "visits", "picks", "texts", "scaler", "several", "coded", "boosted"]
OBJECTS = ["Rows", "Several", "Arrays", "called"]


@pytest.fixture(scope="session")
def site() -> Iterator[Server]:
    fitted = [f"{name}={MODELS / 'array_models.py'}:{name}" for name in FITTED]
    objects = [f"{name}={MODELS / 'object_models.py'}:{name}" for name in OBJECTS]
    with serving(*fitted, *objects) as server:
        yield server


@pytest.fixture(scope="session")
def predict(site: Server) -> Predict:
    def post(model: str, **request: Any) -> httpx.Response:
        return site.client.post(f"/v2/models/{model}/predict/", **request)

    return post
