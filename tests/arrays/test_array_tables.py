"""The table that a model was made from is one that it takes: booleans, dates, an index, columns to spare."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import array_models as models
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from arrays_target import Predict, predictions
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Body, Places
from modelport.sources.load import served_model

VISITS = models._visits
PARQUET, STREAM, CSV = "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream", "text/csv"
FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "as it was": lambda: VISITS,
    "with gaps": lambda: VISITS.iloc[[0, 3]],
    "without what is not needed": lambda: VISITS.drop(columns="note"),
    "with an index of its own": lambda: VISITS.rename_axis("visit").set_index(VISITS.note.rename("number")),
    "with lists that are not needed": lambda: VISITS.assign(note=[[1], [2], [], None]),
    "with dates of other units": lambda: VISITS.assign(when=VISITS.when.astype("datetime64[ns]")),
    "with dates of a zone": lambda: VISITS.assign(when=VISITS.when.dt.tz_localize("Europe/Rome")),
}


def parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


def arrow(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table = pa.Table.from_pandas(frame)
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize(("media_type", "written"), [(PARQUET, parquet), (STREAM, arrow)])
def test_a_frame_as_pandas_writes_it(predict: Predict, name: str, media_type: str, written: Any) -> None:
    frame = FRAMES[name]()
    answer = predict("visits", content=written(frame), headers={"Content-Type": media_type})
    expected = models.visits.predict(frame.assign(note="x")).tolist()
    assert predictions(answer) == expected
    uploaded = predict("visits", files={"X": ("table", written(frame), "application/octet-stream")})
    assert predictions(uploaded) == expected


def test_a_moment_where_a_number_is_wanted_is_refused(predict: Predict) -> None:
    frame = VISITS.assign(age=VISITS.when)
    answer = predict("visits", content=parquet(frame), headers={"Content-Type": PARQUET})
    assert answer.status_code == 422
    assert answer.json()["X"]["0"] == {"age": ["Input should be a valid number"]}


def test_columns_that_are_sent_are_a_frame_for_a_step_of_ones_own(predict: Predict) -> None:
    rows = [{"a": 1, "b": 0}, {"b": 1, "a": 0}]
    for sent in (rows, {"columns": ["b", "a"], "rows": [[0, 1], [1, 0]]}):
        assert predictions(predict("picks", json={"X": sent})) == ["yes", "no"]
    frame = pd.DataFrame(rows)
    for content, kind in ((parquet(frame), PARQUET), (arrow(frame), STREAM), (b"b,a\n0,1\n1,0\n", CSV)):
        assert predictions(predict("picks", content=content, headers={"Content-Type": kind})) == ["yes", "no"]
    answer = predict("picks", json={"X": [rows[0], {"a": 1}]})
    assert answer.json() == {"X": {"1": {"b": ["Missing data for required field."]}}}


MEMBERS = pd.DataFrame({"age": np.arange(40.0), "member": [True, False] * 20})


@pytest.mark.parametrize(
    "model", [LogisticRegression(), HistGradientBoostingClassifier(max_iter=3)], ids=["logistic", "trees"]
)
def test_booleans_are_numbers_where_these_are_wanted(model: Any) -> None:
    frame = MEMBERS.iloc[[5, 30]]
    expected = model.fit(MEMBERS, MEMBERS.age > 20).predict(frame).tolist()
    served = served_model(model, "model")

    def answer(kind: str, content: bytes) -> Any:
        places = Places()
        places.body = Body(kind, content)
        return served.call("predict", served.bind("predict", places)).tolist()

    assert answer(PARQUET, parquet(frame)) == expected
    assert answer(STREAM, arrow(frame)) == expected
    assert answer(CSV, frame.to_csv(index=False).encode()) == expected
    assert answer(CSV, frame.to_csv().encode()) == expected  # the index has no name, and comes first
    assert (
        answer(CSV, frame.to_csv(index=False).upper().replace("AGE,MEMBER", "age,member").encode())
        == expected
    )
    sent = Places(json={"X": frame.to_dict("records")})
    assert served.call("predict", served.bind("predict", sent)).tolist() == expected
    with pytest.raises(ArgumentErrors) as refused:
        answer(CSV, b"age,member\n1,yes\n")
    assert refused.value.messages == {"X": {"0": {"member": ["Input should be a valid number"]}}}
