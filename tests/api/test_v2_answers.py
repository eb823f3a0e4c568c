"""What a model may return, and what its client then gets."""

from __future__ import annotations

from typing import Any

import pytest
from serving import Server
from v2_target import Predict, predictions, problem

BLOB = b"\x89PNG\r\n\x1a\n and the rest"
DISPOSITION = "attachment; filename=\"picture of _.png\"; filename*=UTF-8''picture%20of%20%C3%A9.png"


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("dict", {"a": 1, "b": [1.5, None, True], "c": {"d": "é ☃"}}),
        ("list", [1, 2]),
        ("str", "just text"),
        ("number", 0.25),
        ("bool", True),
        ("none", None),
        ("tuple", [1, [2, 3]]),
        ("set", [5]),
        ("huge", 2**70),
        ("numpy scalars", [0.5, 7, True, "s"]),
        ("numpy arrays", {"a": [[0, 1, 2], [3, 4, 5]], "empty": []}),
        ("numpy nan", [1.0, None, None]),
        ("numpy datetime", "2020-02-29T01:02:03"),
        ("nan", {"a": None, "b": [None, None]}),
        ("dates", ["2020-02-29T01:02:03Z", "2020-02-29", "01:02:03"]),
        ("decimal", "1.50"),
        ("uuid", "00000000-0000-0000-0000-000000000005"),
        ("path inside", ["/tmp/x"]),
        ("dataclass", {"left": 1, "label": "l"}),
        ("enum", ["red"]),
        ("keys", {"1": "a", "(1, 2)": "b", "null": "c", "2020-02-29": "e"}),
        ("object", ["(1+2j)"]),
        ("generator", [0, 1, 2]),
    ],
)
def test_values_are_json_in_the_envelope(predict: Predict, what: str, expected: Any) -> None:
    answer = predict("returns", params={"what": what})
    assert predictions(answer) == expected
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("what", ["bytes", "bytearray", "bytesio", "file", "path"])
@pytest.mark.parametrize("accept", ["image/png", "application/pdf"])
def test_binary_answers_have_the_media_type_that_was_agreed_on(
    predict: Predict, what: str, accept: str
) -> None:
    answer = predict("returns-media", params={"what": what}, headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == accept
    assert answer.content == BLOB
    assert answer.headers["content-length"] == str(len(BLOB))
    disposition = DISPOSITION if what in ("file", "path") else None
    assert answer.headers.get("content-disposition") == disposition


@pytest.mark.parametrize("what", ["large", "large file"])
def test_large_binary_answers(predict: Predict, what: str) -> None:
    answer = predict("returns-media", params={"what": what}, headers={"Accept": "image/png"})
    assert answer.headers["content-type"] == "image/png"
    assert len(answer.content) == 3_000_000
    assert set(answer.content) == {ord("x" if what == "large" else "y")}


def test_binary_answers_nobody_spoke_of_are_named_by_their_bytes(predict: Predict) -> None:
    answer = predict("returns", params={"what": "bytes"})
    assert (answer.headers["content-type"], answer.content) == ("image/png", BLOB)
    answer = predict("returns", params={"what": "large"})
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_file_that_is_not_there(predict: Predict) -> None:
    problem(predict("returns", params={"what": "no such path"}), 500)


def test_an_asynchronous_predict(predict: Predict) -> None:
    assert predictions(predict("awaited", json={"text": "abc"})) == "ABC"


@pytest.mark.parametrize("probability", [0.5, "numpy"])
def test_a_typed_answer_is_checked_and_bare(predict: Predict, probability: Any) -> None:
    answer = predict("predicts", json={"probability": probability})
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"label": "secret", "probability": 0.5, "at": "2020-02-29"}


def test_a_typed_answer_that_does_not_fit_is_500_and_says_why_without_values(
    predict: Predict, site: Server
) -> None:
    start = len(site.lines)
    answer = predict("predicts", json={"probability": "bad"})
    said = "the model's answer does not fit the type that it declares: probability: Input should be"
    assert problem(answer, 500)["detail"].startswith(said)
    assert "secret" not in answer.text
    site.wait_for_log("does not fit the model's schema.*probability", start=start)


def test_nan_in_typed_answers_is_null(predict: Predict) -> None:
    assert predict("measures", json={"number": -1}).text == "null"
    assert predict("measures", json={"number": 2}).text == "2.0"
    assert predict("predicts", json={"probability": "nan"}).json()["probability"] is None


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "image/png"),
        ("*/*", "image/png"),
        ("image/jpeg", "image/jpeg"),
        ("application/json", "application/json"),
    ],
)
def test_a_typed_model_chooses_by_accept(predict: Predict, accept: str | None, media_type: str) -> None:
    answer = predict("shows", headers={"Accept": accept} if accept else {})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    start = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "application/json": b"{"}[media_type]
    assert answer.content.startswith(start)


def test_a_typed_model_that_cannot_answer_what_is_accepted(predict: Predict) -> None:
    problem(predict("shows", headers={"Accept": "text/html"}), 406)
    problem(predict("measures", headers={"Accept": "image/png"}), 406)


def test_a_return_hint_alone_makes_a_picture(predict: Predict) -> None:
    answer = predict("draws")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"] == 'attachment; filename="drawn.png"'
    assert answer.content.startswith(b"\x89PNG")
