"""How `modelport serve` ends when there is nothing to serve, and what its log says of a model that fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from serving import environment, serving

from modelport.contract.errors import ModelLoadError
from modelport.sources.presence import check_present
from modelport.sources.source import Source, parse_source

FAILS = """
import json

def weights():
    return json.loads("{")

weights()

def predict(x: int) -> int:
    return x
"""
COLD = """
class Cold:
    def predict(self, x: int) -> int:
        return x

    def warm(self):
        try:
            {}["oven"]
        except KeyError as error:
            raise RuntimeError("a cold day") from error
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fails.py").write_text(FAILS)
    (tmp_path / "cold.py").write_text(COLD)
    (tmp_path / "good.py").write_text("def predict(x: int) -> int:\n    return x\n")
    return tmp_path


def ended(folder: Path, *arguments: str) -> list[str]:
    """The lines of a server that ends by itself because there is nothing to serve."""
    command = [sys.executable, "-m", "modelport", "serve", "--port", "0", *arguments]
    done = subprocess.run(command, env=environment(), cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    return done.stderr.splitlines()


@pytest.mark.parametrize("source", ["./nothere.py:Model", "nothere.skops", "nothere/", "nothere:Model"])
def test_a_source_that_does_not_exist_ends_the_start_with_one_line(folder: Path, source: str) -> None:
    (line,) = ended(folder, "--keep-going", "good.py", source)
    assert line.startswith("Error: ")
    assert "nothere" in line
    assert "there is no" in line


def test_what_is_there_is_known_without_importing_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    there = ("fails.py", "fails", "fails:Any", "json:loads", "deepaas.model.v2", "xml.nothere")
    check_present(map(parse_source, there))
    assert "fails" not in sys.modules
    with pytest.raises(ModelLoadError, match="there is no module 'fials'; did you mean 'fails'"):
        check_present([parse_source("fials:predict")])
    with pytest.raises(ModelLoadError, match="not a Python file"):
        check_present([Source("m", "file", ".")])


def test_the_server_ends_when_no_model_could_be_loaded(folder: Path) -> None:
    lines = ended(folder, "fails.py", "cold.py:Cold")
    for reason in ("fails.py: importing it failed: JSONDecodeError: ", "cold: warm() failed: RuntimeError: "):
        assert len([line for line in lines if " ERROR " in line and reason in line]) == 1
        assert reason in lines[-1]
    assert lines[-1].startswith("Error: ")
    text = "\n".join(lines)
    own = f'File "{folder}/fails.py", line 7, in <module>', f'File "{folder}/fails.py", line 5, in weights'
    assert all(frame in text for frame in own)
    assert "KeyError: 'oven'" in text, "what its own exception comes from is shown, too"
    assert "decoder.py" not in text, "the frames of others are for --debug"
    assert "/modelport/" not in text


def test_keep_going_keeps_a_server_up_that_has_nothing_to_serve(folder: Path) -> None:
    with serving("--keep-going", "--debug", "fails.py", cwd=folder) as server:
        answer = server.client.get("/v2/health/ready")
        assert (answer.status_code, answer.json()["models"]["fails"]["state"]) == (503, "failed")
        assert server.client.get("/v2/health/live").status_code == 200
        server.wait_for_log(r"decoder\.py")  # --debug shows every frame
        assert server.stop() == 0
