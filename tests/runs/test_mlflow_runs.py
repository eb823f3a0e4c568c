"""Runs out of a tracking store of MLflow, read by a process of their own."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from runs import mlflow_experiment
from serving import ROOT, environment, wait_until

from modelport.contract.errors import ModelLoadError
from modelport.runs.importing import import_runs
from modelport.runs.records import NewRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SECONDS = 240
SILENT = f"mlflow:silent-{os.getpid()}"  # to tell the readers of these tests from others


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracking")


@pytest.fixture(scope="module")
def made(folder: Path) -> dict[str, Any]:
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"}
    ended = subprocess.run(
        [sys.executable, mlflow_experiment.__file__],
        env=os.environ | quiet | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"},
        cwd=folder, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture(autouse=True)
def _variables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))


def imported(text: str, seconds: float = SECONDS) -> list[NewRun]:
    return asyncio.run(import_runs(text, "tagger", seconds, Path(tempfile.gettempdir())))


@pytest.fixture(scope="module")
def whole(made: dict[str, Any]) -> NewRun:
    return NewRun(
        id=made["whole"],
        model="tagger",
        source="mlflow",
        name="whole",
        started_at=3.0,
        finished_at=4.0,
        params={
            "seed": 7, "lr": 1e-05, "deep": True, "version": "007", "share": "1.50", "none": None,
            "odd": "nan", "huge": "36893488147419103232", "text": "two words",
        },
        metrics={"overall.f1": 0.7, "class/setosa/f1": 0.5, "loss": 0.25},
        performance={"overall": {"f1": 0.7, "loss": 0.25}, "class": {"setosa": {"f1": 0.5}}},
        saved=f"mlflow:models:/{made['model']}",
        environment={"python": ".".join(map(str, sys.version_info[:3])), "source": "train.py"},
        code_version="abc123",
        seed=7,
    )  # fmt: skip


def test_finished_runs_are_read_field_by_field(
    made: dict[str, Any], whole: NewRun, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "modelport.runs"):
        runs = imported("mlflow:tags")
    assert [run.name for run in runs] == ["whole", "measured", "damaged"]
    assert runs[0] == whole
    assert runs[1].performance == {"overall": {"f1": 0.8}, "class": {"a": {"f1": 1}}}
    assert runs[1].metrics == {"f1": 0.1}
    assert runs[1].saved == f"mlflow:runs:/{made['measured']}/old/model"
    assert runs[1].environment["python"] == "3.8.1"
    assert (runs[2].saved, runs[2].performance) == ("", {"overall": {"f1": 0.3}})
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith(f"run {made['damaged']}: its artifact performance.json: it is no JSON")
    assert warning.endswith("its metrics are taken instead")


def test_an_experiment_may_be_numbered_and_who_reads_it_never_imports_mlflow(
    made: dict[str, Any], tmp_path: Path
) -> None:
    program = (
        "import asyncio, sys; from modelport.runs.importing import import_runs; "
        f"runs = asyncio.run(import_runs('mlflow:{made['experiment']}', 'm', {SECONDS}, {str(tmp_path)!r})); "
        "print(*(run.name for run in runs)); "
        "print([m for m in sys.modules if m.partition('.')[0] in ('mlflow', 'numpy', 'pandas')])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=SECONDS)
    assert ended.stdout == "whole measured damaged\n[]\n", ended.stderr


NOT_THERE = {
    "mlflow:tagz": "there is no experiment 'tagz'; did you mean 'tags'?",
    "mlflow:99": "there is no experiment '99'",
    "mlflow:": "there is no experiment ''",
    "mlflow:gone": "deleted",
}


def test_an_experiment_that_is_not_there(made: dict[str, Any]) -> None:
    text = "mlflow:tagz"
    with pytest.raises(ModelLoadError) as caught:
        imported(text)
    assert NOT_THERE[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_said_of_experiments_that_are_not_there(made: dict[str, Any]) -> None:
    """All of them are asked for by one process, which imports MLflow once."""
    program = (
        "import json, sys; from modelport.runs.importing import read_runs\n"
        "from modelport.contract.errors import ModelLoadError\n"
        "for text in sys.argv[1:]:\n"
        "    try: read_runs(text, 'tagger')\n"
        "    except ModelLoadError as error: print(json.dumps([text, str(error)]))\n"
    )
    command = [sys.executable, "-c", program, *NOT_THERE]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    said = dict(map(json.loads, ended.stdout.splitlines()))
    assert list(said) == list(NOT_THERE), ended.stderr
    for text, words in NOT_THERE.items():
        assert words in said[text]
        assert "\n" not in said[text]


def test_ten_thousand_runs_are_read_by_pages(
    made: dict[str, Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "many.db"
    copy.write_bytes((folder / "mlflow.db").read_bytes())
    mlflow_experiment.add_runs(copy, 10_000)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{copy}")
    runs = imported("mlflow:tags")
    assert len({run.id for run in runs}) == 10_003
    numbers = [run.params["n"] for run in runs if run.name.startswith("copy")]
    assert sorted(numbers) == list(range(10_000))


def test_a_store_that_never_answers_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(ModelLoadError, match="not read within 1 s"):
            imported(SILENT, 1)
    assert time.monotonic() - began < SECONDS  # it did not wait for MLflow's own retries
    assert _readers() == []


def test_a_store_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"http://user:secret@127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(ModelLoadError, match="cannot be reached") as caught:
            imported("mlflow:tags")
    assert "secret" not in str(caught.value)


def test_the_reader_ends_with_its_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Killed, not stopped: nothing of the server runs any more that could end the reader."""
    program = (
        "import asyncio; from modelport.runs.importing import import_runs; "
        f"asyncio.run(import_runs({SILENT!r}, 'm', 1000, {str(tmp_path)!r}))"
    )
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        variables = environment(MLFLOW_TRACKING_URI=address)
        server = subprocess.Popen([sys.executable, "-c", program], env=variables)
        connection, _ = silent.accept()  # by now it is in the middle of it
        with connection:
            assert len(_readers()) == 1
            server.kill()
            server.wait()
            wait_until(lambda: _readers() == [], lambda: str(_readers()))


def _readers() -> list[str]:
    """The command lines of the processes that read the runs of a silent store."""
    found: list[str] = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            line = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if "-m modelport.runs.importing" in line and SILENT in line:
            found.append(line)
    return found
