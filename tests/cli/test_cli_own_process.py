"""Commands that load a model do so in a process of its own: what the model does to it, they survive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import modelport
from serving import environment

MODELS = {
    "crashes": "import ctypes\nctypes.string_at(0)\n",
    "leaves": "import os\nos._exit(0)\n",
    "hangs": "import time\ntime.sleep(1000)\n",
    "crashes_later": "import ctypes\n\ndef predict():\n    ctypes.string_at(0)\n",
    "curious": "import os, sys, tempfile\n\ndef predict():\n"
    "    return [sys.argv[1:], [n for n in os.environ if n.startswith('MODELPORT_')], sys.stdin.read()]\n",
}
STUBBORN = """
import sys
import time


def predict():
    print("running", file=sys.stderr, flush=True)
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            pass
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, code in MODELS.items():
        (folder / f"{name}.py").write_text(code)
    (folder / "stubborn.py").write_text(STUBBORN)
    # LightGBM reads this for ever, and XGBoost's reader overflows the stack.
    (folder / "endless.txt").write_bytes(b"tree\n\0")
    (folder / "deep.json").write_text('{"learner":' + "[" * 1_000_000)
    return folder


@pytest.mark.parametrize("command", ["check", "predict", "metadata", "train"])
def test_a_crash_while_a_model_loads_is_one_line(models: Path, command: str) -> None:
    done = modelport(command, str(models / "crashes.py"), cwd=models)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert "its process died of loading" in done.stderr
    assert "signal SIGSEGV" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("file", ["endless.txt", "deep.json"])
def test_a_file_that_its_framework_does_not_survive_ends_the_command(models: Path, file: str) -> None:
    done = modelport("check", "--load-timeout", "10", str(models / file))
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith(f"Error: {models / file}: ")
    assert "did not load within 10 s" in said or "its process died of loading it: signal SIG" in said


@pytest.mark.parametrize("command", ["check", "train"])
def test_loading_may_take_only_so_long(models: Path, command: str) -> None:
    done = modelport(command, str(models / "hangs.py"), MODELPORT_LOAD_TIMEOUT="1", cwd=models)
    assert (done.returncode, done.stdout) == (1, "")
    assert "it did not load within 1 s" in done.stderr


def test_what_ends_its_process_is_not_taken_for_a_success(models: Path) -> None:
    done = modelport("predict", str(models / "leaves.py"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: {models / 'leaves.py'}: its process died of loading it: exit status 0\n"


def test_a_crash_of_a_prediction_is_one_line(models: Path) -> None:
    done = modelport("predict", str(models / "crashes_later.py"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].endswith("crashes_later.py: its process died: signal SIGSEGV")


def test_a_model_finds_what_it_finds_when_it_is_served(models: Path) -> None:
    done = modelport("predict", str(models / "curious.py"), MODELPORT_WORKERS="3")
    assert done.stdout == '{"status":"OK","predictions":[[],["MODELPORT_WORKER"],""]}\n'


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_model_that_lets_nothing_end_it_is_ended(models: Path, tmp_path: Path, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "modelport", "predict", str(models / "stubborn.py")],
        env=environment(TMPDIR=str(tmp_path)),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process, process.stderr:
        assert process.stderr.readline() == "running\n"
        os.kill(process.pid, number)
        assert process.wait(30) == 128 + number
    assert list(tmp_path.iterdir()) == []
