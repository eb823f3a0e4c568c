"""`modelport metadata` and `modelport check`, the list of commands, and sources that do not exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import MODELS, installed, modelport
from click.testing import CliRunner
from serving import Server, serving

from modelport.cli.main import cli


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(f"Echo={MODELS}:Echo", f"Typed={MODELS}:Typed", f"Named={MODELS}:Named") as running:
        yield running


@pytest.mark.parametrize("name", ["Echo", "Typed", "Named"])
def test_metadata_is_what_the_server_answers(server: Server, name: str) -> None:
    done = modelport("metadata", f"{name}={MODELS}:{name}")
    assert done.returncode == 0, done.stderr
    answered = server.client.get(f"/v2/models/{name}/").json()
    assert json.loads(done.stdout) == answered
    assert list(json.loads(done.stdout)) == list(answered)


def test_a_model_that_can_be_served_is_shown_as_a_table() -> None:
    done = modelport("check", f"{MODELS}:Echo", "--strict")
    words = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "│ text │ TEXT │ required │ Any text │" in words
    assert "│ colour │ [red|green] │ red │ │" in words
    assert "answers application/json" in words
    assert "can be served: 0 errors, 0 warnings" in words
    assert "warming up" in done.stderr, "the model was warmed, and its words are not in the report"


def test_each_problem_has_a_remedy() -> None:
    done = modelport("check", f"{MODELS}:Mismatched")
    assert done.returncode == 1
    problems = [line.strip() for line in done.stdout.splitlines() if line.startswith(("✘", "!"))]
    assert problems == [
        "✘ error: predict() does not take 'promised', which get_predict_args() promises: every call fails",
        "✘ error: predict() needs 'needed', which get_predict_args() does not name: every call fails",
        "! warning: get_metadata() is missing: clients see generic metadata",
        "! warning: predict(): the argument 'count' has the default 99, which is out of its own bounds",
    ]
    assert done.stdout.count("→") == len(problems)
    assert "cannot be served: 2 errors, 2 warnings" in done.stdout


def test_a_typed_model_is_checked_too() -> None:
    done = modelport("check", f"{MODELS}:Undecided")
    assert done.returncode == 0
    assert "the parameter 'anything' has no type: anything is passed on" in done.stdout
    assert "'mode' has the default 'medium', which is none of fast, slow" in done.stdout


def test_what_a_model_asks_for_is_shown_and_a_name_that_is_near_to_it_is_pointed_out(tmp_path: Path) -> None:
    source = tmp_path / "asks.py"
    source.write_text(
        "import modelport\nclass Asks(modelport.Model):\n    timeout = 5\n"
        "    environment = {'TOKEN': '1234'}\n"
        "    worker = 2\n    def predict(self) -> int:\n        return 1\n"
    )
    done = modelport("check", str(source))
    assert "asks for environment = ['TOKEN'], timeout = 5.0" in done.stdout
    assert "worker is never used: a model has workers" in done.stdout
    assert "1234" not in done.stdout


def test_the_source_is_shown_as_it_was_written() -> None:
    done = modelport("check", "no_such_module:Two")
    assert "no_such_module:Two" in done.stdout.splitlines()[0]  # and not as the picture that :Two: names


def test_what_a_careless_model_would_get_wrong_is_found_before_it_is_served() -> None:
    done = modelport("check", f"{MODELS}:Careless")
    problems = [line.strip() for line in done.stdout.splitlines() if line.startswith(("✘", "!"))]
    assert done.returncode == 1
    assert [problem.partition(", which does not fit")[0] for problem in problems] == [
        "✘ error: predict(): the argument 'count' has the default 'ten'",
        "! warning: max_batch_size means nothing without a predict_batch(): calls are predicted one by one",
        "! warning: trian() is never used: a model has train()",
        "! warning: warmup() is never used: a model has warm()",
        "! warning: predict(): the argument 'note' has the default None, which clients cannot send",
    ]


def test_warnings_fail_only_with_strict() -> None:
    lenient = modelport("check", f"{MODELS}:Media")
    strict = modelport("check", f"{MODELS}:Media", "--strict")
    assert (lenient.returncode, strict.returncode) == (0, 1)
    assert "get_metadata() is missing" in lenient.stdout
    assert lenient.stdout == strict.stdout


def test_a_model_that_does_not_warm_up_cannot_be_served() -> None:
    done = modelport("check", f"{MODELS}:NotWarm", "--debug")
    assert done.returncode == 1
    assert "warm() failed: RuntimeError: no weights here" in done.stdout
    assert "│ text" in done.stdout, "what could be read of it is shown all the same"
    assert "Traceback" in done.stderr


BROKEN = {
    "no_dependency": (
        "import nowhere.at_all\n", "No module named 'nowhere'", "the package that has the module 'nowhere'",
    ),
    "no_package": ("import cpuinfo\n", "No module named 'cpuinfo'", "pip install py-cpuinfo"),
    "no_submodule": (
        "import numpy.nowhere\n", "No module named 'numpy.nowhere'", "a version of numpy that has the module",
    ),
    "no_python": ("def predict(:\n", "SyntaxError", "correct line 1 of"),
    "no_manners": ("import sys\nsys.exit(3)\n", "SystemExit: 3", "--debug shows the traceback"),
    "no_model": ("x = 1\n", "it has no predict(), train(), validate()", "as the message says"),
    "no_schema": ("schema = 5\ndef predict(): pass\n", "schema must be a dictionary", "as the message says"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_model_is_reported_by_every_command(tmp_path: Path, name: str) -> None:
    code, problem, remedy = BROKEN[name]
    path = tmp_path / f"{name}.py"
    path.write_text(code)
    checked = modelport("check", str(path))
    assert checked.returncode == 1
    assert problem in checked.stdout
    assert remedy in checked.stdout
    predicted = modelport("predict", str(path), "--x", "1")
    assert (predicted.returncode, predicted.stdout) == (1, "")
    assert problem in predicted.stderr
    assert "Traceback" not in predicted.stderr + checked.stderr


@pytest.mark.parametrize(
    ("source", "status", "said"),
    [
        ("cli_model.py", 1, "there is no such file; did you mean 'cli_models.py'?"),
        ("cli_models.py:Ecko", 1, "there is no 'Ecko' in cli_models.py; did you mean 'Echo'?"),
        ("cli_modles", 1, "there is no module 'cli_modles'; did you mean 'cli_models'?"),
        ("entrypoint:ecko", 2, "no entry point 'ecko'"),
        ("what is this", 2, "'what is this' is no source: write package.module"),
        ("cli_models.py:not-a-name", 2, "'not-a-name' is not the name of a class or object"),
    ],
)
def test_a_source_that_does_not_exist_gets_near_names(source: str, status: int, said: str) -> None:
    done = modelport("metadata", source)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in " ".join(done.stderr.split())


def test_entry_points_get_near_names_too(tmp_path: Path) -> None:
    variables = installed(tmp_path, echo="cli_models:Echo")
    assert "did you mean 'echo'?" in modelport("metadata", "entrypoint:ecko", **variables).stderr
    done = modelport("serve", "--model-name", "ecco", **variables)
    assert done.returncode == 2
    assert "no model is called 'ecco' (there is: echo); did you mean 'echo'?" in done.stderr


ASKING = """
import modelport as ours
from helpers import ask_c
from modelport import Model, model


class A(Model):
    def predict(self) -> int:
        return ours.model("b").predict()


class B(Model):
    def predict(self, deep: bool = True) -> int:
        return ask_c() if deep else model(str(deep)).predict()


class C(Model):
    def predict(self) -> int:
        return asked.predict()


class D(Model):
    def predict(self) -> int:
        return model("a").predict()


asked = model("a")
"""
HELPERS = """
from modelport import model


def ask_c() -> int:
    return model("c").predict()
"""


def test_models_that_ask_each_other_in_a_circle_are_warned_of(tmp_path: Path) -> None:
    file = tmp_path / "asking.py"
    file.write_text(ASKING)
    (tmp_path / "helpers.py").write_text(HELPERS)
    sources = [f"{name}={file}:{name.upper()}" for name in "dabc"]
    done = modelport("check", *sources)
    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = (line for line in done.stdout.splitlines() if "circle" in line)
    ways = "a asks b (asking.py:9), b asks c (helpers.py:6), c asks a (asking.py:27)"
    assert said == f"! warning: models ask each other in a circle: {ways}"
    assert modelport("check", *sources, "--strict").returncode == 1
    none = modelport("check", *sources[:3], "--strict")
    assert "circle" not in none.stdout


def test_several_sources_are_checked_and_one_that_fails_is_told(tmp_path: Path) -> None:
    done = modelport("check", f"{MODELS}:Echo", str(tmp_path / "none.py"))
    assert done.returncode == 1
    assert "can be served: 0 errors" in done.stdout
    assert "none.py: there is no such file" in done.stdout


COMMANDS = (
    "serve",
    "predict",
    "train",
    "validate",
    "jobs",
    "runs",
    "login",
    "logout",
    "keys",
    "users",
    "audit",
    "usage",
    "monitoring",
    "feedback",
    "payloads",
    "metadata",
    "check",
    "doctor",
    "config",
    "health",
    "build",
    "init",
    "openwhisk",
    "deepaas-run",
    "deepaas-cli",
)


def test_help_lists_every_command() -> None:
    said = modelport("--help").stdout
    listed = [line.split()[0] for line in said.partition("Commands:")[2].splitlines() if line.strip()]
    assert tuple(listed) == COMMANDS
    assert modelport("--version").stdout.startswith("modelport, version ")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = CliRunner().invoke(cli, [command, "--help"], prog_name="modelport")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: modelport {command} ")


def test_a_command_that_does_not_exist_is_refused() -> None:
    done = modelport("serv")
    assert done.returncode == 2
    assert "No such command 'serv'" in done.stderr
