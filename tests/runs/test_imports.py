"""A server takes in runs that were made elsewhere, each once, and some at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from serving import Server, serving

pytestmark = pytest.mark.slow
RUNS = 1001  # one more than two times as many as are added at once
MODEL = "m=versioned:Scaler"


def imported(server: Server) -> str:
    found = server.wait_for_log(r"m: (\d+ runs from .*)")
    return found.group(1)


def test_many_runs_are_all_imported_and_only_once(tmp_path: Path) -> None:
    place = tmp_path / "runs"
    for number in range(RUNS):
        folder = place / f"{number:04d}"
        folder.mkdir(parents=True)
        (folder / "performance.json").write_text(f'{{"f1": {number}}}')
    data = {"MODELPORT_DATA_DIR": str(tmp_path / "data")}
    with serving(MODEL, "--import-runs", str(place), **data) as server:
        assert imported(server) == f"{RUNS} runs from {place}, {RUNS} of them new"
    with serving(MODEL, "--import-runs", str(place), **data) as server:
        assert imported(server) == f"{RUNS} runs from {place}, 0 of them new"
        page = server.client.get("/v2/models/m/runs?order_by=newest&top=3").json()["runs"]
        assert [run["run_id"] for run in page] == ["1000", "0999", "0998"]
