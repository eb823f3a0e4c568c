"""`modelport check --upgrade`: what DEEPaaS's upgrade notes ask of a package, and doing what is safe."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import job_calls
import pytest
from cli_process import modelport
from first_packages import API, PROJECT, UPGRADED, written
from hypothesis import given
from hypothesis import strategies as st
from serving import ROOT, serving

from modelport.cli.upgrade.arguments import called, field_of
from modelport.cli.upgrade.notes import points_of
from modelport.cli.upgrade.package import find_package
from modelport.cli.upgrade.points import Found
from modelport.cli.upgrade.source_file import SourceFile
from modelport.cli.upgrade.writing import changed_files
from modelport.contract.deepaas_fields import as_fields

ARGUMENTS, INPUTS, PREDICT, FILES = (
    "Arguments by webargs", "Input arguments of one's own", "predict and train", "Files",
)  # fmt: skip
TITLES = [
    "Python version", "Namespace of the entry point", ARGUMENTS, INPUTS, "Responses", PREDICT, FILES,
    "Errors", "URL of the API",
]  # fmt: skip
SETUP_CFG = "[metadata]\nname = fish\n[options.entry_points]\ndeepaas.model =\n    fish = fish_model.api\n"
PBR = SETUP_CFG.replace("[options.entry_points]", "\n[entry_points]") + "other =\n    a = b\n"
SETUP = "from setuptools import setup\nsetup(entry_points={'deepaas.model': ['fish = fish_model.api']})\n"
POETRY = '[tool.poetry]\nname = "fish"\n[tool.poetry.plugins."deepaas.model"]\nfish = "fish_model.api"\n'
IN_TEXT = (
    'from setuptools import setup\nsetup(entry_points="""\n[deepaas.model]\nfish = fish_model.api\n""")\n'
)


def line_of(text: str, part: str) -> int:
    return text.count("\n", 0, text.index(part)) + 1


def found_in(folder: Path) -> dict[str, list[Found]]:
    return {point.title: point.found for point in points_of(find_package(str(folder)))}


def after_edits(folder: Path) -> dict[str, str]:
    """What `--write` would make of the files of a package, by their names."""
    edits = [edit for found in found_in(folder).values() for one in found for edit in one.edits]
    return {path.name: after.decode() for path, (_, after) in changed_files(edits).items()}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A package that lies in git."""
    folder = written(tmp_path / "fish")
    (folder / "README.md").write_text("curl -F data=@cod.png http://localhost:5000/models/fish/predict\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=Ann", "-c", "user.email=ann@example.org", "commit", "-qm", "as it was")
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


def test_the_points_of_the_notes_stand_in_their_order_with_their_places(repository: Path) -> None:
    done = modelport("check", "--upgrade", ".", cwd=repository)
    assert done.returncode == 1
    said = re.findall(r"^\d\. ([^:\n]*)", done.stdout, re.MULTILINE)
    assert said == TITLES
    for place, text, what in (
        ("pyproject.toml", PROJECT, '[project.entry-points."deepaas.model"]'),
        ("fish_model/api.py", API, '"rate": {'),
        ("fish_model/api.py", API, "def get_test_args"),
        ("fish_model/api.py", API, "def predict_url"),
        ("fish_model/api.py", API, "file.read()"),
        ("fish_model/api.py", API, 'raise Exception("both")'),
        ("fish_model/api.py", API, "def train"),
    ):
        assert f"   {place}:{line_of(text, what)}: " in done.stdout
    assert "README.md:1: /models/fish/predict is V1's path\n     → /v2/models/fish/predict/\n" in done.stdout
    assert done.stdout.endswith("11 things to do, 10 of which --write does\n")
    assert git(repository, "status", "--porcelain") == "", "nothing is written without --write"


def test_write_makes_the_edits_and_shows_them(repository: Path) -> None:
    done = modelport("check", "--upgrade", "--write", ".", cwd=repository)
    assert done.returncode == 1, "one thing is left"
    assert done.stdout.endswith("10 edits written, 1 thing to do by hand\n")
    assert (repository / "fish_model" / "api.py").read_text() == UPGRADED
    assert (repository / "pyproject.toml").read_text() == PROJECT.replace("deepaas.model", "deepaas.v2.model")
    assert git(repository, "status", "--porcelain").split() == [
        "M",
        "fish_model/api.py",
        "M",
        "pyproject.toml",
    ]
    shown = done.stdout[done.stdout.index("--- a/") :]
    patch = shown[: shown.rindex("10 edits written")]
    git(repository, "checkout", "-q", ".")
    subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=repository, check=True, timeout=30)
    assert (repository / "fish_model" / "api.py").read_text() == UPGRADED, "what is shown is what was done"
    again = modelport("check", "--upgrade", str(repository))
    assert again.stdout.endswith("1 thing to do, 0 of which --write does\n")


@pytest.mark.parametrize("how", ["changed", "new", "read-only"])
def test_files_that_must_not_be_written_are_refused_and_none_is(repository: Path, how: str) -> None:
    api = repository / "fish_model" / "api.py"
    if how == "changed":
        api.write_text(API + "\n")
    elif how == "new":
        git(repository, "rm", "-q", "--cached", "fish_model/api.py")
    else:
        api.chmod(0o444)
    done = modelport("check", "--upgrade", "--write", ".", cwd=repository)
    assert done.returncode == 1
    why = "is read-only" if how == "read-only" else "has changes that are not committed"
    assert f"Error: {api} {why}; nothing was written" in done.stderr
    assert api.read_text().rstrip() == API.rstrip()
    assert (repository / "pyproject.toml").read_text() == PROJECT


def test_write_is_for_the_upgrade_alone(tmp_path: Path) -> None:
    done = modelport("check", "--write", str(written(tmp_path / "fish")))
    assert (done.returncode, "--write is for --upgrade" in done.stderr) == (2, True)


@pytest.mark.parametrize("text", ["no_such_fish", "no_such_fish.py"])
def test_what_is_not_there_is_said(text: str) -> None:
    done = modelport("check", "--upgrade", text)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no" in done.stderr


@pytest.fixture(scope="module")
def installed_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The package as pip installs it, before its upgrade and after it."""
    folder = tmp_path_factory.mktemp("fish")
    source = written(folder / "source")
    return installed(source, folder / "before"), installed(upgraded(source), folder / "after")


def installed(source: Path, target: Path) -> Path:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(target),
    ]
    done = subprocess.run([*pip, str(source)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return target


def upgraded(source: Path) -> Path:
    done = modelport("check", "--upgrade", "--write", str(source))
    assert done.returncode == 0, done.stdout + done.stderr
    return source


def path_of(target: Path) -> str:
    return os.pathsep.join([str(target), str(ROOT / "src")])


@pytest.mark.slow
def test_a_package_answers_after_its_upgrade_as_before(installed_twice: tuple[Path, Path]) -> None:
    before, after = (list(answers(target)) for target in installed_twice)
    assert before[:-1] == after[:-1]
    assert ("deepaas.model of DEEPaaS V1" in before[-1], "deprecated" in after[-1]) == (True, False), after[
        -1
    ]


def answers(target: Path) -> Iterator[Any]:
    """What a server with what is installed there answers, and its log."""
    with serving(PYTHONPATH=path_of(target), cwd=target) as server:
        predict = "/v2/models/fish/predict/"
        files = [("data", ("cod.txt", b"12345")), ("data", ("eel.txt", b"1"))]
        for sent in (
            {"files": files},
            {"files": files, "params": {"top": "1"}},
            {"params": {"urls": ["http://localhost/cod", "https://example.org/eel"]}},
            {"json": {"urls": ["nowhere"]}},
            {"params": {"urls": "http://localhost/cod"}, "files": files},
            {},
        ):
            answer = server.client.post(predict, **sent)  # pyright: ignore
            body = answer.json()
            yield answer.status_code, body.get("detail", body)
        answer = server.client.post("/v2/models/fish/train/", params={"epochs": "7"})
        job_calls.ended(server.client, answer.json()["uuid"])
        ended = server.client.get(f"/v2/models/fish/train/{answer.json()['uuid']}").json()
        yield ended["result"]["output"]
        shown = server.client.get("/swagger.json").json()["paths"][predict]["post"]["parameters"]
        yield [(one["name"], one["in"], one.get("type"), one.get("default")) for one in shown]
        yield server.log  # which is read beside, and so at the end


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fish-model", "fish_model", "fish", "entrypoint:fish", "fish_model.api"])
def test_an_installed_package_is_looked_at_and_left_alone(
    installed_twice: tuple[Path, Path], name: str
) -> None:
    before = installed_twice[0]
    done = modelport("check", "--upgrade", "--write", name, PYTHONPATH=path_of(before))
    assert done.returncode == 1, done.stderr
    assert "0 edits written, 10 things to do by hand" in done.stdout
    assert "not by --write: it is installed, and pip knows what it has installed" in done.stdout
    assert "api.py:" in done.stdout
    assert (before / "fish_model" / "api.py").read_text() == API


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("setup.cfg", SETUP_CFG),
        ("setup.cfg", PBR),
        ("setup.py", SETUP),
        ("pyproject.toml", POETRY),
        ("setup.py", IN_TEXT),
    ],
)
def test_the_group_is_found_wherever_it_is_written(tmp_path: Path, file: str, text: str) -> None:
    folder = written(tmp_path / "fish", project={file: text})
    [found] = found_in(folder)["Namespace of the entry point"]
    is_in_text = text == IN_TEXT
    wanted = 2 if is_in_text else line_of(text, "deepaas.model")
    assert found.place.endswith(f"{file}:{wanted}")
    after = after_edits(folder)
    assert after["api.py"] == UPGRADED
    assert after.get(file, text) == (
        text if is_in_text else text.replace("deepaas.model", "deepaas.v2.model")
    )


@pytest.mark.parametrize(
    ("old", "new", "title", "why"),
    [
        ('"required": False}}', '"required": False, "location": "json"}}', ARGUMENTS, "location"),
        ('            "default": 0.5', '            # why\n            "default": 0.5', ARGUMENTS, "comment"),
        ('"type": float', '"type": config.Rate', ARGUMENTS, "its type is none of"),
        ("import json\n", "import json\nfields = []\n", ARGUMENTS, "'fields' means something else"),
        ("    # what is told\n    return ", "    return config.options or ", INPUTS, "made elsewhere"),
        ('"top": {', '"files": {', INPUTS, "an argument 'files' already"),
        ("def predict_url(args)", "def predict_url(args, more=1)", PREDICT, "one dictionary alone"),
        ("file.read()", "file.read(3)", FILES, "it works as it is"),
        ("# the bytes", "file.seek(0)", FILES, "it works as it is"),
        ("file.read()", "config.weight(file)", PREDICT, "may ask for their names"),
        ("\n\ndef train", "\n\ndef main():\n    train({})\n\n\ndef train", PREDICT, "calls it with"),
    ],
)  # fmt: skip
def test_what_is_not_safe_is_said_and_left(tmp_path: Path, old: str, new: str, title: str, why: str) -> None:
    assert old in API
    helper = "FACTOR = 2\n\ndef weight(file):\n    return len(file.filename)\n"
    folder = written(tmp_path / "fish", API.replace(old, new), config=helper)
    found = found_in(folder)
    reasons = [one for one in found[title] if why in one.why_not]
    assert reasons, [one.why_not for one in found[title]]
    assert all(one.edits == [] for one in reasons)
    made = after_edits(folder)
    if title in (INPUTS, PREDICT):
        assert "def predict(" not in made["api.py"]
        assert "original_filename" not in made["api.py"], "what belongs together is left together"


def test_line_ends_stay_and_files_that_cannot_be_placed_are_left(tmp_path: Path) -> None:
    folder = written(tmp_path / "crlf", API.replace("\n", "\r\n"))
    assert after_edits(folder)["api.py"] == UPGRADED.replace("\n", "\r\n")
    for number, odd in enumerate(["\ufeff" + API, API.replace("import json\n", "import json\r#\n")]):
        folder = written(tmp_path / f"odd{number}", odd)
        assert set(after_edits(folder)) == {"pyproject.toml"}
    folder = written(tmp_path / "latin", "")
    (folder / "fish_model" / "api.py").write_bytes(b"# -*- coding: latin-1 -*-\n# \xe4\n" + API.encode())
    assert set(after_edits(folder)) == {"pyproject.toml"}


def test_models_in_classes_become_those_of_v2_too(tmp_path: Path) -> None:
    code = (
        "class Fish:\n    def predict_url(self, args):\n        return args['urls']\n\n"
        "    def train(self, args):\n        return args\n\nfish = Fish()\n"
    )
    folder = written(tmp_path / "fish", code, {"setup.cfg": SETUP_CFG.replace("api", "api:fish")})
    after = after_edits(folder)["api.py"]
    space: dict[str, Any] = {}
    exec(compile(after, "api.py", "exec"), space)
    model = space["fish"]
    assert list(model.get_predict_args()) == ["urls"]
    assert model.get_predict_args()["urls"].required
    assert model.predict(urls=["a"]) == ["a"]
    assert model.train(epochs=1) == {"epochs": 1}
    assert after.startswith("from webargs import fields\nclass Fish:\n    def get_predict_args(self):\n")


def test_code_of_python_2_is_named_and_so_is_what_forbids_this_python(tmp_path: Path) -> None:
    folder = written(
        tmp_path / "fish",
        project={"setup.cfg": SETUP_CFG + "[options]\npython_requires = <3.8\n"},
        old="print 'x'\n",
    )
    broken, requires = found_in(folder)["Python version"]
    assert "requires Python <3.8" in requires.said
    assert broken.place.endswith("fish_model/old.py:1")
    assert "cannot read it" in broken.said


def test_a_model_in_the_middle_of_its_upgrade_keeps_its_own_predict(tmp_path: Path) -> None:
    glue = "\n\ndef predict(**args):\n    return predict_data(args)\n"
    folder = written(tmp_path / "fish", API + glue)
    found = found_in(folder)
    assert found[INPUTS] == []
    assert [one.write for one in found[FILES]] == ['open(file.filename, "rb").read()']
    assert "original_filename" not in after_edits(folder)["api.py"]


def test_what_knows_werkzeugs_class_is_named(tmp_path: Path) -> None:
    code = API.replace("import json\n", "import json\nfrom werkzeug.datastructures import FileStorage\n")
    code = code.replace("        # the bytes\n", "        assert isinstance(file, FileStorage)\n")
    found = [one for one in found_in(written(tmp_path / "fish", code))[FILES] if "class" in one.said]
    assert [one.place.rpartition(":")[2] for one in found] == [str(line_of(code, "assert isinstance"))]


CATCH = """

def catch_error(f):
    def wrap(*args, **kwargs):
        return f(*args, **kwargs)
    return wrap


@catch_error
def predict_data"""
TRAIN = "\n@catch_error\ndef train(args)"


def test_a_decorator_that_hands_all_on_changes_nothing(tmp_path: Path) -> None:
    code = API.replace("\n\ndef predict_data", CATCH).replace("\ndef train(args)", TRAIN)
    after = after_edits(written(tmp_path / "fish", code))["api.py"]
    assert after == UPGRADED.replace("\n\ndef predict_data", CATCH).replace(
        "\ndef train(**args)", TRAIN.replace("args", "**args")
    )
    unknown = code.replace("def wrap(*args, **kwargs)", "def wrap(first)")
    assert "def predict(" not in after_edits(written(tmp_path / "other", unknown))["api.py"]


def test_a_helper_called_predict_is_left_and_so_is_what_it_would_shadow(tmp_path: Path) -> None:
    code = API.replace("import json\n", "import json\nfrom fish_model.config import predict\n")
    folder = written(tmp_path / "fish", code, config="FACTOR = 2\n\ndef predict(files):\n    return files\n")
    [merged, _] = found_in(folder)[PREDICT]
    assert "'predict' means something else" in merged.why_not
    after = after_edits(folder)["api.py"]
    assert "def get_test_args()" in after, "else it would be taken for a model of V2"
    assert "original_filename" not in after


def test_what_has_no_entry_point_is_told_so(tmp_path: Path) -> None:
    [found] = found_in(written(tmp_path / "fish", project={}))["Namespace of the entry point"]
    assert "neither deepaas.v2.model nor deepaas.model" in found.said


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "fish", project={})
    for number in range(2001):
        (folder / f"m{number}.py").touch()
    with pytest.raises(click.UsageError, match="more than 2000"):
        find_package(str(folder))


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        "default": st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | TEXTS,
        "help": TEXTS,
        "required": st.booleans(),
        "choices": st.lists(TEXTS, max_size=2),
    },
)


@given(ENTRIES)
def test_a_field_says_what_its_dictionary_said(entry: dict[str, Any]) -> None:
    file = SourceFile(Path("api.py"), f"x = {entry!r}\n".encode())
    [assigned] = file.tree.body
    assert isinstance(assigned, ast.Assign)
    assert isinstance(assigned.value, ast.Dict)
    parts, why_not = field_of(file, assigned.value)
    assert why_not == ""
    from webargs import fields

    field = eval(called(*parts), {"fields": fields})
    wanted = as_fields({"x": entry}, "get_test_args()", [])["x"]
    assert type(field) is type(wanted)
    assert (field.required, field.load_default) == (wanted.required, wanted.load_default)
    for key in ("description", "enum"):
        assert field.metadata.get(key, "") == wanted.metadata.get(key, "")
