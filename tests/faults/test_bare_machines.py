"""Containers as they come: users without a name, folders that cannot be read, paths that are no text."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli.cli_process import modelport
from serving import environment, serving

from modelport.home import expanded

MODEL = """
import modelport


class Model(modelport.Model):
    def predict(self) -> str:
        return "ok"
"""
NOBODY = ("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model_here.py"
    path.write_text(MODEL)
    return path


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, and setpriv")
def test_a_user_without_a_name_has_a_root_for_a_home() -> None:
    program = "from modelport.home import expanded; print(expanded('~/a/b'), expanded('~nobody-here/a'))"
    told = [*NOBODY, sys.executable, "-c", program]
    known = {name: value for name, value in environment().items() if name != "HOME"}
    done = subprocess.run(told, env=known, capture_output=True, text=True)
    if "Permission denied" in done.stderr or "shared libraries" in done.stderr:
        pytest.skip("nobody else can run this Python")
    assert done.stdout == "/a/b ~nobody-here/a\n", done.stderr


def test_a_home_that_nobody_has_stays_as_it_is_written(tmp_path: Path) -> None:
    assert str(expanded("~nobody-here/model.py")) == "~nobody-here/model.py"
    done = modelport("predict", "m=~nobody-here/model.py", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "Error: ~nobody-here/model.py: there is no such file\n"


def test_predictions_are_served_where_the_data_folder_cannot_be_looked_into(model: Path) -> None:
    (model.parent / "data").write_text("no folder")
    with serving(str(model), MODELPORT_DATA_DIR=str(model.parent / "data" / "inside")) as server:
        assert server.client.post("/v2/models/model_here/predict/").json() == "ok"
        said = f"its data folder {model.parent / 'data' / 'inside'} cannot be used (Not a directory)"
        server.wait_for_log(re.escape(f"this server has no jobs: {said}: give another with --data-dir"))


@pytest.mark.parametrize("command", ["serve", "predict", "check", "train"])
def test_a_machine_without_a_temporary_folder_is_one_line(model: Path, command: str) -> None:
    program = (
        "import sys, tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/none'];"
        "from modelport.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, command, str(model)],
        env=environment(MODELPORT_PORT="0"),  # somebody else may have that of `serve`
        capture_output=True,
        text=True,
    )
    assert done.returncode == (4 if command == "serve" else 1)
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    assert "No usable temporary directory found in" in lines[0]
    assert "give another with TMPDIR" in lines[0]


@pytest.mark.parametrize("command", ["serve", "predict", "train"])
def test_a_source_whose_path_is_no_text_is_refused(tmp_path: Path, command: str) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)  # noqa: PTH102
    Path(os.fsdecode(folder), "mod.py").write_text(MODEL)
    done = modelport(command, "m=" + os.fsdecode(folder) + "/mod.py")
    assert (done.returncode, done.stdout) == (2, "")
    assert "caf\\udce9/mod.py': this path is no UTF-8; rename" in done.stderr


def test_a_model_below_a_working_folder_that_is_no_text_is_served(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    (folder / "mod.py").write_text(MODEL)
    with serving("mod.py", cwd=folder) as server:
        assert server.client.post("/v2/models/mod/predict/").json() == "ok"


def test_a_spool_folder_that_is_no_text_is_refused(model: Path, tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")
    done = modelport("serve", "--port", "0", "--spool-dir", folder, str(model))
    assert done.returncode == 4
    assert "this path is no UTF-8; choose another folder" in done.stderr.splitlines()[-1]
