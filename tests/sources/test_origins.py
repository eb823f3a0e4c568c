"""Which model it is that has a name: told by where it comes from, whatever becomes of its code."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from modelport.sources.origins import Origin, is_same, origin_of
from modelport.sources.source import Source, read_source

CODE = "class Model:\n    def predict(self, x: float) -> float:\n        return x\n"


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders with a model of the same name and code, of which the first is the working folder."""
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
        (folder / "churn.py").write_text(CODE)
        (folder / "package").mkdir()
        (folder / "package" / "__init__.py").touch()
        (folder / "package" / "models.py").write_text(CODE)
        (folder / "model.onnx").write_bytes(b"same")
    monkeypatch.chdir(folders[0])
    return folders


def origin(text: str) -> Origin:
    return origin_of(read_source(text))


SOURCES = ["churn.py", "churn.py:Model", "churn", "churn:Model", "package.models", "package"]


@pytest.mark.parametrize("source", SOURCES)
def test_the_same_name_in_another_folder_is_another_model(
    projects: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    here = origin(source)
    assert is_same(here, origin(source))
    monkeypatch.chdir(projects[1])
    assert not is_same(here, origin(source))


def test_edits_and_other_spellings_leave_it_the_same(projects: tuple[Path, Path]) -> None:
    known = origin("churn.py")
    (projects[0] / "churn.py").write_text(f"# edited\n{CODE}")
    spellings = [
        "churn.py",
        "other=churn.py",
        "./churn.py",
        str(projects[0] / "churn.py"),
        "churn",
        "churn:Model",
    ]
    assert [is_same(known, origin(source)) for source in spellings] == [True] * len(spellings)
    assert is_same(origin("package/models.py"), origin("package.models:Model"))
    assert not is_same(origin("churn.py:Model"), origin("churn.py:Other"))


def test_what_has_moved_is_the_same_and_what_was_copied_is_not(projects: tuple[Path, Path]) -> None:
    known = origin("churn.py")
    copied = origin(str(projects[1] / "churn.py"))
    assert not is_same(known, copied)
    shutil.rmtree(projects[0])
    os.chdir(projects[1])
    assert is_same(known, copied)
    (projects[1] / "churn.py").write_text(f"# edited\n{CODE}")
    assert not is_same(known, origin("churn.py"))


def test_on_another_machine_the_place_or_the_content_tells(projects: tuple[Path, Path]) -> None:
    there = msgspec.structs.replace(origin("churn.py"), machine="there")
    assert is_same(there, origin("churn.py"))  # as in the image of a container
    assert is_same(there, origin(str(projects[1] / "churn.py")))
    (projects[1] / "churn.py").write_text(f"# edited\n{CODE}")
    assert not is_same(there, origin(str(projects[1] / "churn.py")))


def test_saved_models_are_told_apart_by_their_place(projects: tuple[Path, Path]) -> None:
    files = [Source("model", "model", str(folder / "model.onnx")) for folder in projects]
    known = origin_of(files[0])
    (projects[0] / "model.onnx").write_bytes(b"trained again")
    assert is_same(known, origin_of(files[0]))
    assert not is_same(known, origin_of(files[1]))


def test_what_is_installed_has_its_name_whatever_environment_it_is_in() -> None:
    known = origin("msgspec")
    assert (known.name, known.path) == ("msgspec", "")
    assert is_same(known, Origin(name="msgspec"))
    assert is_same(
        known, Origin(name="msgspec", path="/src/msgspec", machine="there")
    )  # installed for editing
    assert not is_same(known, origin("sqlalchemy"))
    assert not is_same(known, origin("no_such_module"))


@pytest.mark.parametrize(
    ("uri", "other", "same"),
    [
        ("models:/churn/1", "models:/churn/2", True),
        ("models:/churn/1", "models:/churn@live", True),
        ("models:/churn/1", "models:/prices/1", False),
        ("runs:/0a/model", "runs:/0a/model", True),
        ("runs:/0a/model", "runs:/0b/model", False),
        ("models:/m-1", "models:/m-2", False),
    ],
)
def test_a_model_of_mlflow_is_the_same_in_each_of_its_versions(uri: str, other: str, same: bool) -> None:
    assert is_same(*(origin_of(Source("m", "mlflow", text)) for text in (uri, other))) is same


def test_objects_of_a_program_are_known_by_the_program_and_their_name() -> None:
    known = origin_of(Source("scale", "object", "/tmp/spool-1/scale.pickle"))
    assert is_same(known, origin_of(Source("scale", "object", "/tmp/spool-2/scale.pickle")))
    assert not is_same(known, origin_of(Source("other", "object", "/tmp/spool-1/other.pickle")))
