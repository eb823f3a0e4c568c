"""Damaged models of MLflow are refused with one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli.cli_process import modelport
from mlflow_refusals import error_line, refusals

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

# What is in the file MLmodel, and what is said of it.
DAMAGED = {
    None: "there is no file MLmodel",
    "flavors: [1]": "damaged",
    "{a: " * 3000: "damaged",
    "flavors: {spacy: {data: x}}": "no flavor that can be served (it has: spacy)",
    "flavors: {sklearn: {pickled_model: ../outside.skops}}": "outside of the model",
    "flavors: {sklearn: {pickled_model: nothing.skops}}": "there is no such file",
    "flavors: {sklearn: {}}": "does not name the model's file",
    "flavors: {sklearn: {pickled_model: model.skops}}\nsignature: {inputs: '[1'}": "signature are damaged",
}
RUNS = [f"a{number:031x}" for number, _ in enumerate(DAMAGED)]


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose runs have such models, as they may lie in the artifacts of a run."""
    folder = tmp_path_factory.mktemp("damaged")
    _experiment_in_files(folder)
    for run, content in zip(RUNS, DAMAGED, strict=True):
        place = _run_in_files(folder, run)
        (place.parents[1] / "outside.skops").write_bytes(b"")
        if content is not None:
            (place / "MLmodel").write_text(content)
    return folder


@pytest.fixture(scope="module")
def said(damaged: Path) -> list[str]:
    """Why each of them cannot be loaded."""
    sources = [f"mlflow:runs:/{run}/model" for run in RUNS]
    return refusals(sources, MLFLOW_TRACKING_URI=f"file:{damaged}")


@pytest.mark.parametrize("number", range(len(DAMAGED)))
def test_what_is_wrong_with_a_damaged_model_is_said(said: list[str], number: int) -> None:
    words = list(DAMAGED.values())[number]
    assert words in said[number]
    assert "\n" not in said[number]


@pytest.mark.parametrize("number", [0, 2])
def test_a_damaged_model_is_one_line(damaged: Path, number: int) -> None:
    source = f"mlflow:runs:/{RUNS[number]}/model"
    ended = modelport("serve", "--port", "0", source, MLFLOW_TRACKING_URI=f"file:{damaged}")
    assert ended.returncode == 2
    assert list(DAMAGED.values())[number] in error_line(ended.stderr)


def _experiment_in_files(folder: Path) -> None:
    """A store in files, as MLflow 2 has written them."""
    (folder / "1").mkdir()
    (folder / "1" / "meta.yaml").write_text(
        f"artifact_location: file:{folder / '1'}\nexperiment_id: '1'\nlifecycle_stage: active\nname: old\n"
        "creation_time: 1\nlast_update_time: 1\n"
    )


def _run_in_files(folder: Path, name: str) -> Path:
    """A run in its experiment; returns the folder of its model."""
    run = folder / "1" / name
    place = run / "artifacts" / "model"
    place.mkdir(parents=True)
    for kind in ("params", "metrics", "tags"):
        (run / kind).mkdir()
    (run / "meta.yaml").write_text(
        f"artifact_uri: file:{run}/artifacts\nend_time: 2000\nentry_point_name: ''\nexperiment_id: '1'\n"
        f"lifecycle_stage: active\nrun_id: {name}\nrun_name: old\nrun_uuid: {name}\n"
        "source_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: 1000\nstatus: 3\ntags: []\n"
        "user_id: ''\n"
    )
    return place
