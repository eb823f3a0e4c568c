"""Requests to the mlup API, and what mlup's page, or mlup 0.4 itself, says they are answered."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import serving
from mlup_site import PLAIN, mlup_serving

FLOWER = [5.1, 3.5, 1.4, 0.2]
OTHER = [6.2, 2.8, 4.8, 1.8]
NAMES = ("sl", "sw", "pl", "pw")
COLUMNS = [{"name": name, "type": "float"} for name in NAMES]
CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "rows": ("mlup_rows", PLAIN),
    "rows at data_for_predict": ("mlup_rows", PLAIN | {"auto_detect_predict_params": False}),
    "iris": ("mlup_iris", {}),
    "checked iris": ("mlup_iris", {"columns": COLUMNS, "column_validation": True}),
    "several": ("mlup_several", PLAIN),
    "batching": ("mlup_rows", PLAIN | {"mode": "batching", "min_batch_len": 4, "batch_worker_timeout": 0.3}),
    "few rows": ("mlup_rows", PLAIN | {"throttling_max_request_len": 2}),
}


def wrong(place: list[str | int], words: str, kind: str) -> dict[str, Any]:
    """One detail of an error."""
    return {"loc": place, "msg": words, "type": kind}


MISSING = "Field required", "missing"
flower = dict(zip(NAMES, FLOWER, strict=True))
# Server, body, status, and what the body has at `predict_result` or `detail`.
TABLE: list[tuple[str, Any, int, Any]] = [
    ("rows", {"X": [[1], [2]]}, 200, [[False, 1], [False, 2]]),
    ("rows", {"X": [1, 2]}, 200, [[False, 1], [False, 2]]),
    ("rows", {"X": []}, 200, []),
    ("rows", {"X": [["ż☃"]]}, 200, [[False, "ż☃"]]),
    ("rows", {"X": [[1]], "nobody knows": 1}, 200, [[False, 1]]),
    ("rows", {"X": [[1]], "test_param": True}, 200, [[True, 1]]),
    ("rows", {"X": [[-3]]}, 200, [None]),
    ("rows", {"X": None}, 422, [wrong(["X"], "Input should be a valid list", "list_type")]),
    ("rows", {}, 422, [wrong(["X"], *MISSING)]),
    ("rows", {"data_for_predict": [[1]]}, 422, [wrong(["X"], *MISSING)]),
    ("rows", [], 422, [wrong([], "Input should be a valid dictionary", "dict_type")]),
    ("rows", "text", 422, [wrong([], "Input should be a valid dictionary", "dict_type")]),
    (
        "rows",
        {"X": [[1]], "test_param": "maybe"},
        422,
        [wrong(["test_param"], "Input should be a valid boolean, unable to interpret input", "bool_parsing")],
    ),
    ("rows", {"X": [[-1]]}, 500, [wrong([], "a secret is 42", "predict_error")]),
    ("rows at data_for_predict", {"data_for_predict": [[1]]}, 200, [[False, 1]]),
    ("rows at data_for_predict", {"X": [[1]]}, 422, [wrong(["data_for_predict"], *MISSING)]),
    ("iris", {"X": [FLOWER, [6.2, 2.8, 4.8, 1.8]]}, 200, [0, 2]),
    ("iris", {"X": [flower]}, 200, [0]),
    ("checked iris", {"X": [flower | {"more": 1, "pw": "0.2"}]}, 200, [0]),
    ("checked iris", {"X": [{"sl": 1, "sw": 1, "pl": 1}]}, 422, [wrong(["X", 0, "pw"], *MISSING)]),
    (
        "checked iris",
        {"X": [flower | {"pw": None}]},
        422,
        [wrong(["X", 0, "pw"], "Input should be a valid number", "float_type")],
    ),
    ("several", {"first": [1.5, 2], "second": 2}, 200, [3.0, 4, "c"]),
    ("several", {"first": [1.0], "second": 2, "third": "z"}, 200, [2.0, "z"]),
    ("several", {"second": 2}, 422, [wrong(["first"], *MISSING)]),
    ("batching", {"X": [[3]], "test_param": True}, 200, [[True, 3]]),
    ("batching", {"X": [[-1]]}, 500, [wrong([], "a secret is 42", "predict_error")]),
    ("few rows", {"X": [[1], [2]]}, 200, [[False, 1], [False, 2]]),
    (
        "few rows",
        {"X": [[1], [2], [3]]},
        429,
        [
            wrong(
                [],
                "The query exceeded the limit on the number of rows for the predict. "
                "Please downsize your request.",
                "throttling_error",
            )
        ],
    ),
]


@pytest.fixture(scope="module")
def servers() -> Iterator[Any]:
    """The server of each configuration, started when it is first asked for."""
    running: dict[str, serving.Server] = {}
    with ExitStack() as stack:

        def server(name: str) -> serving.Server:
            if name not in running:
                model, config = CONFIGS[name]
                running[name] = stack.enter_context(mlup_serving(model, config))
            return running[name]

        yield server


@pytest.mark.parametrize(("name", "body", "status", "said"), TABLE)
def test_the_prediction_is_answered_so(name: str, body: Any, status: int, said: Any, servers: Any) -> None:
    answer = servers(name).client.post("/predict", json=body)
    assert answer.status_code == status, answer.text
    predict_id = answer.headers["x-predict-id"]
    assert uuid.UUID(predict_id).version == 4
    expected = {"predict_result": said} if status == 200 else {"detail": said, "predict_id": predict_id}
    assert answer.json() == expected


@pytest.mark.parametrize(("name", "row"), [("rows", [1]), ("iris", FLOWER), ("batching", [1])])
def test_a_key_that_is_passed_over_is_named_in_a_warning(name: str, row: Any, servers: Any) -> None:
    answer = servers(name).client.post("/predict", json={"X": [row], "test_parma": True})
    assert answer.status_code == 200
    assert "unknown argument 'test_parma' was ignored" in answer.headers["warning"]
    assert "warning" not in servers(name).client.post("/predict?page=1", json={"X": [row]}).headers


@pytest.mark.parametrize("row", [[1, 2], {"sl": 1, "sw": 1}, ["a", "b", "c", "d"]])
def test_rows_that_do_not_fit_the_model_are_the_clients_error(row: Any, servers: Any) -> None:
    answer = servers("iris").client.post("/predict", json={"X": [row]})
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"][:2] == ["X", 0]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "text/csv", ""])
def test_the_media_type_of_the_body_is_not_looked_at(media_type: str, servers: Any) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = servers("rows").client.post("/predict/", content=b'{"X": [[1]]}', headers=headers)
    assert answer.json() == {"predict_result": [[False, 1]]}


def arrow(kind: str) -> bytes:
    """The two flowers as a table of this kind."""
    table = pa.table({name: [FLOWER[place], OTHER[place]] for place, name in enumerate(NAMES)})
    sink = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


CSV_ROWS = b"sl,sw,pl,pw\n5.1,3.5,1.4,0.2\n6.2,2.8,4.8,1.8\n"
TABLES = {
    "text/csv": CSV_ROWS,
    "application/vnd.apache.parquet": arrow("parquet"),
    "application/vnd.apache.arrow.stream": arrow("stream"),
}


@pytest.mark.parametrize("name", ["iris", "checked iris"])
@pytest.mark.parametrize("media_type", TABLES)
def test_rows_may_be_a_table(media_type: str, name: str, servers: Any) -> None:
    headers = {"Content-Type": media_type}
    answer = servers(name).client.post("/predict", content=TABLES[media_type], headers=headers)
    assert answer.json() == {"predict_result": [0, 2]}


def test_a_table_that_does_not_fit_is_the_clients_error(servers: Any) -> None:
    headers = {"Content-Type": "text/csv"}
    table = CSV_ROWS.replace(b"6.2", b"big")
    answer = servers("checked iris").client.post("/predict", content=table, headers=headers)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"][0]["loc"] == ["X", 1, "sl"]
    assert answer.json()["predict_id"] == answer.headers["x-predict-id"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{broken", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"X": [nan]}', "Expecting value: line 1 column 8 (char 7)"),
        (b'{"X": ["\xff"]}', ""),
        (b'{"X": 1, "X": 2}', ""),
        (b"[" * 5000, ""),
    ],
)
def test_json_that_cannot_be_read_says_so(body: bytes, words: str, servers: Any) -> None:
    answer = servers("rows").client.post("/predict", content=body)
    detail = answer.json()["detail"][0]
    assert (answer.status_code, detail["loc"], detail["type"]) == (422, [], "validation_error")
    assert detail["msg"].startswith(f"Invalid json data: {words}")
    assert answer.json()["predict_id"] == answer.headers["x-predict-id"]


def test_a_body_that_is_too_large_has_an_id_too(servers: Any) -> None:
    body = b'{"X": [' + b"1," * (6 << 20) + b"1]}"
    headers = {"Content-Type": "application/json"}
    answer = servers("rows").client.post("/predict", content=body, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["predict_id"] == answer.headers["x-predict-id"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("HEAD", "/health", 200),
        ("OPTIONS", "/health", 200),
        ("POST", "/health", 405),
        ("GET", "/predict", 405),
        ("GET", "/get-predict/abc", 404),
        ("GET", "/nowhere", 404),
    ],
)
def test_other_paths_and_methods(method: str, path: str, status: int, servers: Any) -> None:
    assert servers("rows").client.request(method, path).status_code == status


def test_each_answer_of_predict_has_an_id_of_its_own(servers: Any) -> None:
    client = servers("rows").client
    answers = [client.post("/predict", json={"X": [[1]]}) for _ in range(3)] + [client.get("/predict")]
    assert len({answer.headers["x-predict-id"] for answer in answers}) == 4


def test_a_page_of_another_origin_is_refused(servers: Any) -> None:
    answer = servers("rows").client.post(
        "/predict", json={"X": []}, headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403
    assert answer.headers["x-predict-id"] == answer.json()["predict_id"]


def test_the_same_model_answers_over_v2(servers: Any) -> None:
    answer = servers("iris").client.post("/v2/models/mlup_iris/predict/", json={"X": [FLOWER]})
    assert answer.json() == {"status": "OK", "predictions": [0]}


def test_the_root_is_in_the_api_document(servers: Any) -> None:
    document = servers("rows").client.get("/openapi.json").json()
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(body["properties"]) == {"X", "test_param"}
    assert {"/health", "/info"} < set(document["paths"])
    assert "/get-predict/{predict_id}" not in document["paths"]
