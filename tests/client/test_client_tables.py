"""DataFrames, columns, arrays and Arrow tables through the client, in the form that each model takes."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from client_target import MakeClient
from fitted_models import PEOPLE, churn, unnamed
from scripted_server import Answer, scripted

from modelport.client import ArgumentsRefused, NotFound

NEW = pd.DataFrame({"city": ["Köln", "Rom", "Wien"], "age": [20, None, 60.0]}, index=[7, 8, 9])
ANSWER = churn.predict(NEW).tolist()
MORE = ["PT90.5S", True, True, "x", 2**53 + 1, "2020-02", "01234"]
LARGE = pd.concat([PEOPLE] * 400, ignore_index=True)


SAME = {
    "a frame": NEW,
    "records with NaN": NEW.to_dict("records"),
    "an index that the model knows": NEW.set_index("city"),
    "an index that it does not know": NEW.rename_axis("id"),
    "categories": NEW.astype({"city": "category"}),
    "nullable numbers": NEW.convert_dtypes(),
    "an Arrow table": pa.Table.from_pandas(NEW, preserve_index=False),
    "a batch of Arrow": pa.RecordBatch.from_pandas(NEW, preserve_index=False),
    "other numbers": NEW.astype({"age": "float32"}),
    "objects": NEW.astype(object),
}


@pytest.mark.parametrize("form", SAME)
def test_rows_of_an_estimator_may_come_as(hand_client: Any, form: str) -> None:
    assert hand_client.predict("churn", SAME[form]) == ANSWER
    assert hand_client.predict("churn", X=SAME[form]) == ANSWER


def test_options_go_beside_a_table(hand_client: Any) -> None:
    answer = hand_client.predict("churn", NEW, predict_proba=True)
    assert answer == pytest.approx(churn.predict_proba(NEW), abs=1e-9)


def test_a_row_of_a_frame_is_a_row(hand_client: Any) -> None:
    assert hand_client.predict("churn", NEW.iloc[1]) == ANSWER[1:2]


def test_an_estimator_without_names_takes_arrays_frames_and_sparse_ones(hand_client: Any) -> None:
    rows = np.arange(6.0).reshape(2, 3)
    expected = pytest.approx(unnamed.predict(rows))
    assert hand_client.predict("unnamed", rows) == expected
    assert hand_client.predict("unnamed", X=pd.DataFrame(rows)) == expected
    assert hand_client.predict("unnamed", X=list(rows)) == expected


@pytest.mark.parametrize("kind", ["text", "category", "arrow"])
def test_a_large_table_travels_as_arrow_and_is_answered_alike(hand_client: Any, kind: str) -> None:
    frame: Any = LARGE.astype({"city": "category"}) if kind == "category" else LARGE
    expected = churn.predict(LARGE).tolist()
    assert hand_client.predict("churn", pa.Table.from_pandas(frame) if kind == "arrow" else frame) == expected
    assert hand_client.predict("Tables", frame)["rows"] == LARGE.to_numpy().tolist()
    probabilities = hand_client.predict("churn", frame, predict_proba=True)
    assert probabilities[:2] == pytest.approx(churn.predict_proba(LARGE)[:2], abs=1e-9)


def test_a_large_array_travels_as_arrow_and_is_answered_alike(hand_client: Any) -> None:
    rows = np.random.default_rng(1).normal(size=(5000, 3)).astype("float32")
    assert hand_client.predict("unnamed", rows) == pytest.approx(unnamed.predict(rows), abs=1e-4)


def test_a_server_without_pyarrow_gets_a_large_table_as_json(make_client: MakeClient) -> None:
    schema = {"properties": {"X": {"type": "array", "items": {}, "format": "table"}}}
    operation = {"requestBody": {"content": {"application/json": {"schema": schema}}}}
    document = {"paths": {"/base/v2/models/m/predict/": {"post": operation}}}
    refused = Answer(415, {"detail": "Parquet and Arrow need pyarrow on this server"})
    with scripted(Answer(body=document), refused, Answer(body=[1])) as server:
        assert make_client(server.url + "/base").predict("m", LARGE) == [1]
        assert [asked.headers["content-type"].partition(";")[0] for asked in server.asked[1:]] == [
            "multipart/form-data",
            "application/json",
        ]
        assert server.asked[2].body.startswith(b'{"X":{"columns":["age","city"],"rows":[[20.0,"Rom"]')


def test_nothing_of_a_table_is_lost(hand_client: Any) -> None:
    frame = pd.DataFrame(
        {
            "when": pd.to_datetime(["2020-02-29 12:00:00.123456789", None]),
            "zone": pd.to_datetime(["2020-02-29T12:00+01:00", None]),
            "took": pd.to_timedelta(["90.5s", None]),
            "flag": [True, False],
            "maybe": pd.array([True, None], dtype="boolean"),
            "kind": pd.Categorical(["x", None]),
            "count": pd.array([2**53 + 1, None], dtype="Int64"),
            "month": pd.PeriodIndex(["2020-02", None], freq="M"),
            "zip": ["01234", None],
        },
        index=pd.Index(["a", "b"], name="id"),
    )
    told = hand_client.predict("Tables", frame, note="seen")
    assert told["columns"] == ["id", *frame.columns]
    assert told["rows"] == [
        ["a", "2020-02-29T12:00:00.123456789", "2020-02-29T12:00:00+01:00", *MORE],
        ["b", None, None, None, False, None, None, None, None, None],
    ]
    assert told["note"] == "seen"


def test_a_table_takes_the_form_that_a_hint_names(hand_client: Any) -> None:
    frame = pd.DataFrame({"name": ["Ada", "Bo"], "age": [36, np.nan]})
    numbers = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    told = hand_client.predict(
        "Lists", people=frame, rows=numbers, column=numbers["b"], by_name=numbers, anything=frame
    )
    assert told["names"] == ["Ada", "Bo"]
    assert told["rows"] == [[1, 3], [2, 4]]
    assert told["column"] == [3, 4]
    assert told["by_name"] == {"a": [1, 2], "b": [3, 4]}
    assert told["anything"] == [{"name": "Ada", "age": 36}, {"name": "Bo", "age": None}]
    told = hand_client.predict(
        "Lists", column=numbers[["a"]], by_name=numbers.iloc[1], rows=numbers.to_numpy()
    )
    assert (told["column"], told["by_name"], told["rows"]) == ([1, 2], {"a": 2, "b": 4}, [[1, 3], [2, 4]])


def test_a_table_for_a_file_is_csv(hand_client: Any) -> None:
    told = hand_client.predict("Reads", NEW)
    assert told == {"type": "text/csv", "name": "file.csv", "text": "city,age\nKöln,20.0\nRom,\nWien,60.0\n"}
    told = hand_client.predict("Reads", file=pa.table({"a": [1]}))
    assert told["text"] == '"a"\n1\n'


def test_a_training_takes_a_table_too(hand_client: Any) -> None:
    job = hand_client.train("Reads", pd.DataFrame({"a": [1, 2]}), epochs=3)
    assert job.result() == {"columns": ["a"], "rows": [[1], [2]]}


def test_a_value_without_a_name_is_for_the_argument_that_it_fits(hand_client: Any) -> None:
    with pytest.raises(
        ValueError, match=r"say which argument this is, as NAME=…: the model takes people, rows"
    ):
        hand_client.predict("Lists", [1, 2])
    with pytest.raises(ValueError, match="say which argument this is"):
        hand_client.predict("churn", NEW, X=NEW)
    with pytest.raises(TypeError, match="the name of the model comes first, or None; DataFrame is no name"):
        hand_client.predict(NEW)
    with pytest.raises(NotFound, match="there is no model 'nobody'"):
        hand_client.predict("nobody", NEW)


def test_what_cannot_be_told_by_name_is_refused_with_words(hand_client: Any) -> None:
    with pytest.raises(ValueError, match="the table has the column 'age' twice"):
        hand_client.predict("churn", pd.concat([PEOPLE, PEOPLE], axis=1))
    with pytest.raises(ValueError, match="have names of several levels"):
        hand_client.predict("churn", pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])))
    with pytest.raises(TypeError, match="argument 'column' cannot be sent: a table of 2 columns"):
        hand_client.predict("Lists", column=PEOPLE)
    with pytest.raises(ValueError, match="argument 'X' cannot be sent as JSON: JSON has no infinity"):
        hand_client.predict("churn", X=NEW.assign(age=np.inf))
    with pytest.raises(ArgumentsRefused, match="city"):
        hand_client.predict("churn", NEW[["age"]])


def test_the_client_imports_no_library_of_tables() -> None:
    check = "import sys, modelport; modelport.Client; print({'numpy', 'pandas', 'PIL'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
