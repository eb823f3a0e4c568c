"""Batch jobs through the client: a file of rows is streamed, and its answers are an artifact."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest
from client_target import MakeClient
from serving import Server, serving

from modelport.client import ArgumentsRefused, NotFound


@pytest.fixture(scope="module")
def batch_server() -> Iterator[Server]:
    with serving("sums=batch_models:Sums") as server:
        yield server


@pytest.fixture
def client(make_client: MakeClient, batch_server: Server) -> Any:
    return make_client(batch_server.url)


def test_a_file_of_rows_becomes_a_file_of_answers(client: Any, tmp_path: Path) -> None:
    rows = tmp_path / "rows.parquet"
    pandas.DataFrame({"a": range(100_000), "id": range(100_000)}).to_parquet(rows)
    job = client.submit_rows("sums", rows, b=0.5, keep=["id"], format="csv", chunk_rows=1000)
    assert (job.kind, job.model) == ("batch", "sums")
    result = job.result()
    assert (result["rows"], result["failed"], result["errors"][0]["row"]) == (100_000, 1, 13)
    assert job.progress.done == job.progress.total == 100_000
    saved = job.artifact(result["artifact"]).save(tmp_path / "out.csv")
    answers = pandas.read_csv(saved)
    assert list(answers["id"]) == list(range(100_000))
    assert [n for n, failed in enumerate(answers["error"].notna()) if failed] == [13]
    assert list(answers["prediction.sum"])[-1] == 99_999.5


def test_the_same_key_gives_the_same_job(client: Any, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"a": 1}\n')
    first = client.submit_rows(None, str(rows), idempotency_key="rows", priority=3)
    assert first.priority == 3
    assert client.submit_rows("sums", rows, idempotency_key="rows", priority=3).id == first.id
    assert next(job.id for job in client.jobs(kind="batch")) == first.id


def test_what_is_wrong_is_raised(client: Any, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("b\n1\n")
    with pytest.raises(ArgumentsRefused, match="a: Missing data"):
        client.submit_rows("sums", rows)
    with pytest.raises(NotFound):
        client.submit_rows("nobody", rows)
    with pytest.raises(ValueError, match="rows.xlsx: the name of a table ends in one of .csv, "):
        client.submit_rows("sums", tmp_path / "rows.xlsx")
    with pytest.raises(FileNotFoundError):
        client.submit_rows("sums", tmp_path / "nothing.csv")
