"""Bad and missing values in mlup's API, as mlup 0.4 answers them: each was compared with it, side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from mlup_site import PLAIN, mlup_serving
from serving import MODELS, Server, serving

COLUMNS = [
    {"name": "i", "type": "int"},
    {"name": "f", "type": "float", "required": False},
    {"name": "s", "type": "str", "default": "d"},
    {"name": "b", "type": "bool"},
    {"name": "l", "type": "list"},
]
GOOD = {"i": 1, "f": 2.0, "s": "x", "b": True, "l": [1]}
INT = "Input should be a valid integer"
FLOAT = "Input should be a valid number"
BOOL = "Input should be a valid boolean"
TEXT = "Input should be a valid string"
LIST = "Input should be a valid list"


@pytest.fixture(scope="module")
def checked() -> Iterator[Server]:
    config = PLAIN | {"columns": COLUMNS, "column_validation": True}
    with mlup_serving("mlup_cells", config) as server:
        yield server


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    with mlup_serving("mlup_cells", PLAIN) as server:
        yield server


@pytest.fixture(scope="module")
def annotated() -> Iterator[Server]:
    with mlup_serving("mlup_several", PLAIN) as server:
        yield server


def predicted(server: Server, body: str) -> tuple[int, Any]:
    """The status, and what is at `predict_result` or `detail`."""
    answer = server.client.post("/predict", content=body)
    found = answer.json()
    return answer.status_code, found["predict_result"] if answer.status_code == 200 else found["detail"]


@pytest.mark.parametrize(
    ("key", "value", "kind", "words"),
    [
        ("i", None, "int_type", INT),
        ("i", "x", "int_parsing", f"{INT}, unable to parse string as an integer"),
        ("i", "", "int_parsing", f"{INT}, unable to parse string as an integer"),
        ("i", 1.5, "int_from_float", f"{INT}, got a number with a fractional part"),
        ("i", [1], "int_type", INT),
        ("f", "x", "float_parsing", f"{FLOAT}, unable to parse string as a number"),
        ("f", {}, "float_type", FLOAT),
        ("b", "x", "bool_parsing", f"{BOOL}, unable to interpret input"),
        ("b", 5, "bool_parsing", f"{BOOL}, unable to interpret input"),
        ("b", [], "bool_type", BOOL),
        ("s", 5, "string_type", TEXT),
        ("l", "x", "list_type", LIST),
        ("l", {"a": 1}, "list_type", LIST),
    ],
)
def test_a_bad_cell_of_a_described_column(
    checked: Server, key: str, value: Any, kind: str, words: str
) -> None:
    status, said = predicted(checked, json.dumps({"X": [GOOD, {**GOOD, key: value}]}))
    assert (status, said) == (422, [{"loc": ["X", 1, key], "msg": words, "type": kind}])


@pytest.mark.parametrize(
    ("key", "value", "taken"),
    [("i", "5", 5), ("i", 2.0, 2), ("f", "1.5", 1.5), ("f", True, 1.0), ("b", "yes", True), ("b", 1, True)],
)
def test_text_is_read_as_the_columns_type(checked: Server, key: str, value: Any, taken: Any) -> None:
    status, rows = predicted(checked, json.dumps({"X": [{**GOOD, key: value}]}))
    assert (status, rows[0][key], type(rows[0][key])) == (200, taken, type(taken))


def test_a_column_with_a_default_may_be_left_out(checked: Server) -> None:
    status, rows = predicted(checked, json.dumps({"X": [{"i": 1, "b": True, "l": []}]}))
    assert (status, rows) == (200, [{"i": 1, "f": None, "s": "d", "b": True, "l": []}])


@pytest.mark.parametrize("row", [[1, 2.0, "s", True, [1]], [1], 3, "x", None])
def test_a_row_of_described_columns_is_an_object(checked: Server, row: Any) -> None:
    words = "Input should be a valid dictionary or instance of MLupModelColumns"
    said = [{"loc": ["X", 1], "msg": words, "type": "model_type"}]
    assert predicted(checked, json.dumps({"X": [GOOD, row]})) == (422, said)


def test_rows_of_an_estimator_whose_columns_are_checked_are_objects() -> None:
    columns = [{"name": name, "type": "float"} for name in ("sl", "sw", "pl", "pw")]
    with mlup_serving("mlup_iris", {"columns": columns, "column_validation": True}) as server:
        status, said = predicted(server, '{"X": [[5.1, 3.5, 1.4, 0.2]]}')
        assert (status, said[0]["type"], said[0]["loc"]) == (422, "model_type", ["X", 0])


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        ({"second": "x"}, "int_parsing", f"{INT}, unable to parse string as an integer"),
        ({"second": 2.5}, "int_from_float", f"{INT}, got a number with a fractional part"),
        ({"second": None}, "int_type", INT),
        ({"first": 3}, "list_type", LIST),
        ({"third": 3}, "string_type", TEXT),
    ],
)
def test_a_bad_argument_of_a_model_with_hints(
    annotated: Server, sent: dict[str, Any], kind: str, words: str
) -> None:
    status, said = predicted(annotated, json.dumps({"first": [1.0], "second": 2} | sent))
    assert (status, said) == (422, [{"loc": list(sent), "msg": words, "type": kind}])


@pytest.mark.parametrize("second", ["2", 2.0, "2.0"])
def test_text_is_read_as_the_type_of_an_argument(annotated: Server, second: Any) -> None:
    assert predicted(annotated, json.dumps({"first": [1.5], "second": second})) == (200, [3.0, "c"])


# -- what Python's own JSON writes -------------------------------------------------------------------------


def test_a_python_object_gets_nan_and_infinity(plain: Server) -> None:
    assert predicted(plain, '{"X": [[NaN, 1, "NaN"]]}') == (200, [["NaN", 1, "NaN"]])
    assert predicted(plain, '{"X": [[Infinity, -Infinity]]}') == (200, [[None, None]])


@pytest.mark.parametrize(
    "body",
    ['{"X": [[NaN]], "X": [[1]]}', '{"X": [[NaN, "\\u0000"]]}', '{"X": [[NaN, "\\ud800"]]}', '{"X": [[NaN]',
     '{"X": [[nan]]}', "NaN", '{"X": ' + "[" * 70 + "NaN" + "]" * 70 + "}"],
)  # fmt: skip
def test_a_body_with_nan_is_read_as_strictly_as_any_other(plain: Server, body: str) -> None:
    status, said = predicted(plain, body)
    assert status == 422
    assert said[0]["type"] in ("validation_error", "dict_type")


def test_nan_is_missing_where_the_estimator_takes_that() -> None:
    with serving(f"{MODELS / 'mlup_cells.py'}:gaps") as gaps:
        assert predicted(gaps, '{"X": [[NaN, 1], [1, 2]]}') == (200, [1, 0])
        answer = gaps.client.post(
            "/v2/models/mlup_cells/predict",
            content='{"X": [[NaN, 1]]}',
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 400  # in this dialect only


def test_nan_is_refused_where_the_estimator_does_not_take_it() -> None:
    with mlup_serving("mlup_iris", {}) as iris:
        status, said = predicted(iris, '{"X": [[NaN, 1, 1, 1]]}')
        assert (status, said[0]["type"], said[0]["loc"]) == (422, "float_type", ["X", 0, 0])
