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
FILE = MODELS / "array_models.py"
MODEL_NAMES = ["iris", "named", "mixed", "visits", "picks", "texts", "scaler", "several"]
MODEL_NAMES += ["coded", "boosted", "Rows", "Several", "Arrays", "called"]


@pytest.fixture(scope="session")
def site() -> Iterator[Server]:
    sources = [f"{name}={FILE}:{name}" for name in MODEL_NAMES]
    with serving(*sources) as server:
        yield server


@pytest.fixture(scope="session")
def predict(site: Server) -> Predict:
    def post(model: str, **request: Any) -> httpx.Response:
        return site.client.post(f"/v2/models/{model}/predict/", **request)

    return post
