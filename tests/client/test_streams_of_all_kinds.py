"""A stream is the same to every client, whatever its model was written for and however its calls run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from serving import Server, serving

from modelport.client import AsyncClient, Client, ModelFailed

KINDS = (
    "Typed", "TypedThreads", "TypedAsync",
    "object_", "object_threads", "object_async",
    "Deepaas", "DeepaasThreads", "DeepaasAsync",
)  # fmt: skip
WORDS = "the weights\nare wet"
END = "event: end\nid: modelport-end\ndata:\n\n"
EVENTS = 'data: {"n":0}\n\ndata: {"n":1}\n\n'
FAILURE = "event: error\ndata: the weights\ndata: are wet\n\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*(f"{kind.lower()}=streaming_kinds:{kind}" for kind in KINDS)) as running:
        yield running


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest) -> str:
    return request.param.lower()


def given(model: str, **others: Any) -> dict[str, Any]:
    """Arguments for two pieces."""
    return ({"rows": [[0], [1]]} if model.startswith("object") else {"count": 2}) | others


def in_query(model: str, **others: Any) -> dict[str, str]:
    return {name: json.dumps(value) for name, value in given(model, **others).items()}


def asked(server: Server, model: str, accept: str, **others: Any) -> httpx.Response:
    url = f"/v2/models/{model}/predict"
    return server.client.post(url, json=given(model, **others), headers={"Accept": accept})


def test_it_is_an_event_stream_or_lines_of_json(server: Server, model: str) -> None:
    events = asked(server, model, "text/event-stream")
    assert (events.text, events.headers["content-type"]) == (EVENTS, "text/event-stream; charset=utf-8")
    lines = asked(server, model, "application/x-ndjson")
    assert (lines.text, lines.headers["content-type"]) == ('{"n":0}\n{"n":1}\n', "application/x-ndjson")
    assert asked(server, model, "application/json").json() == [{"n": 0}, {"n": 1}]


def test_an_event_source_gets_it_with_its_end(server: Server, model: str) -> None:
    url = f"/v2/models/{model}/predict"
    answer = server.client.get(url, params=in_query(model), headers={"Accept": "text/event-stream"})
    assert (answer.status_code, answer.text) == (200, EVENTS + END)
    failed = server.client.get(
        url, params=in_query(model, fail=True), headers={"Accept": "text/event-stream"}
    )
    assert failed.text == EVENTS + FAILURE + END


def test_an_error_after_the_first_piece_is_said_in_the_stream(server: Server, model: str) -> None:
    assert asked(server, model, "text/event-stream", fail=True).text == EVENTS + FAILURE
    said: list[Any] = []
    url, headers = f"/v2/models/{model}/predict", {"Accept": "application/x-ndjson"}
    with (
        server.client.stream("POST", url, json=given(model, fail=True), headers=headers) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        said.extend(json.loads(line) for line in answer.iter_lines())
    assert said[:2] == [{"n": 0}, {"n": 1}]
    assert (said[2]["status"], said[2]["detail"]) == (500, WORDS)


@pytest.mark.parametrize("accept", [None, "text/event-stream"])
def test_the_client_raises_it_with_its_words_after_the_pieces(
    server: Server, model: str, accept: str | None
) -> None:
    pieces: list[Any] = []
    with Client(server.url) as client, pytest.raises(ModelFailed, match="the weights\nare wet"):
        for piece in client.stream(model, given(model, fail=True), accept=accept):
            pieces.append(piece)
    assert len(pieces) == 2

    async def ask() -> None:
        async with AsyncClient(server.url) as client:
            async for piece in client.stream(model, given(model, fail=True), accept=accept):
                pieces.append(piece)

    with pytest.raises(ModelFailed, match="the weights\nare wet"):
        asyncio.run(ask())
    assert pieces[:2] == pieces[2:]
