"""`current_job()` outside a job: the same code runs in a notebook, and nothing is recorded."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import modelport
from modelport.contract.current_job import set_current_job


@pytest.fixture
def outside() -> Iterator[Any]:
    job = modelport.current_job()
    yield job
    shutil.rmtree(job.checkpoint_dir)
    job._own_dir = None


def test_outside_a_job_everything_works_and_nothing_happens(outside: Any, tmp_path: Path) -> None:
    assert outside is modelport.current_job()
    assert (outside.id, outside.attempt, outside.cancelled) == ("", 0, False)
    assert outside.progress(1, 10, "first") is None
    assert outside.progress(1) is None
    assert outside.log_metric("loss", math.nan, step=3) is None
    assert outside.log_metrics({"loss": 1, "accuracy": 0.5}) is None
    file = tmp_path / "file.txt"
    file.write_text("mine")
    assert outside.artifact(file) == file
    assert list(tmp_path.iterdir()) == [file]


def test_outside_a_job_checkpoints_have_a_folder_that_stays_the_same(outside: Any) -> None:
    folder = outside.checkpoint_dir
    (folder / "epoch").write_text("1")
    assert (modelport.current_job().checkpoint_dir / "epoch").read_text() == "1"


class Listener:
    """Hears what a job says."""

    def __init__(self, folder: Path):
        self.id = "j1"
        self.attempt = 2
        self.checkpoint_dir = folder / "checkpoints"
        self.artifact_dir = folder / "artifacts"
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.stop = False

    def report(self, type: str, data: dict[str, Any]) -> None:
        self.said.append((type, data))

    def is_cancelled(self) -> bool:
        return self.stop


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(tmp_path / "job")
    listener.checkpoint_dir.mkdir(parents=True)
    undo = set_current_job(listener)
    yield listener
    undo()
    assert modelport.current_job().id == ""


def test_inside_a_job_everything_is_reported(listener: Listener) -> None:
    job = modelport.current_job()
    assert (job.id, job.attempt, job.checkpoint_dir) == ("j1", 2, listener.checkpoint_dir)
    job.progress(1, 10, "first")
    job.progress(3)
    job.log_metrics({"loss": 1, "accuracy": 0.5}, step=4)
    assert listener.said == [
        ("progress", {"done": 1.0, "total": 10.0, "message": "first"}),
        ("progress", {"done": 3.0, "total": None, "message": ""}),
        ("metric", {"name": "loss", "value": 1.0, "step": 4}),
        ("metric", {"name": "accuracy", "value": 0.5, "step": 4}),
    ]
    assert not job.cancelled
    listener.stop = True
    assert job.cancelled


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize(
    ("done", "total"),
    [(-1, None), (1, -1), (math.nan, None), (1, math.inf), ("many", None), (10**400, None), (1, 10**400)],
)
def test_numbers_that_are_no_progress_are_refused_everywhere(
    request: pytest.FixtureRequest, inside: bool, done: Any, total: Any
) -> None:
    if inside:
        request.getfixturevalue("listener")
    with pytest.raises(ValueError):
        modelport.current_job().progress(done, total)


@pytest.mark.parametrize("name", ["", 3, None])
def test_a_metric_needs_a_name(listener: Listener, name: Any) -> None:
    with pytest.raises(ValueError, match="the name must be a text"):
        modelport.current_job().log_metric(name, 1)
    assert listener.said == []


def test_a_metric_that_is_no_number_is_refused(listener: Listener) -> None:
    with pytest.raises(ValueError):
        modelport.current_job().log_metric("loss", "low")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="log_metric: 'loss' is too large for a float, which ends at"):
        modelport.current_job().log_metric("loss", 10**400)
    assert listener.said == []


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", ".", "a\0b"])
def test_an_artifact_stays_inside_the_job(listener: Listener, tmp_path: Path, name: str) -> None:
    file = tmp_path / "file.txt"
    file.write_text("x")
    with pytest.raises(ValueError, match="is no name inside the job"):
        modelport.current_job().artifact(file, name)
    assert listener.said == []
    assert not listener.artifact_dir.exists()


def test_an_artifact_is_kept_as_it_was(listener: Listener, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("first")
    kept = modelport.current_job().artifact(file)
    file.write_text("second")
    assert kept.read_text() == "first"
    assert modelport.current_job().artifact(file, "deep/in/it.txt").read_text() == "second"
    assert listener.said == [
        ("artifact", {"path": "file.txt", "size": 5}),
        ("artifact", {"path": "deep/in/it.txt", "size": 6}),
    ]


def test_an_artifact_that_is_not_there_is_an_error(listener: Listener, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        modelport.current_job().artifact(tmp_path / "nothing")
    assert listener.said == []
    assert not any(path.is_file() for path in listener.artifact_dir.rglob("*"))
