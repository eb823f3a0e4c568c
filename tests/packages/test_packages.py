"""Old packages beside modelport, really installed: models are served, trained, predicted with and checked."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import job_calls
import pytest
from environments import COMMANDS, ENVIRONMENTS, Environment, needs_registry, python_of
from serving import MODELS, ROOT, Server, environment, serving

EXAMPLES = ROOT / "examples"
SEVEN = EXAMPLES / "digits" / "pictures" / "7.png"
SERVED = [
    "entrypoint:digits",
    str(EXAMPLES / "iris" / "iris.py"),
    "template=published_models:Template",
    "old=published_models:Complete",
    "new=webargs_models:New",
    "whole=webargs_models:WholeSchema",
    "first=first_version",
    "files=first_files:Second",
]
FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module", params=ENVIRONMENTS, ids=lambda one: one.name)
def installed(request: pytest.FixtureRequest) -> tuple[Environment, Path]:
    """An environment and its Python."""
    with needs_registry():
        python = python_of(request.param)
    return request.param, python


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where its models are found, and where they keep what they make."""
    return {"PYTHONPATH": str(MODELS), "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}


@pytest.fixture(scope="module")
def site(installed: tuple[Environment, Path], own: dict[str, str]) -> Iterator[Server]:
    """A server of that environment."""
    with serving(*SERVED, cwd=Path(own["XDG_CACHE_HOME"]), python=str(installed[1]), **own) as server:
        states = server.client.get("/v2/health/ready").json()["models"]
        assert {name: shown for name, shown in states.items() if shown["state"] != "ready"} == {}
        yield server


def run(python: Path, *arguments: str, cwd: Path, **own: str) -> subprocess.CompletedProcess[str]:
    """A command of the environment, away from this checkout's modules."""
    return subprocess.run(
        [str(python), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
        env=environment(**{"PYTHONPATH": str(MODELS), **own}),
    )


def predicted(site: Server, model: str, **request: Any) -> Any:
    answer = site.client.post(f"/v2/models/{model}/predict/", **request)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def test_it_is_what_was_asked_for(installed: tuple[Environment, Path], tmp_path: Path) -> None:
    wanted, python = installed
    asking = "from importlib.metadata import version; import sys; print(*map(version, sys.argv[1:]))"
    done = run(python, "-c", asking, *wanted.versions, cwd=tmp_path)
    assert done.stdout.split() == list(wanted.versions.values())
    where = run(python, "-c", "import modelport; print(modelport.__file__)", cwd=tmp_path)
    assert ".venv-packages" in where.stdout


def test_the_examples_predict_and_train(site: Server) -> None:
    with SEVEN.open("rb") as picture:
        [first] = predicted(site, "digits", files={"image": picture}, params={"top": 1})
    assert first["label"] == "7"
    flowers = (EXAMPLES / "iris" / "flowers.csv").read_bytes()
    answer = site.client.post("/v2/models/iris/predict/", files={"flowers": ("flowers.csv", flowers)})
    assert answer.status_code == 200, answer.text
    answer = site.client.post("/v2/models/digits/train/", json={"epochs": 1, "save": False})
    assert answer.status_code == 200, answer.text
    job_calls.ended(site.client, answer.json()["uuid"], seconds=120)
    trained = site.client.get(f"/v2/models/digits/train/{answer.json()['uuid']}").json()
    assert (trained["status"], trained["result"]["output"]["saved"]) == ("done", False)


def test_arguments_arrive_as_everywhere(site: Server) -> None:
    sent = {"params": [("pair", "1"), ("pair", "z")], "files": {"data": ("a.txt", b"what it says")}}
    shown = predicted(site, "template", **sent)
    assert (shown["pair"], shown["read"], shown["accept"]) == ([1, "z"], "what it says", "application/json")
    answer = site.client.post("/v2/models/template/predict/", headers={"Accept": "text/plain"})
    assert answer.text == "text for text/plain"
    shown = predicted(site, "old", params=[("numbers", "1"), ("numbers", "2"), ("csv", "1,2.5")])
    assert (shown["numbers"], shown["csv"]) == (["int 1", "int 2"], ["float 1.0", "float 2.5"])
    assert predicted(site, "old", json={"csv": [1, 2.5]})["csv"] == ["float 1.0", "float 2.5"]
    sent = {"json": {"text": "a", "box": {"left": "2"}, "point": {"x": 1}, "other-name": 4}}
    shown = predicted(site, "new", **sent)
    assert (shown["box"], shown["point"], shown["renamed"]) == ({"left": 2}, {"x": 1.0, "y": 0.0}, "int 4")
    bad = site.client.post("/v2/models/whole/predict/", json={"low": 5, "high": 2})
    assert (bad.status_code, bad.json()) == (422, {"low": ["low is over high"]})


def test_models_of_v1_are_served(site: Server) -> None:
    file = ("a.txt", b"1st\nline", "text/plain")
    shown = predicted(site, "first", files=[("data", file), ("data", file)], params={"kind": "b"})
    assert shown["args"] == {"top": "5", "kind": "b", "urls": None}
    assert [one["lines"] for one in shown["files"]] == [["1st\n", "line"]] * 2
    urls = ["http://localhost:1/a", "https://example.org/b"]
    assert predicted(site, "first", params={"urls": urls}) == [urls, None, "str"]
    shown = predicted(site, "files", files={"data": file})
    assert (shown["read"], shown["saved"], shown["mimetype"], shown["original"], shown["pickled"]) == (
        "1st\nline", "1st\nline", "text/plain", "a.txt", True,
    )  # fmt: skip


def test_the_documents_are_made(site: Server) -> None:
    swagger = site.client.get("/swagger.json").json()
    of_old = {p["name"]: p for p in swagger["paths"]["/v2/models/old/predict/"]["post"]["parameters"]}
    assert (of_old["count"]["minimum"], of_old["count"]["default"]) == (1, 3)
    assert of_old["arg1"]["enum"] == ["choice1", "choice2", "foo"]
    assert "/v2/models/new/predict/" in site.client.get("/openapi.json").json()["paths"]


def test_the_commands_of_deepaas_do_the_same(
    installed: tuple[Environment, Path], own: dict[str, str], tmp_path: Path
) -> None:
    _, python = installed
    arguments = ["--model-name", "digits", "predict", "--image", str(SEVEN), "--top", "1"]
    done = run(python, "-m", "modelport", "deepaas-cli", *arguments, cwd=tmp_path, **own)
    assert (done.returncode, '"label":"7"' in done.stdout) == (0, True), done.stdout + done.stderr
    done = run(python, "-m", "modelport", "check", "entrypoint:digits", cwd=tmp_path, **own)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_was_there_still_works(installed: tuple[Environment, Path], tmp_path: Path) -> None:
    """DEEPaaS's and mlup's own commands are theirs, and models see the real `deepaas`."""
    wanted, python = installed
    own = {"deepaas": "deepaas-run", "mlup": "mlup"}.get(wanted.name)
    if own is None:
        return
    command = python.parent / own
    assert "modelport" not in command.read_text()
    asked = "--help" if wanted.name == "mlup" else "--version"
    done = subprocess.run([command, asked], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    if wanted.name == "deepaas":
        code = (
            "import webargs_models as m; from modelport.sources.deepaas_modules import uploaded_file_class; "
            "print(issubclass(uploaded_file_class(), m.UploadedFile), m.UploadedFile.__module__)"
        )
        done = run(python, "-c", code, cwd=tmp_path)
        assert done.stdout == "True deepaas.model.v2.wrapper\n", done.stderr


def test_the_programs_of_deepaas_take_what_a_container_gives_them(
    installed: tuple[Environment, Path], own: dict[str, str], tmp_path: Path
) -> None:
    wanted, python = installed
    if COMMANDS not in wanted.extras:
        assert not (python.parent / "deepaas-run").exists() or wanted.name == "deepaas"
        return
    command = [
        str(python.parent / "deepaas-run"),
        *["--openwhisk-detect", "--listen-ip", "0.0.0.0", "--listen-port"],
    ]
    process = subprocess.Popen(
        [*command, "0"], env=environment(MODELPORT_AUTH="off", **own), cwd=tmp_path,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    server = Server(process)
    try:
        server.wait_settled()
        with SEVEN.open("rb") as picture:
            [first] = predicted(server, "digits", files={"image": picture}, params={"top": 1})
        assert first["label"] == "7"
    finally:
        server.stop()
    for arguments in (
        ["deepaas-cli", "predict", "--image", str(SEVEN)],
        ["deepaas-predict", "-i", str(SEVEN), "-o", "."],
    ):
        program = python.parent / arguments[0]
        done = subprocess.run(
            [program, *arguments[1:]],
            env=environment(**own),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out_7.json").read_text())["predictions"][0]["label"] == "7"


@pytest.mark.parametrize("command", ["run", "cli", "predict"])
def test_every_option_of_deepaas_is_taken(
    installed: tuple[Environment, Path], tmp_path: Path, command: str
) -> None:
    wanted, python = installed
    if wanted.name != "deepaas":
        return
    variables = {"DEEPAAS_V2_MODEL": "digits", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [python.parent / f"deepaas-{command}", "--help"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment(**variables),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    usage = done.stdout.partition("\n\n")[0]
    named = [
        line for line in done.stdout.splitlines() if re.match("  -", line)
    ]  # where an option is explained
    theirs = set(FLAG.findall("\n".join([usage, *named]))) - {f"-{command}"}
    assert {"--model-name", "--config-dir", "-p"} <= theirs
    ours = import_module(f"modelport.cli.deepaas_{command}").command
    taken = {flag for option in ours.params for flag in (*option.opts, *option.secondary_opts)}
    assert theirs - taken - {"-h", "--help"} == set()
