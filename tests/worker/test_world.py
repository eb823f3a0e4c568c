"""What a model finds around it: what a plain program has that imports it, however modelport was started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from job_calls import ended
from serving import MODELS, ROOT, Server, environment, serving, wait_until

SHADOWS = ("signal", "types", "select", "logging", "email", "tempfile", "asyncio")
READS_COMMAND_LINE = """
import argparse

import modelport

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
ARGS = parser.parse_args()


class Model(modelport.Model):
    def predict(self) -> float:
        return ARGS.lr
"""
SPAWNS = """
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import beside
import modelport
from deepaas.model.v2.base import BaseModel


def in_a_child(number):
    import deepaas.model.v2.wrapper

    return [number * 2, sys.argv, deepaas.__version__, "modelport.worker.main" in sys.modules]


class Model(modelport.Model):
    def predict(self) -> dict:
        return {
            "beside": [beside.WORD, beside.calendar.__file__],
            "main": [sys.argv, hasattr(sys.modules["__main__"], "__file__"), sys.stdin.read()],
            "settings": sorted(name for name in os.environ if name.startswith("MODELPORT_")),
            "places": sys.path,
        }

    def validate(self) -> dict:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            spawned = pool.map(in_a_child, [1])
        forked = multiprocessing.get_context("fork").Process(target=time.sleep, args=(100,))
        forked.start()
        forked.terminate()  # at once: it may not even have begun
        forked.join()
        sleeping = subprocess.Popen(["sleep", "100"])
        sleeping.send_signal(signal.SIGINT)
        program = "import deepaas.model.v2.base as base; print(base.BaseModel.__name__)"
        said = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True)
        return {
            "spawned": spawned,
            "forked": forked.exitcode,
            "interrupted": sleeping.wait(),
            "said": said.stdout + said.stderr,
        }
"""
HIDDEN = "from tokenize import Net\n\ndef predict(x: int) -> int:\n    return x\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    (folder / "reads.py").write_text(READS_COMMAND_LINE)
    (folder / "spawns.py").write_text(SPAWNS)
    (folder / "beside.py").write_text("import calendar\n\nWORD = 'found'\n")
    (folder / "calendar.py").write_text("raise ImportError('not the one of Python')\n")
    (folder / "hidden.py").write_text(HIDDEN)
    (folder / "tokenize.py").write_text("class Net:\n    pass\n")
    return folder


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with files that are called as modules of Python, and as modelport."""
    working = tmp_path_factory.mktemp("working")
    for name in (*SHADOWS, "modelport"):
        (working / f"{name}.py").write_text("RATE = 8000\n")
    return working


@pytest.fixture(scope="module")
def served(folder: Path, working: Path) -> Iterator[Server]:
    sources = [f"{name}={folder / name}.py" for name in ("reads", "spawns", "hidden")]
    command = [str(Path(sys.executable).parent / "modelport"), "serve", "--port", "0", *sources]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=working, env=environment(), stderr=pipe, text=True)
    server = Server(process)
    try:
        server.wait_settled()
        yield server
    finally:
        server.stop()


def ask(server: Server, path: str) -> Any:
    answer = server.client.post(f"/v2/models/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_model_that_reads_a_command_line_finds_an_empty_one(served: Server) -> None:
    assert ask(served, "reads/predict/") == 0.1


def test_files_of_the_working_folder_hide_no_modules_of_python(served: Server) -> None:
    assert ask(served, "spawns/predict/")["places"][-1] != ""
    states = served.client.get("/v2/health/ready").json()["models"]
    assert [states[name]["state"] for name in ("reads", "spawns")] == ["ready", "ready"]


def test_modules_beside_the_model_are_found_and_hide_none_of_python(served: Server) -> None:
    word, calendar = ask(served, "spawns/predict/")["beside"]
    assert word == "found"
    assert Path(calendar).parent == Path(os.__file__).parent


def test_an_import_that_found_the_module_of_python_says_so(served: Server, folder: Path) -> None:
    error = served.client.get("/v2/health/ready").json()["models"]["hidden"]["error"]
    assert f"Python's own module 'tokenize' comes before {folder / 'tokenize.py'}" in error


def test_nothing_of_how_its_process_was_started_is_left(served: Server) -> None:
    seen = ask(served, "spawns/predict/")
    assert seen["main"] == [["modelport"], False, ""]
    assert seen["settings"] == ["MODELPORT_WORKER"]  # by which what the model leaves running is found


def test_processes_of_a_model_are_as_those_of_a_program(served: Server) -> None:
    accepted = served.client.post("/v2/models/spawns/validate")
    done = ended(served.client, accepted.headers["location"].rpartition("/")[2])
    assert done["state"] == "succeeded", done
    assert served.client.get(f"/v2/jobs/{done['id']}/result").json() == {
        "spawned": [[2, ["modelport"], "2.6.0", False]],
        "forked": -15,
        "interrupted": -2,
        "said": "BaseModel\n",
    }


FORKING = ("InLoad", "InLoadRaising", "InWarm", "InWarmRaising")


def test_what_is_forked_while_a_model_is_loaded_does_not_speak_for_its_worker() -> None:
    models = [f"{name}={MODELS / 'forking_models.py'}:{name}" for name in FORKING]
    with serving(*models) as server:
        for name in FORKING:
            wait_until(lambda name=name: f"{name}: ready" in server.log, lambda: server.log)
            told = [line.partition(f"modelport.engine: {name}: ")[2] for line in server.lines]
            assert [line.partition(" after ")[0] for line in told if "ready" in line or "fail" in line] == [
                "ready"
            ]
            answer = server.client.post(f"/v2/models/{name}/predict/")
            assert answer.json() == server.process.pid  # the parent of a worker, and not of what it forks


@pytest.mark.parametrize("name", FORKING)
@pytest.mark.parametrize("verb", ["check", "predict"])
def test_nor_for_a_command(verb: str, name: str) -> None:
    command = [sys.executable, "-m", "modelport", verb, f"{MODELS / 'forking_models.py'}:{name}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("Traceback" in done.stderr, "\nError: " in done.stderr) == (name.endswith("Raising"), False)
    if verb == "check":
        assert done.stdout.count("can be served") == 1
        assert ("loading it starts processes" in done.stdout) == name.startswith("InLoad")
    else:
        assert done.stdout.strip().isdecimal()


def test_check_tells_of_processes_that_are_spawned_at_import(tmp_path: Path) -> None:
    code = "import multiprocessing as mp\nmp.get_context('spawn').Process(target=print).start()\n"
    (tmp_path / "spawning.py").write_text(f"{code}def predict(x: int) -> int: return x\n")
    command = [sys.executable, "-m", "modelport", "check", "--strict", str(tmp_path / "spawning.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment())
    assert (done.returncode, "loading it starts processes" in done.stdout) == (1, True), done.stdout


def test_a_real_deepaas_goes_before_the_stand_in_for_children(tmp_path: Path) -> None:
    (tmp_path / "deepaas" / "model").mkdir(parents=True)
    (tmp_path / "deepaas" / "__init__.py").write_text("__version__ = 'real'\n")
    (tmp_path / "deepaas" / "model" / "__init__.py").write_text("WORD = 'own'\n")
    ours = ROOT / "src" / "modelport" / "sources" / "for_children"
    places = os.pathsep.join(map(str, [ours, ROOT / "src", tmp_path]))
    said = subprocess.run(
        [sys.executable, "-c", "import deepaas, deepaas.model as m; print(deepaas.__version__, m.WORD)"],
        env=environment(PYTHONPATH=places),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "real own\n"
