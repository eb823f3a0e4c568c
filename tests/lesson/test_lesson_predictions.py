"""Predictions in the lesson's dialect: its payload, its answers, and errors of each kind."""

from __future__ import annotations

import contextlib
import json
import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import serving
from lesson_site import lesson_serving, unwrapped

# As the lesson shows them.
TOO_SHORT = """
{ "detail": [ { "loc": [ "body", "texts", 0, "text" ], "msg": "ensure this value has at least 1 characters",
"type": "value_error.any_str.min_length", "ctx": { "limit_value": 1 } } ] }
"""
EMPTY = """
{ "detail": [ { "loc": [ "body", "texts" ], "msg": "List of texts to classify cannot be empty.",
"type": "value_error" } ] }
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """The client of the server of each model, started when it is first asked for."""
    running: dict[str, httpx.Client] = {}
    with ExitStack() as stack:

        def client_of(model: str, module: str = "lesson_models") -> httpx.Client:
            if model not in running:
                running[model] = stack.enter_context(lesson_serving(model, module=module)).client
            return running[model]

        yield client_of


def as_written(text: str) -> str:
    return json.dumps(json.loads(text), separators=(",", ":"))


@pytest.mark.parametrize("body", [{"texts": [{"text": ""}]}, {"texts": []}])
def test_the_lessons_errors_of_validation_are_its_own_byte_for_byte(body: Any, client: Any) -> None:
    answer = client("Tags").post("/predict", json=body)
    detail = unwrapped(answer, 422, "detail")
    shown = as_written(TOO_SHORT if body["texts"] else EMPTY)
    assert shown[1:-1] in answer.text
    assert json.dumps({"detail": detail}, separators=(",", ":")) == shown


def test_the_data_are_the_predictions_of_the_lesson(client: Any) -> None:
    texts = [{"text": "Transfer learning with transformers."}, {"text": "żółw"}, {}]
    answer = client("Tags").post("/predict?from=lesson", json={"texts": texts})
    assert unwrapped(answer, 200) == {
        "predictions": [
            {"input_text": texts[0]["text"], "predicted_tags": ["transformers"]},
            {"input_text": "żółw", "predicted_tags": []},
            {"input_text": None, "predicted_tags": []},
        ]
    }
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("what", "data"),
    [
        ("object", b'{"label":"a","n":1.0}'),
        ("list", b'{"predictions":[1,1]}'),
        ("text", b'{"predictions":"xx"}'),
        ("nothing", b'{"predictions":null}'),
        ("nan", b'{"predictions":[null,1.5]}'),
    ],
)
def test_an_answer_is_the_data_bit_for_bit(what: str, data: bytes, client: Any) -> None:
    answer = client("Does").post("/predict", json={"what": what, "size": 2})
    assert answer.content.endswith(b',"data":' + data + b"}")
    assert unwrapped(answer, 200) == json.loads(data)


def test_nan_passes_where_it_is_allowed() -> None:
    with lesson_serving("Does", "--allow-nan") as server:
        answer = server.client.post("/predict", json={"what": "nan"})
        assert answer.content.endswith(b',"data":{"predictions":[NaN,1.5]}}')


def test_a_large_answer_comes_whole(client: Any) -> None:
    answer = client("Does").post("/predict", json={"what": "list", "size": 2_000_000})
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert unwrapped(answer, 200) == {"predictions": [1] * 2_000_000}


def test_rows_of_a_plain_object_are_predicted(client: Any) -> None:
    answer = client("model", "mlup_iris").post("/predict", json={"X": [[5.1, 3.5, 1.4, 0.2]]})
    assert unwrapped(answer, 200) == {"predictions": [0]}
    refused = client("model", "mlup_iris").post("/predict", json={"X": [["a", 3.5, 1.4, 0.2]]})
    assert unwrapped(refused, 422, "detail") == [
        {"loc": ["body", "X", 0, 0], "msg": "value is not a valid float", "type": "type_error.float"}
    ]


def test_a_picture_passes_as_it_is(client: Any) -> None:
    answer = client("Pictures").post("/predict", json={})
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")
    chosen = client("Pictures").post("/predict", json={}, headers={"Accept": "application/json"})
    assert unwrapped(chosen, 200) == {"size": [1, 1]}


def test_a_stream_passes_as_it_is(client: Any) -> None:
    answer = client("Counts").post("/predict", json={"to": 2})
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == "data: 0\n\ndata: 1\n\n"


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ({"what": "fail"}, 500, "a secret is 42"),
        ({"what": "teapot"}, 418, "I am a teapot"),
        ({"what": "busy"}, 503, "busy"),
    ],
)
def test_an_error_of_the_model_is_told(body: Any, status: int, detail: str, client: Any) -> None:
    answer = client("Does").post("/predict", json=body)
    assert unwrapped(answer, status, "detail") == detail
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)


def test_the_words_of_a_model_can_be_hidden() -> None:
    with lesson_serving("Does", "--hide-model-errors") as server:
        answer = server.client.post("/predict", json={"what": "fail"})
        assert unwrapped(answer, 500, "detail") == "the model failed"
        server.wait_for_log("a secret is 42")


def test_an_error_of_the_query_says_so(client: Any) -> None:
    answer = client("Does").post("/predict?ratio=5", json={"size": "x"})
    found = unwrapped(answer, 422, "detail")
    assert sorted((error["loc"], error["type"]) for error in found) == [
        (["body", "size"], "type_error.integer"),
        (["query", "ratio"], "value_error.number.not_lt"),
    ]


@pytest.mark.parametrize(
    ("content", "loc", "kind"),
    [
        (b"{broken", ["body", 1], "value_error.jsondecode"),
        (b'{"what": NaN}', ["body"], "value_error.jsondecode"),
        (b'{"what": "a", "what": "b"}', ["body"], "value_error.jsondecode"),
        (b"\xff", ["body"], "value_error.jsondecode"),
        (b"[" * 5000, ["body", 5000], "value_error.jsondecode"),
        (b"[]", ["body"], "type_error.dict"),
        (b'"text"', ["body"], "type_error.dict"),
    ],
)
def test_a_body_that_is_no_payload_is_refused(content: bytes, loc: Any, kind: str, client: Any) -> None:
    (found,) = unwrapped(client("Does").post("/predict", content=content), 422, "detail")
    assert found["type"] == kind
    assert found["msg"]
    assert found["loc"] in (loc, loc[:1])


@pytest.mark.parametrize("content", [b"", b"null", b"{}"])
def test_what_a_payload_lacks_is_told_by_name(content: bytes, client: Any) -> None:
    assert unwrapped(client("Tags").post("/predict", content=content), 422, "detail") == [
        {"loc": ["body", "texts"], "msg": "field required", "type": "value_error.missing"}
    ]


def test_null_is_no_payload_even_where_nothing_is_lacking(client: Any) -> None:
    assert unwrapped(client("Does").post("/predict", content=b"null"), 422, "detail") == [
        {"loc": ["body"], "msg": "field required", "type": "value_error.missing"}
    ]


def test_a_key_that_nobody_has_is_refused(client: Any) -> None:
    assert unwrapped(client("Does").post("/predict", json={"waht": "object"}), 422, "detail") == [
        {"loc": ["body", "waht"], "msg": "extra fields not permitted", "type": "value_error.extra"}
    ]


def test_a_body_that_is_too_large_or_encoded_is_refused(client: Any) -> None:
    headers = {"Content-Type": "application/json"}
    large = client("Does").post("/predict", content=b" " * (11 << 20), headers=headers)
    assert "over the limit" in unwrapped(large, 413, "detail")
    packed = client("Does").post("/predict", content=b"x", headers={"Content-Encoding": "gzip"})
    assert "gzip" in unwrapped(packed, 415, "detail")


def test_the_other_api_says_nothing_in_the_lessons_words(client: Any) -> None:
    answer = client("Tags").post("/v2/models/Tags/predict", json={"texts": []})
    assert answer.json() == {"texts": ["List of texts to classify cannot be empty."]}


def test_what_takes_too_long_is_a_504() -> None:
    with lesson_serving("Does", "--mode", "worker_and_queue", "--ttl-client-wait", "0.2") as server:
        answer = server.client.post("/predict", json={"what": "sleep", "size": 3})
        assert unwrapped(answer, 504, "detail") == "the prediction took longer than 0.2 s"


def test_a_full_queue_is_a_503_that_says_when() -> None:
    with lesson_serving("Does", "--queue-size", "1") as server, ExitStack() as stack:
        sent = [stack.enter_context(_sleeping(server)) for _ in range(8)]
        # One runs, one waits, and the others are refused: once those have their answers, the queue is full.
        serving.wait_until(lambda: len(select.select(sent, [], [], 1.0)[0]) >= 6, lambda: server.log)
        answer = server.client.post("/predict", json={"what": "object"})
        assert unwrapped(answer, 503, "detail") == "1 calls wait for the model 'Does' already"
        assert int(answer.headers["retry-after"]) >= 1


def _sleeping(server: serving.Server) -> contextlib.closing[socket.socket]:
    """A request on a connection of its own that is sent, and whose answer nobody waits for."""
    place = urlsplit(server.url)
    connection = socket.create_connection((place.hostname, place.port))
    body = b'{"what": "sleep", "size": 20}'
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    connection.sendall(head + body)
    return contextlib.closing(connection)


def test_too_many_rows_or_requests_are_a_429() -> None:
    with lesson_serving("model", "--throttling-max-request-len", "1", module="mlup_iris") as server:
        row = [5.1, 3.5, 1.4, 0.2]
        assert unwrapped(server.client.post("/predict", json={"X": [row]}), 200) == {"predictions": [0]}
        answer = server.client.post("/predict", json={"X": [row, row]})
        assert "number of rows" in unwrapped(answer, 429, "detail")


def test_predictions_that_are_switched_off_are_a_402() -> None:
    with lesson_serving("Does", "--no-predict-endpoint") as server:
        assert "switched off" in unwrapped(server.client.post("/predict", json={}), 402, "detail")


def test_a_long_prediction_is_begun_and_fetched_in_the_envelope() -> None:
    with lesson_serving("Does", "--is-long-predict", "--ttl-client-wait", "20") as server:
        client = server.client

        def fetched(body: Any, status: int, key: str = "data") -> Any:
            begun = unwrapped(client.post("/predict", json=body), 200)
            assert list(begun) == ["predict_id"]
            return unwrapped(client.get(f"/get-predict/{begun['predict_id']}"), status, key)

        assert fetched({"what": "object"}, 200) == {"label": "a", "n": 1.0}
        assert fetched({"what": "list", "size": 3}, 200) == {"predictions": [1, 1, 1]}
        large = fetched({"what": "list", "size": 1_500_000}, 200)
        assert large == {"predictions": [1] * 1_500_000}
        assert fetched({"what": "fail"}, 500, "detail") == "a secret is 42"
        refused = unwrapped(client.post("/predict", json={"ratio": 3}), 422, "detail")
        assert refused[0]["type"] == "value_error.number.not_lt"
        unknown = client.get("/get-predict/00000000-0000-4000-8000-000000000000")
        assert unwrapped(unknown, 408, "detail") == "Response timed out. Repeat request please."


def test_a_part_of_a_long_predictions_result_cannot_be_asked_for() -> None:
    with lesson_serving("Does", "--is-long-predict", "--ttl-client-wait", "20") as server:
        begun = unwrapped(server.client.post("/predict", json={"what": "list", "size": 1_500_000}), 200)
        headers = {"Range": "bytes=0-9"}
        answer = server.client.get(f"/get-predict/{begun['predict_id']}", headers=headers)
        assert len(unwrapped(answer, 200)["predictions"]) == 1_500_000
        assert "etag" not in answer.headers
