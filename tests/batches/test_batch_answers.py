"""Batch jobs: rows in every form, for models of every kind, and their answers in every form."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import httpx
import pandas
import pyarrow
import pytest
from batch_calls import ARROW, CSV, LINES, PARQUET, begun, outcome, post, predicted
from job_calls import ended, events
from pyarrow import ipc, parquet

ROWS = 10_000


@pytest.fixture(scope="module")
def frame() -> pandas.DataFrame:
    numbers = range(ROWS)
    return pandas.DataFrame(
        {"a": [float(n % 4) for n in numbers], "b": [float(n % 2) for n in numbers], "id": list(numbers)}
    )


def as_csv(frame: pandas.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def as_lines(frame: pandas.DataFrame) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in frame.to_dict("records"))


def as_parquet(frame: pandas.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, row_group_size=777)
    return buffer.getvalue()


def as_arrow(frame: pandas.DataFrame) -> bytes:
    table = pyarrow.Table.from_pandas(frame)
    buffer = io.BytesIO()
    with ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table, max_chunksize=3000)
    return buffer.getvalue()


FORMS = {CSV: as_csv, LINES: as_lines, PARQUET: as_parquet, ARROW: as_arrow}


def table_of(content: bytes, form: str) -> list[dict[str, Any]]:
    """The rows of an answer; those of CSV are text."""
    if form == "csv":
        return list(csv.DictReader(io.StringIO(content.decode())))
    if form == "jsonl":
        return [json.loads(line) for line in content.splitlines()]
    buffer = io.BytesIO(content)
    return (parquet.read_table(buffer) if form == "parquet" else ipc.open_file(buffer).read_all()).to_pylist()


@pytest.mark.slow
@pytest.mark.parametrize("media_type", FORMS)
def test_rows_of_each_form_are_predicted_in_chunks(
    client: httpx.Client, frame: pandas.DataFrame, media_type: str
) -> None:
    body = FORMS[media_type](frame)
    found = predicted(client, "tree", body, media_type, "?keep=id&format=jsonl")
    assert found.lines == [{"id": n, "prediction": int(n % 4 > 1)} for n in range(ROWS)] or media_type == CSV
    if media_type == CSV:  # whose cells are text
        assert found.lines == [{"id": str(n), "prediction": int(n % 4 > 1)} for n in range(ROWS)]
    assert (found.result["rows"], found.result["failed"], found.result["errors"]) == (ROWS, 0, [])
    assert found.job["kind"] == "batch"
    assert found.job["progress"]["done"] == found.job["progress"]["total"] == ROWS


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow", "jsonl"])
def test_answers_have_the_form_that_is_asked_for(client: httpx.Client, form: str) -> None:
    body = b"a,note\n1,x\n13,y\n3,\n"
    found = predicted(client, "sums", body, CSV, f"?format={form}&keep=a")
    rows = table_of(found.content, form)
    assert found.result["artifact"] == f"predictions.{form}"
    if form == "jsonl":
        assert rows == [
            {"a": "1", "prediction": {"sum": 2.0, "note": "x"}},
            {"a": "13", "error": {"status": 500, "detail": "13 is unlucky"}},
            {"a": "3", "prediction": {"sum": 4.0, "note": None}},
        ]
        return
    nothing, number = ("", str) if form == "csv" else (None, float)
    assert rows == [
        {"a": "1", "prediction.sum": number(2.0), "prediction.note": "x", "error": nothing},
        {"a": "13", "prediction.sum": nothing, "prediction.note": nothing, "error": "13 is unlucky"},
        {"a": "3", "prediction.sum": number(4.0), "prediction.note": nothing, "error": nothing},
    ]


@pytest.mark.slow
def test_the_form_is_that_of_the_rows_or_by_accept(client: httpx.Client) -> None:
    body = b"a\n1\n"
    assert predicted(client, "sums", body).result["media_type"] == CSV
    assert predicted(client, "sums", body, accept="*/*").result["media_type"] == CSV
    assert predicted(client, "sums", body, accept=LINES).result["media_type"] == LINES
    assert predicted(client, "sums", body, accept="application/x-parquet").result["media_type"] == PARQUET
    refused = post(client, "sums", body, accept="image/png")
    assert (refused.status_code, "image/png" in refused.json()["detail"]) == (406, True)


def test_types_of_a_column_hold_all_that_it_has(client: httpx.Client) -> None:
    lines = [
        {"x": 1, "y": [1, 2], "z": 1},
        {"x": 2.5, "y": [0.5], "z": "a"},
        {"x": None, "y": None, "z": [1]},
    ]
    body = b"".join(json.dumps({"a": 1, **line}).encode() + b"\n" for line in lines)
    found = predicted(client, "sums", body, LINES, "?keep=x,y&keep=z&format=parquet")
    kept = [{name: row[name] for name in "xyz"} for row in table_of(found.content, "parquet")]
    assert kept == [
        {"x": 1.0, "y": [1.0, 2.0], "z": "1"},
        {"x": 2.5, "y": [0.5], "z": "a"},
        {"x": None, "y": None, "z": "[1]"},
    ]


@pytest.mark.slow
def test_each_kind_of_model_gets_its_rows(client: httpx.Client) -> None:
    body = b"".join(b'{"a": %d}\n' % number for number in range(20))
    together = predicted(client, "together", body, LINES).lines
    sizes = [8] * 8 + [1] * 8 + [4] * 4  # those beside the 13th are tried one by one
    assert [line.get("prediction") for line in together] == [
        None if n == 13 else [n, size] for n, size in zip(range(20), sizes, strict=True)
    ]
    beside = predicted(client, "beside", body, LINES).lines
    assert [line["prediction"] for line in beside] == list(range(20))
    rows = predicted(client, "rows", body, LINES).lines
    assert [line["prediction"] for line in rows] == [2.0 * n for n in range(20)]
    tables = predicted(client, "tables", body, LINES, "?times=3").lines
    assert [line.get("prediction") for line in tables] == [None if n == 13 else 3.0 * n for n in range(20)]
    assert tables[13]["error"] == {"status": 500, "detail": "13 is unlucky"}


def test_a_cell_that_does_not_fit_costs_its_row_alone(client: httpx.Client) -> None:
    cells = ["1", "x", "3", "y", "5"] * 1000
    body = "a,b\n" + "".join(f"{cell},1\n" for cell in cells)
    found = predicted(client, "tree", body.encode(), CSV, "?format=jsonl")
    assert (found.result["succeeded"], found.result["failed"]) == (3000, 2000)
    assert [error["row"] for error in found.result["errors"]] == [1, 3, 6, 8, 11, 13, 16, 18, 21, 23]
    for number, line in enumerate(found.lines):
        if number % 5 in (1, 3):
            assert line == {"error": {"status": 422, "detail": "a: Input should be a valid number"}}
        else:
            assert line == {"prediction": int(number % 5 > 1)}


def test_the_first_row_that_fails_may_end_the_job(client: httpx.Client) -> None:
    found = predicted(client, "sums", b"a\n1\n13\n3\n", CSV, "?on_error=fail")
    assert (found.job["state"], found.job["status"]) == ("failed", 500)
    assert found.job["error"] == "row 1 failed: 13 is unlucky"
    good = predicted(client, "sums", b"a\n1\n3\n", CSV, "?on_error=fail")
    assert good.content == b"prediction.sum,prediction.note\n2.0,\n4.0,\n"


@pytest.mark.slow
def test_a_model_that_fails_for_every_row_fails_the_job(client: httpx.Client) -> None:
    for rows in (3, 5000):
        found = predicted(client, "broken", b"a\n" + b"1\n" * rows)
        assert (found.job["state"], found.job["status"]) == ("failed", 500)
        assert "no device" in found.job["error"]
    log = client.get(f"/v2/jobs/{found.job['id']}/log").text
    assert log.count("RuntimeError: no device") <= 11


def test_a_model_that_does_not_predict_row_by_row_is_told_of(client: httpx.Client) -> None:
    found = predicted(client, "means", b"a\n1\n2\n")
    assert (found.job["state"], found.job["status"]) == ("failed", 500)
    assert found.job["error"] == "the model does not predict row by row: it answered 2 rows with no list"


def test_no_rows_have_no_predictions(client: httpx.Client) -> None:
    found = predicted(client, "tree", b"a,b\n")
    assert (found.job["state"], found.result["rows"], found.content) == (
        "succeeded",
        0,
        b"prediction,error\n",
    )
    blank = predicted(client, "sums", b"\n\n", LINES)
    assert (blank.result["rows"], blank.content) == (0, b"")


@pytest.mark.slow
def test_the_progress_is_told_chunk_by_chunk(client: httpx.Client, frame: pandas.DataFrame) -> None:
    job_id = begun(client, "tree", as_parquet(frame.drop(columns="id")), PARQUET, "?chunk_rows=5000")
    said = [(e["done"], e["total"]) for e in events(client, job_id) if e["event"] == "progress"]
    assert said[-1] == (ROWS, ROWS)
    assert {total for _, total in said} == {ROWS}
    assert [done for done, _ in said] == sorted(done for done, _ in said)
    assert outcome(client, job_id).result["rows"] == ROWS
    of_lines = begun(client, "sums", b'{"a": 1}\n' * 600, LINES)
    said = [(e["done"], e["total"]) for e in events(client, of_lines) if e["event"] == "progress"]
    assert {total for _, total in said} <= {None, 600}
    assert said[-1] == (600, 600)


def test_the_same_request_is_the_same_job(client: httpx.Client) -> None:
    key = {"idempotency_key": "tuesday"}
    first = begun(client, "sums", b"a\n1\n", **key)
    assert begun(client, "sums", b"a\n1\n", **key) == first
    for body, query in ((b"a\n2\n", ""), (b"a\n1\n", "?format=jsonl"), (b"a\n1\n", "?b=3")):
        refused = post(client, "sums", body, CSV, query, **key)
        assert (refused.status_code, "was used for another request" in refused.text) == (422, True)
    assert ended(client, first)["state"] == "succeeded"
    assert client.get("/v2/jobs?kind=batch&model=sums&limit=1").json()["jobs"][0]["kind"] == "batch"
