"""Generators: answers that come piece by piece."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from serving import Server
from v2_target import Predict, problem

FAILS = {"fail": "true"}


def test_a_generator_is_an_event_stream(predict: Predict) -> None:
    answer = predict("events")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text == 'data: first line\ndata: second line\n\ndata: {"number":1.5}\n\n'


@pytest.mark.parametrize("model", ["events", "typed-events"])
def test_a_generator_is_lines_of_json_too(predict: Predict, model: str) -> None:
    answer = predict(model, headers={"Accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["transfer-encoding"] == "chunked"
    expected = {
        "events": ["first line\nsecond line", {"number": 1.5}],
        "typed-events": [{"number": 0}, {"number": 1}],
    }
    assert [json.loads(line) for line in answer.text.splitlines()] == expected[model]


def test_an_asynchronous_generator(predict: Predict) -> None:
    answer = predict("typed-events", json={"count": 1})
    assert answer.text == 'data: {"number":0}\n\n'
    assert predict("typed-events", json={"count": 0}).text == ""


def test_a_generator_of_bytes_is_chunked_and_raw(predict: Predict) -> None:
    answer = predict("typed-bytes")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert answer.content == b"\x00\x01\x02"


@pytest.mark.parametrize(
    ("model", "params", "items"),
    [
        ("events", {}, ["first line\nsecond line", {"number": 1.5}]),
        ("typed-events", {"count": 1}, [{"number": 0}]),
        ("typed-events", {"count": 0}, []),
        ("unannounced", {}, [0, 1]),
    ],
)
def test_who_asks_for_json_gets_a_list(
    predict: Predict, model: str, params: dict[str, Any], items: list[Any]
) -> None:
    answer = predict(model, params=params, headers={"Accept": "application/json"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == items
    preferred = {"Accept": "application/json, text/event-stream"}
    assert predict(model, params=params, headers=preferred).headers["content-type"].startswith("text/event")
    collected = predict(
        model, params=params, headers={"Prefer": "wait=30"}
    )  # by a job, whose result is whole
    assert (collected.headers["content-type"], collected.json()) == ("application/json", items)


def test_a_list_that_fails_midway_is_cut(predict: Predict) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        predict("unannounced", params={"count": 9}, headers={"Accept": "application/json"})


def test_what_yields_streams_though_no_hint_says_so(predict: Predict) -> None:
    assert predict("unannounced").text == "data: 0\n\ndata: 1\n\n"
    assert predict("unannounced", headers={"Accept": "text/event-stream"}).status_code == 200
    assert predict("unannounced", params={"count": 9}).text.endswith("event: error\ndata: a secret is 42\n\n")


def test_other_media_types_are_refused(predict: Predict) -> None:
    problem(predict("events", headers={"Accept": "image/png"}), 406)


def test_bad_arguments_of_a_generator_are_422(predict: Predict) -> None:
    assert predict("events", params={"fail": "perhaps"}).status_code == 422


def test_an_event_stream_that_fails_says_so_in_the_stream(predict: Predict) -> None:
    answer = predict("events", params=FAILS)
    assert answer.status_code == 200
    assert answer.text.endswith("event: error\ndata: a secret is 42\n\n")
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("model", "headers"), [("typed-bytes", {}), ("events", {"Accept": "application/x-ndjson"})]
)
def test_another_stream_that_fails_is_cut(predict: Predict, model: str, headers: dict[str, str]) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        predict(model, params=FAILS, headers=headers)


def test_lines_of_json_that_fail_end_with_the_problem(site: Server) -> None:
    headers = {"Accept": "application/x-ndjson"}
    said: list[Any] = []
    with (
        site.client.stream("POST", "/v2/models/events/predict/", params=FAILS, headers=headers) as answer,
        pytest.raises(httpx.RemoteProtocolError),
    ):
        for line in answer.iter_lines():
            said.append(json.loads(line))
    assert said[-1] == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": "a secret is 42",
        "request_id": answer.headers["x-request-id"],
    }
