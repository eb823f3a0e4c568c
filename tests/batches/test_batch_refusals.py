"""Batch jobs that are not begun, and rows that are hostile or broken."""

from __future__ import annotations

import io
import json
from pathlib import Path

import httpx
import pyarrow
import pytest
from batch_calls import ARROW, CSV, LINES, PARQUET, post, predicted
from pyarrow import ipc, parquet
from serving import serving

LARGE = "x" * 200_000


def refused(answer: httpx.Response, status: int, words: str) -> None:
    assert answer.status_code == status, answer.text
    assert words in answer.text


def as_parquet(columns: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


def test_columns_are_looked_at_before_there_is_a_job(client: httpx.Client) -> None:
    before = len(client.get("/v2/jobs?limit=500").json()["jobs"])
    refused(post(client, "sums", b"note\nx\n"), 422, '"a":["Missing data for required field."]')
    refused(post(client, "sums", b"a,bb\n1,2\n"), 422, '"bb":["Unknown argument')
    refused(post(client, "tree", b"a,c\n1,2\n"), 422, '"c":["Unknown field."]')
    refused(post(client, "tree", b"a\n1\n"), 422, '"b":["Missing data for required field."]')
    refused(post(client, "tree", as_parquet({"a": [1.0]}), PARQUET), 422, '"b":["Missing data')
    refused(post(client, "sums", b"a\n1\n", CSV, "?keep=id"), 422, "There is no column 'id'; there is: a")
    refused(post(client, "sums", b"a,error\n1,2\n", CSV, "?keep=error"), 422, "a column 'error' of its own")
    assert len(client.get("/v2/jobs?limit=500").json()["jobs"]) == before


def test_rows_that_are_looked_at_leave_no_file_open() -> None:
    with serving("sums=batch_models:Sums", "--workers", "0") as server:  # which looks in its own process
        for body, status in [(b"note\nx\n", 422), (b"a,a\n1,2\n", 422), (b"a\n1\n", 202)] * 3:
            assert post(server.client, "sums", body).status_code == status
            assert post(server.client, "sums", b'{"a": 1}\n', LINES, "?keep=error").status_code == 422
        opened = [str(place.resolve()) for place in Path(f"/proc/{server.process.pid}/fd").iterdir()]
        assert [place for place in opened if place.removesuffix(" (deleted)").endswith("/body")] == []


def test_options_are_looked_at_before_there_is_a_job(client: httpx.Client) -> None:
    body = b"a\n1\n"
    refused(post(client, "sums", body, CSV, "?format=xlsx"), 422, "is none of csv, parquet, arrow, jsonl")
    refused(post(client, "sums", body, CSV, "?on_error=stop"), 422, "is none of keep, fail")
    refused(post(client, "sums", body, CSV, "?chunk_rows=0"), 422, "chunk_rows")
    refused(post(client, "sums", body, CSV, "?format=csv&format=csv"), 422, "is there 2 times")
    refused(post(client, "sums", body, CSV, "?b=x"), 422, '"b":["Input should be a valid number')
    refused(post(client, "sums", body, CSV, "?c=1"), 422, '"c":["Unknown argument')
    refused(post(client, "sums", body, CSV, "?a=1"), 422, "It is a column of the table, and in the query")
    refused(post(client, "tree", body, CSV, "?method=x"), 422, '"method":["Unknown argument')
    refused(post(client, "sums", body, CSV, job_priority="high"), 422, "priority")
    refused(post(client, "nobody", body), 404, "nobody")


def test_a_body_that_is_no_table_is_refused(client: httpx.Client) -> None:
    refused(post(client, "sums", b"", CSV), 400, "the body is empty")
    refused(post(client, "sums", iter([b""]), CSV), 422, "The body is empty")
    refused(post(client, "sums", b'{"a": 1}', "application/json"), 415, "it takes text/csv")
    refused(post(client, "sums", b"a\n1\n", "text/csv; charset=latin-1"), 415, "read as UTF-8")
    refused(post(client, "sums", b"1,2\n3,4\n"), 422, "The first line of the CSV is numbers")
    refused(post(client, "sums", b"a,a\n1,2\n"), 422, "the column 'a' twice")
    whole = as_parquet({"a": list(range(5000))})
    refused(post(client, "sums", whole[:-9], PARQUET), 422, "cut off or broken")
    refused(post(client, "sums", b"PAR1", PARQUET), 422, "cut off or broken")
    refused(post(client, "sums", b"not Arrow", ARROW), 422, "The Arrow data cannot be read")
    nested = as_parquet({"a": [{"b": 1}]})
    refused(post(client, "sums", nested, PARQUET), 422, "The column 'a' has the type struct")


def test_a_broken_line_costs_its_row_alone(client: httpx.Client) -> None:
    lines = [
        b'\xef\xbb\xbf{"a": 1}\r\n', b"\r\n", b'{"a": \r\n', b"[1]\n", b'{"a": 1, "a": 2}\n', b'{"a": NaN}\n',
        b'{"a": "\xff"}\n', b'{"note": "\\u0000", "a": 1}\n', b"[" * 100_000 + b"\n", b'{"a": 2}',
    ]  # fmt: skip
    found = predicted(client, "sums", b"".join(lines), LINES).lines
    assert [line.get("prediction", {}).get("sum") for line in found] == [2.0, *[None] * 7, 3.0]
    assert [line["error"]["status"] for line in found[1:8]] == [400, 422, 400, 400, 400, 400, 400]
    assert "not valid JSON" in found[1]["error"]["detail"]
    assert "not a list" in found[2]["error"]["detail"]
    assert found[3]["error"]["detail"] == "the line has the key 'a' twice"
    assert "nested deeper" in found[7]["error"]["detail"]


def test_a_broken_row_of_a_csv_costs_itself_alone(client: httpx.Client) -> None:
    body = b'\xef\xbb\xbfa,note\r\n1,"x\r\ny"\r\n\r\n2\r\n3,1,2\r\n4,\xff\r\n5,\0\r\n6,ok'
    found = predicted(client, "sums", body, CSV, "?format=jsonl").lines
    assert found == [
        {"prediction": {"sum": 2.0, "note": "x\r\ny"}},
        {"error": {"status": 422, "detail": "the row has 1 values, its header 2"}},
        {"error": {"status": 422, "detail": "the row has 3 values, its header 2"}},
        {"error": {"status": 422, "detail": "the row is not UTF-8 text"}},
        {"error": {"status": 422, "detail": "the row holds a NUL character"}},
        {"prediction": {"sum": 7.0, "note": "ok"}},
    ]


def test_quotes_that_do_not_end_fail_the_job(client: httpx.Client) -> None:
    for body in (b'a,note\n1,x\n2,"y\n3,z\n', b'a,note\n1,"x"y\n', b"a,note\n1,%s\n" % LARGE.encode()):
        found = predicted(client, "sums", body)
        assert (found.job["state"], found.job["status"]) == ("failed", 422)
        assert "The CSV cannot be read (line " in found.job["error"]


def test_parquet_that_is_broken_inside_fails_the_job(client: httpx.Client) -> None:
    content = bytearray(as_parquet({"a": list(range(50_000))}))
    content[200:400] = b"\xff" * 200
    found = predicted(client, "sums", bytes(content), PARQUET)
    assert (found.job["state"], found.job["status"]) == ("failed", 422)
    assert "The Parquet file" in found.job["error"]


@pytest.mark.slow
def test_what_unpacks_to_too_much_is_refused(client: httpx.Client) -> None:
    text = pyarrow.table({"a": ["x" * (1 << 20)] * 300})
    bomb = io.BytesIO()
    parquet.write_table(
        text, bomb, compression="zstd", use_dictionary=False, data_page_size=1 << 30, write_batch_size=300
    )
    assert len(bomb.getvalue()) < 1 << 20
    found = predicted(client, "sums", bomb.getvalue(), PARQUET)
    assert (found.job["state"], found.job["error"]) == (
        "failed",
        "The Parquet file unpacks to more than 256 MiB",
    )
    packed = io.BytesIO()
    options = ipc.IpcWriteOptions(compression="zstd")
    with ipc.new_stream(packed, text.schema, options=options) as writer:
        writer.write_table(text)
    found = predicted(client, "sums", packed.getvalue(), ARROW)
    assert found.job["state"] == "failed"
    assert found.job["error"] == "A batch of the Arrow data unpacks to more than 256 MiB"
    nothing = pyarrow.record_batch([pyarrow.nulls(1 << 24)], names=["a"])
    endless = io.BytesIO()
    with ipc.new_stream(endless, nothing.schema) as writer:
        writer.write_batch(nothing)
    found = predicted(client, "sums", endless.getvalue(), ARROW)
    assert (found.job["state"], "claims 16777216 rows" in found.job["error"]) == ("failed", True)


def test_rows_of_json_lines_are_larger_than_a_body_of_json_may_be(client: httpx.Client) -> None:
    line = json.dumps({"a": 1, "note": "x" * 50_000}).encode() + b"\n"
    found = predicted(client, "sums", iter([line] * 300), LINES)  # 15 MB; one body may have 10
    assert found.result["succeeded"] == 300
