"""Runs that are kept as folders."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import skops.io
from sklearn.linear_model import LogisticRegression

from modelport.contract.errors import ModelLoadError
from modelport.runs.directory_runs import read_folder
from modelport.runs.records import NewRun

PERFORMANCE = {
    "overall": {"precision": 0.84, "recall": 0.6, "f1": 0.68, "num_samples": 217},
    "class": {"nlp": {"f1": 0.7}},
    "slices": {"short": {"f1": 0.5}},
}


def made(folder: Path, params: Any = None, performance: Any = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in (("params.json", params), ("performance.json", performance)):
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            (folder / name).write_text(text)
    return folder


def saved_model(path: Path) -> Path:
    skops.io.dump(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), path)
    return path


def read(folder: Path) -> tuple[list[NewRun], list[str]]:
    warnings: list[str] = []
    return read_folder(str(folder), "tags", warnings), warnings


def test_a_folder_of_runs_is_read_field_by_field(tmp_path: Path) -> None:
    first = made(tmp_path / "2021-03-21", {"hidden_dim": 443, "seed": 7, "lr": 1e-4}, PERFORMANCE)
    os.utime(first / "params.json", (100, 100))
    os.utime(first / "performance.json", (200, 200))
    model = saved_model(first / "classifier.skops")
    made(tmp_path / "only params", {"a": [1, {"b": None}]})
    made(tmp_path / "no run").joinpath("notes.txt").write_text("x")
    (tmp_path / "README").write_text("x")
    runs, warnings = read(tmp_path)
    assert warnings == []
    assert runs[0] == NewRun(
        id="2021-03-21",
        model="tags",
        source="directory",
        name="2021-03-21",
        finished_at=200.0,
        params={"hidden_dim": 443, "seed": 7, "lr": 1e-4},
        metrics={"precision": 0.84, "recall": 0.6, "f1": 0.68, "num_samples": 217.0},
        performance=PERFORMANCE,
        saved=str(model),
        seed=7,
    )
    assert [(run.name, run.params, run.saved) for run in runs[1:]] == [
        ("only params", {"a": [1, {"b": None}]}, "")
    ]


@pytest.mark.parametrize(
    ("params", "seed"),
    [
        ({"seed": 1, "random_state": 2}, 1),
        ({"random_state": 2, "random_seed": 3}, 2),
        ({"seed": None, "random_seed": 3}, 3),
        ({"seed": True, "random_state": "2", "random_seed": 0.5}, None),
    ],
)
def test_a_seed_has_one_of_three_names_and_is_an_integer(
    tmp_path: Path, params: dict[str, Any], seed: int | None
) -> None:
    runs, _ = read(made(tmp_path / "run", params))
    assert [run.seed for run in runs] == [seed]


def test_one_run_is_named_by_its_own_folder(tmp_path: Path) -> None:
    folder = made(tmp_path / "best", performance={"f1": 0.5})
    runs, _ = read(folder)
    assert [(run.id, run.metrics) for run in runs] == [("best", {"f1": 0.5})]
    assert runs == read(tmp_path)[0]


def test_ids_are_safe_stable_and_not_shared(tmp_path: Path) -> None:
    names = ["a b", "a/b".replace("/", "?"), "a-b", "ü", "x" * 200, "..."]
    for name in names:
        made(tmp_path / name, {"name": name})
    runs, _ = read(tmp_path)
    ids = {str(run.params["name"]): run.id for run in runs}
    assert len(set(ids.values())) == len(names)
    assert all(id.isascii() and 0 < len(id) <= 110 and "/" not in id for id in ids.values())
    assert ids["a-b"] == "a-b"
    assert ids["a b"] == "a-b-c8687a08"  # whatever else lies beside it


def test_numbers_that_are_none_are_left_out(tmp_path: Path) -> None:
    text = '{"overall": {"f1": NaN, "loss": Infinity, "recall": 0.5}, "all": [NaN, 1]}'
    made(tmp_path / "r", params='{"big": 36893488147419103232, "x": NaN}', performance=text)
    (run,), _ = read(tmp_path)
    assert run.metrics == {"recall": 0.5}
    assert run.performance == {"overall": {"recall": 0.5}, "all": [None, 1]}
    assert run.params == {"big": "36893488147419103232"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("", "no JSON"),
        ("[1]", "no JSON object"),
        ('{"a": ' * 100 + "1" + "}" * 100, "nested more than 32 deep"),
        ('{"a": ' * 100_000, "no JSON"),
        ('{"a": "' + "x" * (8 << 20) + '"}', "over 8 MiB"),
        ("\x00\x01\x02", "no JSON"),
    ],
)
def test_a_damaged_run_is_named_and_left_out(tmp_path: Path, text: str, words: str) -> None:
    damaged = made(tmp_path / "bad", {"a": 1}, text)
    with pytest.raises(ModelLoadError, match="none of its 1 runs"):
        read(tmp_path)
    made(tmp_path / "good", {"a": 1})
    runs, warnings = read(tmp_path)
    assert [run.id for run in runs] == ["good"]
    assert len(warnings) == 1
    assert str(damaged / "performance.json") in warnings[0]
    assert words in warnings[0]
    with pytest.raises(ModelLoadError) as caught:  # it alone was asked for
        read(damaged)
    assert words in str(caught.value)


def test_links_out_of_a_run_are_not_followed(tmp_path: Path) -> None:
    outside = made(tmp_path / "outside", {"secret": 1})
    saved_model(outside / "model.skops")
    runs = tmp_path / "runs"
    made(runs / "linked").joinpath("params.json").symlink_to(outside / "params.json")
    made(runs / "broken").joinpath("params.json").symlink_to(tmp_path / "nothing")
    made(runs / "loop").joinpath("params.json").symlink_to(runs / "loop" / "params.json")
    (runs / "whole").symlink_to(outside)
    good = made(runs / "good", {"a": 1})
    (good / "model.skops").symlink_to(outside / "model.skops")
    (good / "performance.json").symlink_to(good / "params.json")  # within the run
    found, warnings = read(runs)
    assert [(run.id, run.saved, run.performance) for run in found] == [("good", "", {"a": 1})]
    for name in ("linked", "broken", "loop", "whole", "good/model.skops"):
        assert any(f"{runs}/{name}" in warning for warning in warnings), name


def test_pipes_and_folders_in_place_of_files_hold_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(made(tmp_path / "pipe") / "params.json")
    (made(tmp_path / "folder") / "params.json").mkdir()
    os.mkfifo(made(tmp_path / "good", {"a": 1}) / "model.onnx")
    runs, warnings = read(tmp_path)
    assert [(run.id, run.saved) for run in runs] == [("good", "")]
    assert len(warnings) == 2


def test_the_model_is_the_one_that_is_called_so(tmp_path: Path) -> None:
    folder = made(tmp_path / "r", {"a": 1})
    saved_model(folder / "encoder.skops")
    saved_model(folder / "other.skops")
    (folder / "vocabulary.txt").write_text("a\nb\n")
    (run,), warnings = read(folder)
    assert run.saved == ""
    assert "encoder.skops, other.skops" in warnings[0]
    model = saved_model(folder / "model.bin")  # the name's end says nothing
    (run,), warnings = read(folder)
    assert (run.saved, warnings) == (str(model), [])


@pytest.mark.parametrize("name", ["nothing", "a file", "empty"])
def test_where_there_is_no_run_the_error_says_what_one_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "a file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelLoadError) as caught:
        read(tmp_path / name)
    assert "params.json" in str(caught.value)
    assert "\n" not in str(caught.value)
