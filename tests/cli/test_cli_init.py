"""`modelport init`: a package that runs and tests itself."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from cli_process import modelport
from serving import environment, serving

from modelport.cli.init import package_name


@pytest.mark.parametrize("contract", ["typed", "deepaas"])
def test_the_new_package_passes_its_own_tests_and_is_served(tmp_path: Path, contract: str) -> None:
    done = modelport("init", "my-model", "--contract", contract, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    package = tmp_path / "my-model"
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
        cwd=package, env=environment(), capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert tests.returncode == 0, tests.stdout + tests.stderr
    assert "6 passed" in tests.stdout
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    (entry,) = project["entry-points"]["deepaas.v2.model"].items()
    assert entry == ("my_model", "my_model.api")
    left = [path.name for path in tmp_path.iterdir()]
    assert left == ["my-model"]
    with serving("my_model.api", cwd=package) as server:
        answer = server.client.post("/v2/models/my_model/predict/", data={"text": "good"})
        assert answer.json() == {"label": "friendly", "score": 2 / 3}


def test_no_placeholder_is_left(tmp_path: Path) -> None:
    assert modelport("init", "other", "--folder", str(tmp_path / "new" / "folder")).returncode == 0
    for path in (tmp_path / "new" / "folder" / "other").rglob("*"):
        assert "{{" not in str(path)
        assert path.is_dir() or "{{" not in path.read_text()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "api.py").write_text("precious")
    (tmp_path / "file").write_text("precious")
    for name in ("mine", "file"):
        done = modelport("init", name, cwd=tmp_path)
        assert done.returncode == 1
        assert f"{name} exists already" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["api.py"]
    (tmp_path / "empty").mkdir()
    assert modelport("init", "empty", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["a b", "1st", "-x", "a--b", "", "json", "class", "modelport", "a" * 65])
def test_a_name_that_cannot_be_a_package_is_refused(name: str) -> None:
    with pytest.raises(click.UsageError, match="Invalid value for 'NAME'"):
        package_name(name)


def test_a_refused_name_leaves_nothing_behind(tmp_path: Path) -> None:
    done = modelport("init", "../up", cwd=tmp_path)
    assert done.returncode == 2
    assert "Invalid value for 'NAME': '../up' is not a name" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(json.dumps("no folder"))
    done = modelport("init", "new", "--folder", str(tmp_path / "file" / "below"))
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
