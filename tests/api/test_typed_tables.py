"""Tables of typed models: the same in every form, and bounded before they are unpacked."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
from serving import Server
from v2_target import Predict

from modelport import Table

FRAME = pd.DataFrame({"code": ["01234", "00900"], "number": [1.5, None], "flag": [True, False]})
ROWS: list[list[Any]] = [["01234", 1.5, True], ["00900", None, False]]
MOST_MEMORY = 500 << 20  # bytes of a worker


def parquet() -> bytes:
    buffer = io.BytesIO()
    FRAME.to_parquet(buffer)
    return buffer.getvalue()


def arrow() -> bytes:
    buffer = io.BytesIO()
    FRAME.to_feather(buffer, compression="uncompressed")
    return buffer.getvalue()


FORMS: dict[str, bytes] = {
    "t.csv": FRAME.to_csv(index=False).encode(),
    "t.parquet": parquet(),
    "t.arrow": arrow(),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_typed_table_is_the_same_in_every_form(predict: Predict, name: str) -> None:
    answer = predict("files", files={"table": (name, FORMS[name])})
    assert answer.json()["table"] == [list(FRAME.columns), ROWS]


def test_a_table_is_a_frame_as_it_was_sent() -> None:
    table = Table.from_csv(FORMS["t.csv"].decode())
    pd.testing.assert_frame_equal(table.to_pandas(), FRAME)


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2.5", ""], [1, 2.5, None]),
        (["1", "x", " "], [1, "x", " "]),
        (["12345678901234567", "-0.5"], [12345678901234567, -0.5]),
        (["True", "FALSE", ""], [True, False, None]),
        (["True", "yes"], ["True", "yes"]),
        (["True", "1"], ["True", 1]),
        (["007", "12", ""], ["007", "12", ""]),
        (["0", "0.5"], [0, 0.5]),
        (["1_0", "inf", "٣"], ["1_0", "inf", "٣"]),
    ],
)
def test_the_cells_of_a_csv_are_what_its_reader_expects(cells: list[str], values: list[Any]) -> None:
    table = Table.from_csv("\n".join(["x,y", *(f'"{cell}",a' for cell in cells)]))
    assert [row[0] for row in table.rows] == values
    assert [type(row[0]) for row in table.rows] == [type(value) for value in values]


@pytest.mark.parametrize(
    "content", [b"a\n" + b"1\n" * 20_000_000, b"," * 50_000_000], ids=["rows of one cell", "commas"]
)
def test_a_table_of_too_many_cells_costs_its_worker_no_memory(site: Server, content: bytes) -> None:
    answer = site.client.post("/v2/models/files/predict/", files={"table": ("t.csv", content)})
    assert answer.status_code == 422, answer.text
    assert "more than 10000000 cells" in answer.json()["table"][0]
    assert peaks(site) < MOST_MEMORY


def peaks(site: Server) -> int:
    """The most memory in bytes that any worker of the server has ever had, as the kernel counts it."""
    found = 0
    for worker in psutil.Process(site.process.pid).children():
        lines = Path(f"/proc/{worker.pid}/status").read_text().splitlines()
        found = max(found, *(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM")))
    return found


@pytest.mark.parametrize("rows", [[{"a": 1}] * 1_000_001, {"columns": ["a"], "rows": [[1]] * 1_000_001}])
def test_tables_in_json_have_the_same_limit(rows: Any) -> None:
    with pytest.raises(ValueError, match="at most 1000000 rows"):
        Table.from_value(rows)
    with pytest.raises(ValueError, match="at most 1000000 rows"):
        Table.from_text(json.dumps(rows))
