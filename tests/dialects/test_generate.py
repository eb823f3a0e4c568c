"""Triton's generate extension: flat JSON, and events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from serving import Server, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    names = ("Writes", "Pieces", "Named", "Fails", "Streams", "Reads", "Large")
    with serving(*(f"{name.lower()}=tensor_models:{name}" for name in names)) as running:
        yield running


def generate(server: Server, model: str, **body: Any) -> httpx.Response:
    return server.client.post(f"/v2/models/{model}/generate", json=body)


def streamed(server: Server, model: str, **body: Any) -> list[dict[str, Any]]:
    answer = server.client.post(f"/v2/models/{model}/generate_stream", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")
    assert events.pop() == ""
    return [json.loads(one.removeprefix("data: ")) for one in events]


def error(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    return answer.json()["error"]


def test_a_text_is_answered_whole(server: Server) -> None:
    answer = generate(server, "writes", text_input="a", id="mine", parameters={"words": 2})
    assert answer.json() == {"model_name": "writes", "id": "mine", "text_output": "a0 a1 "}
    assert generate(server, "writes", prompt="b", words=1).json()["text_output"] == "b0 "
    by_version = server.client.post("/v2/models/writes/versions/0/generate", json={"prompt": "b", "words": 1})
    assert by_version.json()["text_output"] == "b0 "


def test_a_text_comes_in_parts(server: Server) -> None:
    expected = [{"model_name": "writes", "text_output": text} for text in ("a0 ", "a1 ")]
    assert streamed(server, "writes", text_input="a", parameters={"words": 2, "stream": True}) == expected
    pieces = streamed(server, "pieces", text_input="xy", id="1")
    assert pieces[1] == {"model_name": "pieces", "id": "1", "text_output": "y", "number": 1}
    assert generate(server, "pieces", text_input="xy").json()["text_output"] == "xy"
    answer = server.client.post(
        "/v2/models/writes/versions/0/generate_stream", json={"prompt": "b", "words": 1}
    )
    assert json.loads(answer.text.removeprefix("data: "))["text_output"] == "b0 "


def test_other_values_are_outputs(server: Server) -> None:
    assert generate(server, "streams", count=3).json()["output"] == [0, 1, 2]
    assert [one["output"] for one in streamed(server, "streams", count=2)] == [0, 1]
    named = {"model_name": "named", "id": 2, "stream": True, "rows": [0, 1]}
    assert generate(server, "named", id=2, stream=True).json() == named
    assert streamed(server, "named", id=2, stream=True) == [named]


def test_a_piece_that_is_too_large_ends_its_stream(server: Server) -> None:
    (only,) = streamed(server, "large", size=17 << 20, pieces=1)
    assert "over the limit of 16777216" in only["error"]


def test_a_stream_that_fails_says_so_in_an_event(server: Server) -> None:
    first, last = streamed(server, "writes", text_input="a", fail_after=1)
    assert (first["text_output"], last) == ("a0 ", {"error": "no words left"})
    answer = server.client.post("/v2/models/fails/generate_stream", json={"x": 0})
    assert error(answer, 418) == "I am a teapot"
    assert error(generate(server, "writes", text_input="a", fail_after=1), 500) == "no words left"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ([], 400, 'no JSON object: send {"text_input"'),
        ({"text": "a"}, 422, "no argument 'text'; it takes: text_input, prompt, words, fail_after"),
        ({"text_input": "a", "parameters": {"top": 1}}, 422, "no argument 'top'"),
        ({"text_input": "a", "parameters": [1]}, 400, "parameters of the request are no object"),
        ({"text_input": "a", "prompt": "b"}, 400, "is the argument 'prompt' of the model, which is there"),
        ({"text_input": "a", "words": 1, "parameters": {"words": 1}}, 400, "'words' is there twice"),
        ({"text_input": "a", "id": 1}, 400, "id of the request is no text"),
        ({"text_input": "a", "stream": True}, 400, "ask generate_stream for that"),
        ({"text_input": 1}, 400, "prompt"),
        ({}, 400, "prompt"),
    ],
)
def test_what_is_no_request_is_refused(server: Server, body: Any, status: int, words: str) -> None:
    answer = server.client.post("/v2/models/writes/generate", json=body)
    assert words in error(answer, status)


def test_what_is_sent_elsewhere_is_refused(server: Server) -> None:
    assert "no text" in error(generate(server, "fails", text_input="a"), 422)
    answer = server.client.post("/v2/models/writes/generate?words=1", json={"text_input": "a"})
    assert "option 'words'" in error(answer, 422)
    answer = generate(server, "nothing", text_input="a")
    assert (answer.status_code, answer.json()["error"]) == (404, answer.json()["detail"])
