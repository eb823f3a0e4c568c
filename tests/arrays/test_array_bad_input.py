"""Rows that do not fit: 422 that names the row and the column; and tables that would explode."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import array_models as models
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arrays_target import Predict, predictions

NUMBER = ["Input should be a valid number"]
IRIS = "[[0.0, 0.0, 0.0, 0.0]]"
LIST = [f"Input should be a list of rows, such as {IRIS}"]
MIXED = '[{"age": 33.333333333333336, "city": "Paris"}]'  # of what its parts have learnt
ROW = [f"Input should be a row of {IRIS}"]
MISSING = ["Missing data for required field."]
GOOD = dict(zip(models.NAMES, [5.1, 3.5, 1.4, 0.2], strict=True))
LACKING = dict.fromkeys(models.NAMES[:3], 1)

CASES: list[tuple[str, Any, Any]] = [
    ("iris", None, LIST),
    ("iris", 5, LIST),
    ("iris", {"a": 1}, LIST),
    ("iris", [5.1, 3.5], {"0": ROW, "1": ROW}),
    ("iris", [[1, 2]], {"0": ["Row should have 4 values, not 2"]}),
    ("iris", [[1, 2, 3, 4], [1, 2, 3, 4, 5]], {"1": ["Row should have 4 values, not 5"]}),
    ("iris", [[1, 2, 3, "4"], [None, 2, True, 4]], {"0": {"3": NUMBER}, "1": {"0": NUMBER}}),
    ("iris", [[1, 2, 3, "NaN"]], {"0": {"3": NUMBER}}),
    ("iris", [[1, 2, 3, [4]]], {"0": {"3": NUMBER}}),
    ("iris", [[1, 2, 3, 10**400]], {"0": {"3": ["Input should be a finite number"]}}),
    ("iris", [], ["Input should have at least 1 row, not 0"]),
    ("named", [GOOD, LACKING], {"1": {"petal_width": MISSING}}),
    ("named", [GOOD | {"extra": 1}], {"0": {"extra": ["Unknown field."]}}),
    ("named", [GOOD | {"sepal_width": "x"}], {"0": {"sepal_width": NUMBER}}),
    ("named", {"columns": ["a", "a"], "rows": []}, {"columns": ["Each name should be given once"]}),
    ("mixed", [{"age": "1", "city": 2}], {"0": {"age": NUMBER, "city": ["Input should be a valid string"]}}),
    ("texts", [1, "good"], {"0": ["Input should be a valid string"]}),
    ("Arrays", [[1, 2], [3]], None),
    ("Rows", None, ["Input should be a list of rows, such as [[1, 2], [3, 4]]"]),
    ("Rows", {"a": 1}, ["Input should be a list of rows, such as [[1, 2], [3, 4]]"]),
    ("mixed", {"age": 1}, [f"Input should be a list of rows, such as {MIXED}"]),
]


@pytest.mark.parametrize(("model", "rows", "messages"), CASES)
def test_rows_that_do_not_fit(predict: Predict, model: str, rows: Any, messages: Any) -> None:
    import json

    answer = predict(model, content=json.dumps({"X": rows}), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert list(answer.json()) == ["X"]
    if messages is not None:
        assert answer.json()["X"] == messages


def test_columns_in_the_place_of_arguments_are_told_to_be_rows(predict: Predict) -> None:
    answer = predict("mixed", json={"age": 1, "other": 2})
    assert answer.status_code == 422
    assert answer.json()["age"] == [
        f'Unknown argument, which is a column: send rows, such as {{"X": {MIXED}}}'
    ]
    assert answer.json()["X"] == MISSING
    assert answer.json()["other"][0].startswith("Unknown argument; there is: X")


def test_every_message_comes_at_once_up_to_a_limit(predict: Predict) -> None:
    answer = predict("iris", json={"X": [[1, 2, 3, "x"]] * 500, "predict_proba": "maybe"})
    assert answer.status_code == 422
    assert len(answer.json()["X"]) == 100
    both = predict("iris", json={"predict_proba": True, "decision_function": True, "X": [[1, 2, 3, 4]]})
    assert (both.status_code, sorted(both.json())) == (422, ["decision_function", "predict_proba"])


def parquet(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def arrow(table: pa.Table, compression: str | None = None) -> bytes:
    buffer = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(buffer, table.schema, options=options) as writer:
        writer.write_table(table)
    return buffer.getvalue()


PARQUET = "application/vnd.apache.parquet"
STREAM = "application/vnd.apache.arrow.stream"


def long_text() -> pa.Table:
    """300 MB: made for the tests that want it, and gone after them."""
    return pa.table({"a": ["x" * 300_000_000]})


TABLES: list[tuple[str, bytes | Callable[[], bytes], str]] = [
    ("text/csv", b"1,2,3,4\n1,2,3,4\n", "should name the columns"),
    ("text/csv", b"a,b,c,d\n1,2,3\n", "Row 0 of the CSV has 3 values"),
    ("text/csv", b"a,a,c,d\n", "twice"),
    ("text/csv", b"a,b,c,d\n1,2,3,NaN\n", "valid number"),
    ("text/csv", b"a,b,c,d\n1,2,3,1_000\n", "valid number"),
    ("text/csv", b"a,b,c,d\n1,2,3,\n", "valid number"),
    ("text/csv", b"\xff\xfe", "not UTF-8"),
    (PARQUET, b"PAR1", "cut off or broken"),
    (PARQUET, parquet(pa.table({"a": [1.0]}))[:-9] + b"PAR1", "cut off or broken"),
    (PARQUET, parquet(pa.table({"a": [[1.0]]})), "send numbers, booleans, text or dates"),
    (PARQUET, parquet(pa.table({"a": pa.array([0.0]).take(pa.array([0] * 3_000_000))})), "at most"),
    (PARQUET, lambda: parquet(long_text(), compression="zstd", use_dictionary=False), "more than 256 MiB"),
    (STREAM, b"\xff\xff\xff\xff\xff\xff\xff\x7f", "cut off or broken"),
    (STREAM, arrow(pa.table({"a": pa.nulls(10**9)})), "at most"),
    (STREAM, lambda: arrow(long_text(), "zstd"), "more than 256 MiB"),
]


@pytest.mark.parametrize(("media_type", "content", "words"), TABLES)
def test_tables_that_are_broken_or_would_explode(
    predict: Predict, media_type: str, content: bytes | Callable[[], bytes], words: str
) -> None:
    if callable(content):
        content = content()
    assert len(content) < 100_000
    answer = predict("iris", content=content, headers={"Content-Type": media_type})
    assert (answer.status_code, words in answer.text) == (422, True), answer.text
    assert predictions(predict("iris", json={"X": models.ROWS[:1]})) == [0]


def test_a_body_of_another_kind_is_refused(predict: Predict) -> None:
    answer = predict("iris", content=b"rows", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert "text/csv" in answer.json()["detail"]
