"""`modelport deepaas-run` and `modelport deepaas-cli` answer to DEEPaaS's own options."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import cli_models
import pytest
from cli_process import installed, modelport
from serving import ROOT, Server, environment

from modelport import __version__

PICTURE = """
import io
from pathlib import Path
from webargs import fields, validate

class Picture:
    def get_predict_args(self):
        choices = ["application/json", "image/png"]
        return {
            "files": fields.Field(type="file", location="form", missing=None),
            "mask": fields.Field(type="file", location="form", missing=None),
            "accept": fields.Str(validate=validate.OneOf(choices)),
        }

    def predict(self, files, mask, accept):
        return io.BytesIO(b"PNG of %d" % len(Path(files.filename).read_bytes()))
"""
EVERY = ("Echo", "Upload", "Media", "Fails")


@pytest.fixture
def one(tmp_path: Path) -> dict[str, str]:
    return installed(tmp_path / "site", echo="cli_models:Echo")


@pytest.fixture
def many(tmp_path: Path) -> dict[str, str]:
    return installed(tmp_path / "site", **{name: f"cli_models:{name}" for name in EVERY})


def deepaas_run(*arguments: str, **variables: str) -> Server:
    process = subprocess.Popen(
        [sys.executable, "-m", "modelport", "deepaas-run", *arguments],
        env=environment(**variables) | variables,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        return Server(process)
    except BaseException:
        process.kill()
        process.wait()
        raise


def test_deepaas_run_takes_deepaas_options_and_names_those_that_mean_nothing(
    tmp_path: Path, many: dict[str, str]
) -> None:
    file = tmp_path / "deepaas.conf"
    file.write_text("[DEFAULT]\nlisten-port = 0\nmodel-name = Echo\nuse_stderr = true\n[oslo]\nx = 1\n")
    server = deepaas_run(
        "--config-file", str(file), "--listen-ip", "127.0.0.1", "--model-name", "Media", "--base-path", "/x",
        "-p", "1", "--client-max-size", "0", "--nowarm", "--notrain-endpoint", "--debug-endpoint", "-d",
        "--nodoc-endpoint", "--openwhisk-detect", "--log-dir", "somewhere", **many,
    )  # fmt: skip
    try:
        server.wait_settled()
        assert server.url.endswith("/x")
        assert [m["name"] for m in server.client.get("/v2/models/").json()["models"]] == ["Media"]
        assert server.client.post("/v2/models/Media/predict/").status_code == 200
        assert server.client.post("/v2/models/Media/train/").status_code == 402
        assert server.client.get("/docs").status_code == 404
        assert server.client.get("/v2/debug/").status_code == 200
        ignored = server.wait_for_log("these mean nothing here, and are ignored: (.*)").group(1)
        assert ignored == f"--openwhisk-detect, --log-dir, use_stderr (in {file})"
    finally:
        server.stop()


def test_deepaas_run_without_an_installed_model_says_what_to_do() -> None:
    done = modelport("deepaas-run", "--listen-port", "0")
    assert done.returncode == 2
    assert "there is no model to serve" in done.stderr


def test_a_second_deepaas_run_has_the_option_that_it_is_told_to_use(
    tmp_path: Path, one: dict[str, str]
) -> None:
    command = ("--listen-ip", "127.0.0.1", "--listen-port", "0")
    first = deepaas_run(*command, MODELPORT_DATA_DIR=str(tmp_path / "both"), **one)
    try:
        second = deepaas_run(*command, MODELPORT_DATA_DIR=str(tmp_path / "both"), **one)
        try:
            second.wait_settled()
            assert first.client.get("/v2/jobs").status_code == 200
            refused = second.client.get("/v2/jobs")
            assert refused.status_code == 503
            assert "give this one its own with --data-dir or MODELPORT_DATA_DIR" in refused.json()["detail"]
        finally:
            second.stop()
        own = ("--data-dir", str(tmp_path / "own"))
        third = deepaas_run(*command, *own, MODELPORT_DATA_DIR=str(tmp_path / "both"), **one)
        try:
            assert third.client.get("/v2/jobs").status_code == 200
        finally:
            third.stop()
    finally:
        first.stop()
    assert "--data-dir" not in modelport("deepaas-run", "--help").stdout, "DEEPaaS's own options are shown"


def test_a_variable_stands_between_the_options_and_the_file(tmp_path: Path, many: dict[str, str]) -> None:
    file = tmp_path / "deepaas.ini"
    file.write_text("[DEFAULT]\nmodel-name = Fails\n")
    options = ("deepaas-cli", "--config-file", str(file), "predict")
    assert "the loss is not a number" in modelport(*options, **many).stderr
    by_variable = modelport(*options, DEEPAAS_V2_MODEL="Media", **many)
    assert json.loads(by_variable.stdout) == {"is": "application/json"}


def test_get_metadata(tmp_path: Path, one: dict[str, str]) -> None:
    done = modelport("deepaas-cli", "get_metadata", **one)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["description"] == "Says what it heard."
    output = tmp_path / "new" / "metadata.json"
    stored = modelport("deepaas-cli", "--deepaas_method_output", str(output), "get_metadata", **one)
    assert stored.stdout == ""
    assert json.loads(output.read_text()) == json.loads(done.stdout)
    bare = modelport("deepaas-cli", **one)
    assert bare.stdout == done.stdout, "without a method DEEPaaS answers the metadata"
    assert "no method was given" in bare.stderr


def test_predict_takes_python_literals_and_answers_the_bare_value(one: dict[str, str]) -> None:
    done = modelport(
        "deepaas-cli", "predict", "--text", "t", "--flag", "True", "--tags", "['a', 'b']",
        "--numbers", "[1, 2]", "--options", "{'a': (1, None), 'b': True}",
        "--break_it", "yes", "--count", "7", **one,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["flag"] is True
    assert (answer["tags"], answer["numbers"], answer["count"]) == (["a", "b"], [1, 2], 7)
    assert answer["options"] == {"a": [1, None], "b": True}
    assert answer["break_it"] == "yes"


def test_predict_takes_paths_and_stores_by_media_type(tmp_path: Path, many: dict[str, str]) -> None:
    picture = tmp_path / "one.png"
    picture.write_bytes(cli_models.PNG)
    done = modelport("deepaas-cli", "--model-name", "Upload", "predict", "--data", str(picture), **many)
    assert json.loads(done.stdout) == [["data", "image/png", "one.png", len(cli_models.PNG)]]
    output = tmp_path / "answers" / "answer"
    options = ("deepaas-cli", "--deepaas_method_output", str(output), "--model-name=Media", "predict")
    done = modelport(*options, "--accept", "image/png", **many)
    assert done.returncode == 0, done.stderr
    assert output.with_suffix(".png").read_bytes() == cli_models.PNG
    modelport(*options, **many)
    assert json.loads(output.with_suffix(".json").read_text()) == {"is": "application/json"}


def test_a_folder_of_configuration_files_is_read_after_the_files(
    tmp_path: Path, many: dict[str, str]
) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (tmp_path / "first.conf").write_text("[DEFAULT]\nmodel-name = Fails\nuse_stderr = true\n")
    (folder / "2.conf").write_text("[DEFAULT]\nmodel-name = Media\n")
    (folder / "1.conf").write_text("[DEFAULT]\nmodel-name = Upload\n")
    (folder / "3.ini").write_text("[DEFAULT]\nmodel-name = Echo\n")
    options = ("--config-dir", str(folder), "--config-file", str(tmp_path / "first.conf"))
    done = modelport("deepaas-cli", *options, "predict", **many)
    assert json.loads(done.stdout) == {"is": "application/json"}
    assert "ignored: use_stderr (in" in done.stderr
    done = modelport("deepaas-cli", "--config-dir", str(tmp_path / "none"), "predict", **many)
    assert (done.returncode, "does not exist" in done.stderr) == (2, True)


def test_options_of_servers_mean_nothing_to_a_single_call(one: dict[str, str]) -> None:
    done = modelport("deepaas-cli", "--workers", "2", "--nodoc-endpoint", "get_metadata", **one)
    assert done.returncode == 0, done.stderr
    assert "are ignored: --workers, --doc-endpoint\n" in done.stderr


@pytest.mark.parametrize(
    ("model", "input_", "extension", "answer"),
    [
        ("first_version", "words.txt", ".json", None),
        (
            "first_version",
            "https://models.test/words.txt",
            ".json",
            [["https://models.test/words.txt"], None, "str"],
        ),
        ("predicting:Picture", "words.txt", ".png", b"PNG of 5"),
    ],
)
def test_deepaas_predict_writes_the_answer_into_a_folder(
    tmp_path: Path, model: str, input_: str, extension: str, answer: Any
) -> None:
    site = installed(tmp_path / "site", some=model)
    (tmp_path / "site" / "predicting.py").write_text(PICTURE)
    (tmp_path / "words.txt").write_text("words")
    output = tmp_path / "made" / "here"
    url = ["-u"] if "://" in input_ else []
    kind = [] if extension == ".json" else ["-ct", "image/png"]
    done = modelport("deepaas-predict", "-i", input_, "-o", str(output), *url, *kind, cwd=tmp_path, **site)
    assert done.returncode == 0, done.stderr
    file = output / f"out_words{extension}"
    assert done.stdout == f"Output saved at {file}\n"
    assert "deepaas-predict is deprecated" in done.stderr
    if extension == ".png":
        assert file.read_bytes() == answer
        return
    said = json.loads(file.read_text())
    if answer is None:
        assert (said["files"][0]["filename"], said["files"][0]["lines"]) == ("words.txt", ["words"])
    else:
        assert said == answer


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "out"], "Missing option '-i' / '--input-file'"),
        (["-i", "a.txt", "-o", "out"], "there is no file a.txt (a URL needs --url)"),
        (
            ["-i", "http://a.test/", "-u", "-o", "out"],
            "takes --data, --more, --options: which of them is the URL",
        ),
        (["-i", "cli_models.py", "-o", "cli_models.py"], "is a file"),
        (["-i", "cli_models.py", "-o", "out", "-ct", "image/png"], "can answer application/json"),
    ],
)
def test_what_deepaas_predict_cannot_do_is_said(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = modelport("deepaas-predict", *arguments, **installed(tmp_path, Upload="cli_models:Upload"))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())
    assert not (Path(cli_models.__file__).parent / "out").exists()


@pytest.mark.parametrize("program", ["run", "cli", "predict"])
def test_the_programs_of_the_extra_are_these_commands(tmp_path: Path, program: str) -> None:
    project = tomllib.loads((ROOT / "packages/deepaas-commands/pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"][f"deepaas-{program}"].partition(":")
    code = f"import sys; from {module} import {function}; sys.exit({function}())"
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        env=environment(),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "2.6.0\n")
    assert done.stderr == f"modelport {__version__} in place of DEEPaaS\n"
    assert project["version"] == __version__


@pytest.mark.parametrize("command", ["deepaas-run", "deepaas-cli", "deepaas-predict"])
def test_the_version_is_that_of_deepaas_and_ours(command: str) -> None:
    done = modelport(command, "--version")
    assert (done.returncode, done.stdout) == (0, "2.6.0\n")
    assert done.stderr == f"modelport {__version__} in place of DEEPaaS\n"


def test_an_option_has_the_name_that_is_sent_and_the_name_of_the_field(tmp_path: Path) -> None:
    template = installed(tmp_path, Template="published_models:Template")
    picture = tmp_path / "what.txt"
    picture.write_text("what it says")
    output = tmp_path / "answer"
    for option in ("--data", "--input_file", "--input-file"):
        options = ("--deepaas_method_output", str(output), "predict", option, str(picture))
        done = modelport("deepaas-cli", *options, **template)
        assert done.returncode == 0, done.stderr
        assert f"New output is {output}.json" in done.stderr
        assert json.loads(output.with_suffix(".json").read_text())["read"] == "what it says"


def test_warm_runs_alone(one: dict[str, str]) -> None:
    done = modelport("deepaas-cli", "--nodeepaas_with_multiprocessing", "warm", **one)
    assert (done.returncode, done.stdout) == (0, "")
    assert "warming up" in done.stderr
    assert "are ignored: --deepaas_with_multiprocessing" in done.stderr


RECORD = ["date", "args", "status", "uuid", "result"]


def returned(log: str) -> list[str]:
    """What scripts of AI4OS find: `grep "return:" | sed -E "s/^.*return: //"`."""
    return [line.partition("return: ")[2] for line in log.splitlines() if "return: " in line]


def test_train_runs_here_and_answers_the_record_of_deepaas(tmp_path: Path) -> None:
    trains = installed(tmp_path / "site", trains="cli_models:Trains")
    here = tmp_path / "here"
    here.mkdir()
    data = tmp_path / "data.csv"
    data.write_text("a,b\n")
    options = ["--epochs", "3", "--flag", "True", "--tags", "['a', 'b']", "--data", str(data)]
    done = modelport("deepaas-cli", "train", *options, cwd=here, **trains)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert (list(record), record["status"]) == (RECORD, "done")
    given = {"epochs": 3, "flag": True, "tags": ["a", "b"], "fail": False}
    assert record["args"] == given | {"data": ["data", "text/csv", "data.csv"]}
    assert record["result"]["output"] == {"epochs": 3, "flag": True, "tags": ["a", "b"], "size": 4}
    ended = datetime.fromisoformat(record["date"]) + _duration(record["result"]["duration"])
    assert str(ended) == record["result"]["finish_date"]
    assert returned(done.stderr) == [done.stdout.strip()]
    assert "training for 3 epochs" in done.stderr.splitlines()
    assert list(here.iterdir()) == [], "DEEPaaS leaves nothing behind"
    stored = tmp_path / "results" / "180101-train.out"
    written = ["--deepaas_method_output", str(stored), "--nowarm", "train"]
    done = modelport("deepaas-cli", *written, cwd=here, **trains)
    assert (done.stdout, returned(done.stderr)) == ("", [f"Output is saved in {stored}"])
    record = json.loads(stored.read_text())
    assert (list(record), record["args"]["epochs"], record["result"]["output"]["epochs"]) == (RECORD, 2, 2)


def _duration(text: str) -> timedelta:
    hours, minutes, seconds = text.split(":")
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=float(seconds))


def test_the_log_says_what_was_returned_as_python_does(tmp_path: Path) -> None:
    says = installed(tmp_path / "site", Says="cli_models:Says")
    done = modelport("deepaas-cli", "predict", **says)
    assert json.loads(done.stdout) == {"status": "OK", "good": True, "nothing": None, "text": "it's"}
    assert [ast.literal_eval(text) for text in returned(done.stderr)] == [json.loads(done.stdout)]
    assert "return: {'status': 'OK', " in done.stderr
    output = tmp_path / "answer"
    done = modelport("deepaas-cli", "--deepaas_method_output", str(output), "predict", **says)
    assert returned(done.stderr) == [f"Output is saved in {output}.json"]
    done = modelport("deepaas-cli", "get_metadata", **says)
    assert [json.loads(text) for text in returned(done.stderr)] == [json.loads(done.stdout)]
    done = modelport("deepaas-cli", "warm", **says)
    assert returned(done.stderr) == ["Finished warm() method"]


@pytest.mark.parametrize("method", ["predict", "train", "get_metadata"])
def test_where_stdout_goes_to_the_log_the_answer_stands_there_once(tmp_path: Path, method: str) -> None:
    says = installed(tmp_path / "site", Says="cli_models:Says")
    done = subprocess.run(
        [sys.executable, "-m", "modelport", "deepaas-cli", method],
        env=environment() | says, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    [line] = re.findall(r"\{.*\}", done.stdout)
    assert [line] == returned(done.stdout)


def test_a_large_answer_comes_without_an_envelope_too(tmp_path: Path) -> None:
    says = installed(tmp_path / "site", Says="cli_models:Says")
    done = modelport("deepaas-cli", "predict", "--size", str(2 << 20), **says)
    assert list(json.loads(done.stdout)) == ["status", "good", "nothing", "text"]


def test_train_that_fails(tmp_path: Path) -> None:
    trains = installed(tmp_path / "site", trains="cli_models:Trains", none="cli_models:Media")
    options = ("deepaas-cli", "--model-name")
    done = modelport(*options, "trains", "train", "--fail", "True", cwd=tmp_path, **trains)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("Error: the model failed: ValueError: the loss is not a number\n")
    done = modelport(*options, "trains", "train", "--epochs", "11", cwd=tmp_path, **trains)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Invalid value for '--epochs': " in done.stderr
    done = modelport(*options, "none", "train", cwd=tmp_path, **trains)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the model 'none' has no train()" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["predict"], 2, "installed models: Echo, Fails, Media, Upload; choose one with --model-name"),
        (["--model-name", "Ecko", "predict"], 2, "did you mean 'Echo'?"),
        (
            ["--model-name", "Echo", "predict", "--options", "{1", "--text", "t"],
            2,
            "'{1' is not a Python literal",
        ),
        (["--model-name", "Echo", "predict"], 2, "Missing option '--text'."),
        (["--model-name", "Echo", "predcit"], 2, "'predcit' is not one of 'get_metadata'"),
        (["--model-name", "Fails", "predict"], 1, "the model failed: ValueError: the loss is not a number"),
    ],
)
def test_what_is_wrong_is_named(many: dict[str, str], arguments: list[str], status: int, said: str) -> None:
    done = modelport("deepaas-cli", *arguments, **many)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in " ".join(done.stderr.split())


def test_help_shows_the_models_arguments(one: dict[str, str]) -> None:
    done = modelport("deepaas-cli", "predict", "--help", **one)
    assert "--break-it, --break_it TEXT" in done.stdout
    assert "--text TEXT" in " ".join(done.stdout.split())
