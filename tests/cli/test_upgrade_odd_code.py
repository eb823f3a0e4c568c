"""`modelport check --upgrade --write` on code that is hard to read, and folders that lead elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from cli_process import modelport

ENTRY = '[project]\nname = "fish"\n[project.entry-points."deepaas.v2.model"]\nfish = "{0}"\n'
PREDICTS = "def predict_data(args):\n    return args\n"
LEFT = {  # and why
    "perhaps": (
        "import sys\nif sys:\n    def get_test_args():\n        return {}\n" + PREDICTS,
        "get_test_args() is made elsewhere, or only perhaps",
    ),
    "starred": ("from other import *\n" + PREDICTS, "what an import of * brings, nobody can tell"),
    "derived": (
        "class Model(Other):\n    def predict_data(self, args):\n        return args\n",
        "what the class has from its bases, nobody can tell",
    ),
    "either": (
        'def get_test_args():\n    if 1:\n        return {"a": 1}\n    return made()\n' + PREDICTS,
        "get_test_args() returns what is made elsewhere, or several dictionaries",
    ),
    "again": (
        'def get_test_args():\n    all = {"a": {"default": "1"}}\n    all = made(all)\n    return all\n'
        + PREDICTS,
        "get_test_args() returns what is made elsewhere, or several dictionaries",
    ),
}
WRITTEN = {  # and the arguments that there are then
    "within": (
        'def get_test_args():\n    def one():\n        return {"default": 1}\n    return {"a": one()}\n'
        + PREDICTS,
        ["data", "a"],
    ),
    "remark": ("def get_test_args():\n    return {  # nothing\n    }\n" + PREDICTS, ["data"]),
    "remarks": (
        'def get_test_args():\n    return {"a": {"default": "1"},  # one\n    # two,\n    }\n' + PREDICTS,
        ["data", "a"],
    ),
    "no_comma": (
        'def get_test_args():\n    return {"a": {"default": "1"}  # one,\n    }\n' + PREDICTS,
        ["data", "a"],
    ),
    "tabs": (
        "class Model:\n\tdef other(self):\n\t\treturn 1\n\tdef predict_data(self, args):\n\t\treturn args\n",
        ["data"],
    ),
    "first": (PREDICTS, ["data"]),
}


def upgraded(folder: Path, codes: dict[str, str]) -> str:
    """Have `--write` go through a package of these modules; what it says."""
    for name, code in codes.items():
        (folder / f"{name}.py").write_text(code)
    done = modelport("check", "--upgrade", "--write", ".", cwd=folder)
    assert done.returncode == 1, done.stderr  # it has no entry point
    return done.stdout


def test_what_may_mean_something_else_is_left(tmp_path: Path) -> None:
    said = upgraded(tmp_path, {name: code for name, (code, _) in LEFT.items()})
    for name, (code, why) in LEFT.items():
        assert f"not by --write: {why}" in said, name
        kept = (tmp_path / f"{name}.py").read_text()
        assert kept == code, name
        assert "get_predict_args" not in kept, name


@pytest.mark.parametrize("written", ["if 1:\n    {}", "try:\n    {}\nexcept ImportError:\n    pass\n"])
def test_functions_under_a_condition_are_told_and_left(tmp_path: Path, written: str) -> None:
    code = written.format(PREDICTS.replace("\n    ", "\n        "))
    said = upgraded(tmp_path, {"perhaps": code})
    line = code[: code.index("def predict_data")].count("\n") + 1
    assert f"perhaps.py:{line}: predict_data() is there only perhaps: it stands under a condition" in said
    assert (tmp_path / "perhaps.py").read_text() == code


def test_texts_that_are_not_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "fish.py").write_text(PREDICTS)
    for number in range(3000):
        (tmp_path / f"{number}.md").write_text("curl /models/fish/predict")
    done = modelport("check", "--upgrade", ".", cwd=tmp_path)
    assert "it has more than 3000 texts, and the others were not read" in done.stdout
    assert done.stdout.count("is V1's path") >= 2999


# DEEPaaS's own packages have fields.Field, which the newest marshmallow advises against.
@pytest.mark.filterwarnings("ignore:`Field` should not")
def test_what_is_written_oddly_still_says_what_it_said(tmp_path: Path) -> None:
    upgraded(tmp_path, {name: code for name, (code, _) in WRITTEN.items()})
    for name, (_, arguments) in WRITTEN.items():
        code = (tmp_path / f"{name}.py").read_text()
        assert code.startswith("from webargs import fields\n")
        space: dict[str, Any] = {}
        exec(compile(code, name, "exec"), space)
        model = space["Model"]() if "Model" in space else None
        found = space if model is None else {one: getattr(model, one) for one in dir(model)}
        assert list(found["get_predict_args"]()) == arguments, name
        assert found["predict"](data=["one"]) == {"files": ["one"], "urls": None}, name


@pytest.mark.parametrize("leads", ["a file", "a folder", "an entry point"])
def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, leads: str) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    project.mkdir()
    other.mkdir()
    (other / "api.py").write_text(PREDICTS)
    (project / "pyproject.toml").write_text(ENTRY.format("fish.api"))
    if leads == "a file":
        (project / "fish").mkdir()
        (project / "fish" / "api.py").symlink_to(other / "api.py")
    elif leads == "a folder":
        (project / "fish").symlink_to(other)
    else:
        (project / "pyproject.toml").write_text(ENTRY.format(str(other)))
    done = modelport("check", "--upgrade", "--write", "project", cwd=tmp_path)
    assert (other / "api.py").read_text() == PREDICTS
    if leads != "an entry point":
        assert done.returncode == 1
        assert f"is {other / 'api.py'}, by a symbolic link; nothing was written" in done.stderr


def test_what_is_nested_too_deep_is_told_without_a_traceback(tmp_path: Path) -> None:
    terms = "+".join(["str(1)"] * (sys.getrecursionlimit() - 100))
    (tmp_path / "deep.py").write_text(
        f'def get_test_args():\n    return {{"a": {{"default": {terms}}}}}\n{PREDICTS}'
    )
    done = modelport("check", "--upgrade", "deep.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
