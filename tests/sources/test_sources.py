"""Where models come from: source strings of every kind, and entry points of installed packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from serving import MODELS, ROOT, Server, environment, serving

from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.contract.places import Places
from modelport.contract.uploaded_file import UploadedFile
from modelport.sources.load import load_model
from modelport.sources.source import parse_source

TALKS = """
import {helper}

WORD = "{word}"

def predict():
    return WORD + {helper}.SUFFIX

class Talker:
    class Inner:
        def predict(self):
            return "inner of " + WORD

    def predict(self):
        return "class of " + WORD

talker = Talker()
"""


def write_package(folder: Path, name: str) -> None:
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helping.py").write_text("SUFFIX = ' of a package'\n")
    (package / "api.py").write_text(TALKS.format(helper=f"{name}.helping", word=name))


def install(folder: Path, package: str, entries: dict[str, str], group: str = "deepaas.v2.model") -> None:
    """What an installer leaves of a package with these entry points."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {target}" for name, target in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))


def path_of(*folders: Path) -> str:
    return os.pathsep.join(map(str, [*folders, MODELS, ROOT / "src"]))


def test_what_a_model_says_of_warnings_holds_when_it_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "quiet.py").write_text(
        "import warnings\nwarnings.filterwarnings('ignore', 'never mind')\n"
        "def predict():\n    warnings.warn('never mind')\n    return 1\n"
    )
    before = list(warnings.filters)
    model = load_model(parse_source(str(tmp_path / "quiet.py")))
    added = [entry for entry in warnings.filters if entry not in before]
    assert [entry[1].pattern for entry in added] == ["never mind"]
    assert model.call("predict", {}) == 1  # where warnings are errors


def answers(server: Server) -> dict[str, Any]:
    """What each model answers, by its name; `None` where it fails."""
    found: dict[str, Any] = {}
    for model in server.client.get("/v2/health/ready").json()["models"]:
        answer = server.client.post(f"/v2/models/{model}/predict/")
        body = answer.json()
        found[model] = body["predictions"] if isinstance(body, dict) and "predictions" in body else None
    return found


def refusal(*arguments: str, **variables: str) -> str:
    """What a server that does not start says."""
    command = [sys.executable, "-m", "modelport", "serve", "--port", "0", *arguments]
    ended = subprocess.run(command, env=environment(**variables), capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    return " ".join(ended.stderr.split())


def test_every_kind_of_source(tmp_path: Path) -> None:
    write_package(tmp_path, "talking")
    folder = tmp_path / "a:folder"
    folder.mkdir()
    (folder / "beside.py").write_text("SUFFIX = ' of a file'\n")
    for name in ("random", "spoken-word"):  # one hides a module of Python's own, one is no identifier
        (folder / f"{name}.py").write_text(TALKS.format(helper="beside", word=name))
    (tmp_path / "local.py").write_text("def predict():\n    return 'local'\n")
    (tmp_path / "typed.py").write_text(
        "from __future__ import annotations\nimport modelport\n\n"
        "class Only(modelport.Model):\n    def predict(self, n: int = 1) -> int:\n        return n\n"
    )
    install(tmp_path, "talking", {"installed": "talking.api:Talker"})
    sources = [
        "talking.api",
        "class=talking.api:Talker",
        "inner=talking.api:Talker.Inner",
        "object=talking.api:talker",
        "a:folder/random.py",
        "file-class=a:folder/spoken-word.py:Talker",
        f"absolute={folder}/spoken-word.py",
        "local",
        "local-file=local.py",
        "typed.py",
        "entrypoint:installed",
        "renamed=entrypoint:installed",
    ]
    with serving(*sources, cwd=tmp_path, PYTHONPATH=path_of(tmp_path)) as server:
        found = answers(server)
        assert server.client.post("/v2/models/typed/predict/").json() == 1
    assert found == {
        "talking": "talking of a package",
        "class": "class of talking",
        "inner": "inner of talking",
        "object": "class of talking",
        "random": "random of a file",
        "file-class": "class of spoken-word",
        "absolute": "spoken-word of a file",
        "local": "local",
        "local-file": "local",
        "typed": None,  # a typed answer has no envelope
        "installed": "class of talking",
        "renamed": "class of talking",
    }


def test_every_installed_entry_point_is_served_at_once(tmp_path: Path) -> None:
    write_package(tmp_path, "talking")
    install(
        tmp_path,
        "talking",
        {"by-module": "talking.api", "by-class": "talking.api:Talker", "gone": "talking.x"},
    )
    install(tmp_path, "second", {"second": "talking.api:talker [extra]"})
    install(tmp_path, "older", {"old-name": "talking.api"}, group="deepaas.model")
    with serving(PYTHONPATH=path_of(tmp_path)) as server:
        assert answers(server) == {
            "by-module": "talking of a package",
            "by-class": "class of talking",
            "second": "class of talking",
            "gone": None,
        }
        state = server.client.get("/v2/health/ready").json()["models"]["gone"]
        assert "there is no module 'talking.x'" in state["error"]


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (("--model-name", "by-class"), {}),
        ((), {"DEEPAAS_V2_MODEL": "by-class"}),
        ((), {"MODELPORT_MODEL_NAME": "by-class"}),
    ],
    ids=["option", "variable of DEEPaaS", "variable"],
)
def test_model_name_picks_one(tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str]) -> None:
    write_package(tmp_path, "talking")
    install(tmp_path, "talking", {"by-module": "talking.api", "by-class": "talking.api:Talker"})
    with serving(*arguments, PYTHONPATH=path_of(tmp_path), **variables) as server:
        assert answers(server) == {"by-class": "class of talking"}


def test_the_older_group_counts_where_the_new_one_is_empty(tmp_path: Path) -> None:
    write_package(tmp_path, "talking")
    install(tmp_path, "talking", {"old-name": "talking.api"}, group="deepaas.model")
    with serving(PYTHONPATH=path_of(tmp_path)) as server:
        assert answers(server) == {"old-name": "talking of a package"}


def test_a_start_that_names_no_model(tmp_path: Path) -> None:
    install(tmp_path, "talking", {"one": "talking.api"})
    path = path_of(tmp_path)
    assert "no model is called 'two' (there is: one)" in refusal("--model-name", "two", PYTHONPATH=path)
    assert "no entry point 'two'" in refusal("entrypoint:two", PYTHONPATH=path)
    assert "(installed: one)" in refusal("entrypoint:two", PYTHONPATH=path)
    twice = refusal("a/local.py", "b/local.py", PYTHONPATH=path)
    assert "two models are called 'local'; name one of them: OTHER=a/local.py" in twice
    assert "there is no model to serve" in refusal(PYTHONPATH=path_of())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("package.module", ("module", "module", "package.module", "")),
        ("package.module:Class", ("module", "module", "package.module", "Class")),
        ("package.api", ("package", "module", "package.api", "")),
        ("my-name.1=package.module", ("my-name.1", "module", "package.module", "")),
        ("digits/model.py", ("digits", "file", "digits/model.py", "")),
        ("digits/best.py:Best", ("best", "file", "digits/best.py", "Best")),
        ("./a=b/model.py", ("a=b", None, None, None)),
        ("n=./a=b/model.py", ("n", "file", "./a=b/model.py", "")),
        ("/a:b/c.py", ("c", "file", "/a:b/c.py", "")),
    ],
)
def test_source_strings(text: str, expected: tuple[Any, ...]) -> None:
    if expected[1] is None:
        with pytest.raises(ModelLoadError, match=r"cannot be a model's name.*write NAME=SOURCE"):
            parse_source(text)
        return
    source = parse_source(text)
    assert (source.name, source.kind, source.target, source.attribute) == expected


@pytest.mark.parametrize(
    "text",
    ["", "=", "name=", "two words", "package.module:", "package.module:a b", "1module", "a..b", "x=:C"],
)
def test_what_is_no_source_is_said(text: str) -> None:
    with pytest.raises(ModelLoadError, match=r"is no source|is not the name of a class"):
        parse_source(text)


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("class Twice:\n    def predict(self, X): return [2 * x for x in X]\n\nmodel = Twice()\n", [2]),
        ("def model(X): return [3 * x for x in X]\n", [3]),
        (
            "class Other:\n    def predict(self, X): ...\n\nmodel = Other()\ndef predict(x: int): return 7\n",
            7,
        ),
    ],
)
def test_a_file_means_its_own_functions_or_its_object_called_model(
    tmp_path: Path, code: str, answer: Any
) -> None:
    path = tmp_path / "trained.py"
    path.write_text(code)
    served = load_model(parse_source(str(path)))
    argument = served.signature.predict.arguments[0].name
    given = {argument: [1] if argument == "X" else 1}
    assert served.call("predict", served.bind("predict", Places(json=given))) == answer


OF_FRAME = (
    "import pandas as pd\n{}def predict({}df: pd.DataFrame, k: int = 2): return [k, df.to_dict('list')]\n"
)
CSV = b"a,b\n1,x\n3,y\n"


@pytest.mark.parametrize(
    ("code", "attribute"),
    [(OF_FRAME.format("", ""), ""), (OF_FRAME.format("class Own:\n  ", "self, "), ":Own")],
    ids=["functions", "a class"],
)
def test_a_frame_is_a_table_of_a_file_as_of_a_model(tmp_path: Path, code: str, attribute: str) -> None:
    path = tmp_path / "framed.py"
    path.write_text(code)
    served = load_model(parse_source(f"{path}{attribute}"))
    operation = served.signature.predict
    assert operation.sole_file is not None
    assert operation.sole_file.name == "df"
    (tmp_path / "rows.csv").write_bytes(CSV)
    upload = UploadedFile("df", str(tmp_path / "rows.csv"), "text/csv", "rows.csv")
    for places in (Places(form={"df": [upload]}), Places(query={"df": [CSV.decode()]})):
        answer = served.call("predict", served.bind("predict", places))
        assert answer == [2, {"a": [1, 3], "b": ["x", "y"]}]
    rows = {"df": [[1, "x"]], "k": 3}
    places = Places(json=rows, raw_json=json.dumps(rows).encode())
    assert served.call("predict", served.bind("predict", places)) == [3, {"0": [1], "1": ["x"]}]


def test_arrays_are_natural_to_functions_and_rows_to_objects(tmp_path: Path) -> None:
    path = tmp_path / "arrays.py"
    code = "import numpy as np\ndef predict(x: np.ndarray, by: float = 1.0): return (by * x).tolist()\n"
    path.write_text(f"{code}class Own:\n    def predict(self, x: np.ndarray): return x.tolist()\n")
    assert load_model(parse_source(str(path))).signature.contract == "typed"
    assert load_model(parse_source(f"{path}:Own")).signature.contract == "object"
    asked = ModelOptions(rows_as="numpy")
    assert load_model(parse_source(str(path), asked)).signature.contract == "object"


def test_a_file_without_a_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nothing.py"
    path.write_text("model = 5\n")
    with pytest.raises(ModelLoadError, match="it has no predict"):
        load_model(parse_source(str(path)))


@pytest.mark.parametrize(
    ("code", "named"),
    [
        ("class Fitted:\n    def predict(self, X): return X\n\npipe = Fitted()\n", "Fitted or {}:pipe"),
        ("import json\n_model = None\nclass Best:\n    def predict(self): ...\n", "Best"),
        ("def classify(text): return text\n", "classify"),
    ],
)
def test_a_file_without_a_model_is_told_what_it_has_instead(tmp_path: Path, code: str, named: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(code)
    with pytest.raises(ModelLoadError) as refused:
        load_model(parse_source(str(path)))
    assert str(refused.value).endswith(f"; name what it has that can be served: {path}:" + named.format(path))


@pytest.mark.parametrize("written", ["churn", "churn.joblb", "churn.gz", "churn.pkl", "./churn.pkl"])
def test_a_misspelt_file_is_told_the_file_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    (tmp_path / "churn.joblib").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelLoadError, match=r"did you mean 'churn\.joblib'\?"):
        load_model(parse_source(written))


def test_a_function_is_described_by_its_own_words(tmp_path: Path) -> None:
    path = tmp_path / "spoken.py"
    path.write_text('def louder(text: str):\n    """Says it louder."""\n    return text.upper()\n')
    described = load_model(parse_source(f"{path}:louder")).signature.metadata["description"]
    assert described == "Says it louder."


def test_a_load_model_with_a_yield_fails_the_load_of_what_was_saved(tmp_path: Path) -> None:
    path, saved = tmp_path / "loads.py", tmp_path / "saved.txt"
    path.write_text(
        "def load_model(path):\n    yield 'nothing of this runs'\n\ndef predict():\n    return 1\n"
    )
    saved.touch()
    with pytest.raises(
        ModelLoadError, match=r"load_model\('saved\.txt'\) failed: TypeError: it gives a gener"
    ):
        load_model(replace(parse_source(str(path)), saved=str(saved)))
