"""`modelport predict SOURCE TABLE` predicts the rows of a file as a batch job of a server does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pandas
import pytest
from cli_process import modelport
from pyarrow import parquet
from serving import MODELS, environment

SUMS = f"{MODELS / 'batch_models.py'}:Sums"
TABLES = f"{MODELS / 'batch_models.py'}:Tables"
LINES = b'{"prediction":{"sum":2.0,"note":null}}\n{"prediction":{"sum":3.0,"note":null}}\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same two rows in each form, and others."""
    folder = tmp_path_factory.mktemp("tables")
    frame = pandas.DataFrame({"a": [1, 2]})
    frame.to_csv(folder / "rows.csv", index=False)
    frame.to_parquet(folder / "rows.parquet")
    frame.to_feather(folder / "rows.arrow")
    (folder / "rows.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    (folder / "some.csv").write_text("id,a\nx,1\ny,13\nz,z\n")
    (folder / "rows.xlsx").write_text("no")
    (folder / "empty.csv").write_text("")
    return folder


@pytest.mark.parametrize("ending", ["csv", "parquet", "arrow", "jsonl"])
def test_files_are_read_and_written_by_their_endings(folder: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / "out.jsonl"
    run = modelport("predict", SUMS, f"rows.{ending}", "-o", str(target), cwd=folder)
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
    assert f"wrote 2 rows to {target}, of which none failed" in run.stderr
    assert target.read_bytes() == LINES


def test_a_parquet_file_comes_of_a_csv(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    run = modelport("predict", TABLES, "rows.csv", "--times", "3", "-o", str(target), cwd=folder)
    assert run.returncode == 0, run.stderr
    found = parquet.read_table(target)
    assert found.to_pydict() == {"prediction": [3.0, 6.0], "error": [None, None]}


def test_answers_go_to_stdout_without_a_file(folder: Path) -> None:
    run = modelport("predict", SUMS, "rows.parquet", cwd=folder, text=False)
    assert (run.returncode, run.stdout) == (0, LINES)
    run = modelport("predict", SUMS, "rows.csv", "--b", "0.5", cwd=folder)
    assert run.stdout == "prediction.sum,prediction.note,error\n1.5,,\n2.5,,\n"


def test_rows_that_fail_are_told_of(folder: Path) -> None:
    run = modelport("predict", SUMS, "some.csv", "--keep", "id", "-a", "application/jsonl", cwd=folder)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(line["id"], "error" in line) for line in lines] == [("x", False), ("y", True), ("z", True)]
    assert "wrote 3 rows, of which 2 failed" in run.stderr
    assert "row 1: 13 is unlucky" in run.stderr
    assert "Traceback" not in run.stderr
    run = modelport("predict", SUMS, "some.csv", "--keep", "id", "--on-error", "fail", cwd=folder)
    assert (run.returncode, run.stdout) == (1, "")
    assert "Error: some.csv: row 1 failed: 13 is unlucky" in run.stderr


WRONG = {
    "no such file": (["nothing.csv"], "File 'nothing.csv' does not exist"),
    "no table": (["rows.xlsx"], "the name of a table ends in one of .csv, "),
    "no form": (["rows.csv", "-o", "out.xlsx"], "the name of out.xlsx ends in one of .csv, "),
    "the table itself": (["rows.csv", "-o", "./rows.csv"], "rows.csv is the table that is predicted"),
    "no folder": (["rows.csv", "-o", "nowhere/out.csv"], "there is no folder 'nowhere'"),
    "an unknown column": (["some.csv"], "; there is: a, b, note, log, gate. With keep, the answer has"),
    "nothing in it": (["empty.csv"], "empty.csv: The body is empty"),
    "a wrong constant": (["rows.csv", "--b", "x"], "rows.csv: b: Input should be a valid number"),
    "an option without a table": (["--a", "1", "--keep", "id"], "--keep is for a table"),
    "a number of rows": (["rows.csv", "--chunk-rows", "0"], "0 is not in the range"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_before_a_row_is_predicted(folder: Path, case: str) -> None:
    arguments, words = WRONG[case]
    run = modelport("predict", SUMS, *arguments, cwd=folder)
    assert (run.returncode, run.stdout) == (2, ""), run.stderr
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_a_bar_shows_the_progress_on_a_terminal(folder: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "modelport", "predict", SUMS, "rows.parquet", "-o", "out.csv"]
    variables = environment() | {"COLUMNS": "100", "TERM": "xterm"}
    (tmp_path / "rows.parquet").write_bytes((folder / "rows.parquet").read_bytes())
    with subprocess.Popen(command, cwd=tmp_path, env=variables, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:  # the end of the terminal
                break
        assert process.wait(60) == 0
    os.close(ours)
    assert "━" in shown.decode()
    assert "2/2" in shown.decode()
    assert (tmp_path / "out.csv").read_text().startswith("prediction.sum,")
