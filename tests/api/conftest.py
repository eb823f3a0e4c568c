"""One server with a model for each matter, shared by the tests of the V2 API."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Server, serving
from v2_target import Predict

MODELS = [
    "old=webargs_models:Old",
    "new=webargs_models:New",
    "whole=webargs_models:WholeSchema",
    "migrated=webargs_models",
    "first=webargs_models:FirstVersion",
    "media=webargs_models:Media",
    "uploads=upload_models:Uploads",
    "returns=returning_models:Returns",
    "returns-media=returning_models:ReturnsMedia",
    "awaited=returning_models:Awaited",
    "raises=returning_models:Raises",
    "events=returning_models:Events",
    "typed-events=returning_models:TypedEvents",
    "unannounced=returning_models:Unannounced",
    "typed-bytes=returning_models:TypedBytes",
    "kinds=typed_models:Kinds",
    "default-in-hint=typed_models:DefaultInHint",
    "files=typed_models:Files",
    "predicts=typed_models:Predicts",
    "measures=typed_models:Measures",
    "shows=typed_models:Shows",
    "draws=typed_models:Draws",
    "function=typed_models",
    "same-names=typed_models:SameNames",
    "any-media=typed_models:AnyMedia",
    "two-boxes=webargs_models:TwoBoxes",
    "template=published_models:Template",
    "choosing=published_models:Choosing",
    "eye=file_models:Eye",
    "together=file_models:Together",
    "several=file_models:Several",
    "rows=file_models:Rows",
    "reads=file_models:Reads",
    "counts=file_models:Counts",
    "legacy-file=file_models:Legacy",
]


@pytest.fixture(scope="module")
def client(server: Server) -> httpx.Client:
    """A client of the server that a file starts for its own tests."""
    return server.client


@pytest.fixture(scope="session")
def spool() -> Iterator[Path]:
    """The folder where the shared server keeps uploads."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def site(spool: Path) -> Iterator[Server]:
    with serving(*MODELS, "--spool-dir", str(spool)) as server:
        states = server.client.get("/v2/health/ready").json()["models"]
        assert {name: shown for name, shown in states.items() if shown["state"] != "ready"} == {}
        yield server


@pytest.fixture(scope="session")
def predict(site: Server) -> Predict:
    """`predict(model, …)`: the answer to a prediction with httpx's own arguments."""

    def post(model: str, **request: Any) -> httpx.Response:
        return site.client.post(f"/v2/models/{model}/predict/", **request)

    return post
