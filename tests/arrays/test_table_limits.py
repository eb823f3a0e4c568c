"""The bounds of tables are settings, and hold for every model and every form of a table."""

from __future__ import annotations

import contextvars
import io
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from array_models import NAMES
from serving import MODELS, Server, serving

from modelport import Table
from modelport.guards.table_limits import TableLimits, set_table_limits

ROW = [5.1, 3.5, 1.4, 0.2]
TOO_LARGE = "The table has 3 rows of 4 columns; at most 1000000 rows, 5 columns and 8 cells are taken"
TOO_MANY = "The table has more than 8 cells"  # seen before a CSV is read
SETTINGS = ["--max-table-cells", "8", "--max-table-columns", "5", "--max-table-bytes", "5000"]


@pytest.fixture(scope="module")
def small() -> Iterator[Server]:
    sources = [f"{name}={MODELS / 'array_models.py'}:{name}" for name in ("iris", "named", "scaler")]
    with serving(*sources, f"files={MODELS / 'typed_models.py'}:Files", *SETTINGS) as server:
        yield server


def rows_as(form: str, count: int) -> dict[str, Any]:
    """A request with as many rows of four columns."""
    objects = [dict(zip(NAMES, ROW, strict=True))] * count
    frame = pd.DataFrame(objects)
    if form == "csv":
        return {"content": frame.to_csv(index=False), "headers": {"Content-Type": "text/csv"}}
    if form in ("parquet", "upload"):
        buffer = io.BytesIO()
        frame.to_parquet(buffer)
        if form == "upload":
            return {"files": {"X": ("t.parquet", buffer.getvalue())}}
        return {"content": buffer.getvalue(), "headers": {"Content-Type": "application/vnd.apache.parquet"}}
    if form == "columns":
        return {"json": {"X": {"columns": NAMES, "rows": [ROW] * count}}}
    return {"json": {"X": objects if form == "objects" else [ROW] * count}}


@pytest.mark.parametrize("form", ["csv", "parquet", "upload", "lists", "objects", "columns"])
def test_a_table_of_an_array_model_has_the_cells_of_the_setting(small: Server, form: str) -> None:
    for model in ("iris", "named", "scaler"):
        path = f"/v2/models/{model}/predict/"
        fits, larger = (small.client.post(path, **rows_as(form, count)) for count in (2, 3))
        assert fits.status_code == 200, fits.text
        assert larger.status_code == 422
        assert larger.json()["X"][0] in (TOO_LARGE, TOO_MANY)


@pytest.mark.parametrize(
    "request_",
    [
        {"files": {"table": ("t.csv", pd.DataFrame([ROW] * 3).to_csv(index=False, header=list("abcd")))}},
        {"json": {"table": [dict(zip("abcd", ROW, strict=True))] * 3}},
        {"json": {"table": {"columns": list("abcd"), "rows": [ROW] * 3}}},
    ],
    ids=["csv", "objects", "columns and rows"],
)
def test_a_table_of_a_typed_model_has_them_too(small: Server, request_: dict[str, Any]) -> None:
    answer = small.client.post("/v2/models/files/predict/", **request_)
    assert answer.status_code == 422
    assert answer.json()["table"][0] in (TOO_LARGE, TOO_MANY)


def test_a_table_has_the_columns_and_the_bytes_of_the_settings(small: Server) -> None:
    post = small.client.post
    csv = {"Content-Type": "text/csv"}
    wide = post("/v2/models/iris/predict/", content="a,b,c,d,e,f\n1,2,3,4,5,6\n", headers=csv)
    assert (wide.status_code, "has 0 rows of 6 columns" in wide.json()["X"][0]) == (422, True)
    long = post("/v2/models/iris/predict/", content="a,b,c,d\n1,2,3," + "4" * 5000, headers=csv)
    assert (long.status_code, long.json()["detail"]) == (413, "the table is over 5000 bytes")


def test_a_limit_of_0_is_none() -> None:
    def rows_of(limits: TableLimits) -> int:
        set_table_limits(limits)
        return len(Table.from_csv("x\n" + "1\n" * 20))

    unlimited = TableLimits(cells=0, columns=0, rows=0, size=0)
    assert unlimited.hold(10**9, 10**9)
    assert contextvars.copy_context().run(rows_of, unlimited) == 20
    with pytest.raises(ValueError, match="at most 100000 columns and 5 cells are taken"):
        contextvars.copy_context().run(rows_of, TableLimits(cells=5, rows=0))
