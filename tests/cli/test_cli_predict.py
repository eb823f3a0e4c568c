"""`modelport predict` answers what the model's server answers, and says what is wrong with an option."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cli_models
import pytest
from cli_process import HERE, MODELS, modelport
from serving import Server, environment, serving

CLASSES = ("Echo", "Upload", "Media", "Typed", "Sums", "Streams")
CSV = "a,b\n1,2\n3,4.5\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*(f"{name}={MODELS}:{name}" for name in CLASSES)) as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "one.png").write_bytes(cli_models.PNG)
    (folder / "two.csv").write_text(CSV)
    return folder


def http(server: Server, model: str, **request: Any) -> bytes:
    answer = server.client.post(f"/v2/models/{model}/predict/", **request)
    assert answer.status_code == 200, answer.text
    return answer.content


SAME = {
    "text and numbers": (
        "Echo", ["--text", "żółć ☃ & = +", "--count=7", "--colour", "violet"],
        {"params": {"text": "żółć ☃ & = +", "count": "7", "colour": "violet"}},
    ),
    "lists": (
        "Echo", ["--text=", "--tags", "a", "--tags", "b,c", "--numbers", "[1, -2]", "--csv", "1,2.5"],
        {"params": {"text": "", "tags": ["a", "b,c"], "numbers": ["1", "-2"], "csv": "1,2.5"}},
    ),
    "an object": ("Echo", ["--text", "t", "--options", '{"a": [1, null]}', "--inner", "4"],
                  {"json": {"text": "t", "options": {"a": [1, None]}, "inner": 4}}),
    "a form": ("Echo", ["--text", "t", "--note", "n"], {"data": {"text": "t", "note": "n"}}),
    "a header": ("Echo", ["--text", "t", "--token", "s"],
                 {"params": {"text": "t"}, "headers": {"Token": "s"}}),
    "a switch": ("Echo", ["--text", "t", "--flag"], {"params": {"text": "t", "flag": "true"}}),
    "underscores": ("Echo", ["--break_it", "yes", "--text", "t"],
                    {"params": {"text": "t", "break_it": "yes"}}),
    "a text media type": ("Media", ["--accept", "text/plain"], {"headers": {"Accept": "text/plain"}}),
    "typed": (
        "Typed", ["--point", '{"x": 1}', "--ratio", "0.25", "--mode", "slow", "--no-flag", "--numbers", "1",
                  "--points", '{"x": 2}', "--points", '{"x": 3, "y": 4}'],
        {"json": {"point": {"x": 1}, "ratio": 0.25, "mode": "slow", "flag": False, "numbers": [1],
                  "points": [{"x": 2}, {"x": 3, "y": 4}]}},
    ),
    "a table as JSON": ("Sums", ["--table", '[{"a": 1, "b": 2}]'], {"json": {"table": [{"a": 1, "b": 2}]}}),
    "a table as text": ("Sums", ["--table", '{"columns": ["a"], "rows": [[1], [2]]}'],
                        {"params": {"table": '{"columns": ["a"], "rows": [[1], [2]]}'}}),
    "a stream": ("Streams", ["--words", "one", "--words", "two\nthree"],
                 {"params": {"words": ["one", "two\nthree"]}}),
    "a stream of lines": ("Streams", ["-a", "application/x-ndjson", "--words", "one"],
                          {"params": {"words": ["one"]}, "headers": {"Accept": "application/x-ndjson"}}),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_it_answers_what_the_server_answers(server: Server, name: str) -> None:
    model, arguments, request = SAME[name]
    done = modelport("predict", f"{MODELS}:{model}", *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.removesuffix("\n") == http(server, model, **request).decode().removesuffix("\n")


def test_files_are_given_as_paths(server: Server, files: Path) -> None:
    picture, table = files / "one.png", files / "two.csv"
    paths = ["--data", str(picture), "--more", str(table), "--more", str(picture)]
    done = modelport("predict", f"{MODELS}:Upload", *paths)
    sent = [("data", picture), ("more", table), ("more", picture)]
    kinds = {".png": "image/png", ".csv": "text/csv"}
    parts = [(name, (path.name, path.read_bytes(), kinds[path.suffix])) for name, path in sent]
    assert done.returncode == 0, done.stderr
    assert done.stdout.encode().strip() == http(server, "Upload", files=parts)
    assert picture.read_bytes() == cli_models.PNG, "the model emptied its upload, not the user's file"


def test_a_table_is_a_path_too(server: Server, files: Path) -> None:
    done = modelport("predict", f"{MODELS}:Sums", "--table", str(files / "two.csv"))
    assert json.loads(done.stdout) == {"a": 4.0, "b": 6.5}
    done = modelport("predict", f"{MODELS}:Sums", "--table", CSV)
    assert json.loads(done.stdout) == {"a": 4.0, "b": 6.5}


def test_a_binary_answer_goes_to_a_file_or_through_a_pipe(tmp_path: Path) -> None:
    wanted = tmp_path / "answer.png"
    done = modelport("predict", "--output", str(wanted), f"{MODELS}:Media", "--accept", "image/png")
    assert (done.returncode, done.stdout) == (0, "")
    assert wanted.read_bytes() == cli_models.PNG
    assert f"wrote image/png to {wanted}" in done.stderr
    piped = modelport("predict", f"{MODELS}:Media", "-a", "image/*", text=False)
    assert piped.stdout == cli_models.PNG


def test_a_json_answer_in_a_file_is_the_body_alone(tmp_path: Path) -> None:
    wanted = tmp_path / "answer.json"
    assert modelport("predict", f"{MODELS}:Media", "-o", str(wanted)).returncode == 0
    assert json.loads(wanted.read_text()) == {"status": "OK", "predictions": {"is": "application/json"}}


def test_only_the_answer_is_on_stdout() -> None:
    done = modelport("predict", f"{MODELS}:Echo", "--text", "t")
    assert json.loads(done.stdout)["predictions"]["text"] == "t"
    assert "warming up" in done.stderr
    assert "predicting" in done.stderr


def test_help_shows_the_models_own_options() -> None:
    done = modelport("predict", f"{MODELS}:Echo", "--help")
    words = " ".join(done.stdout.split())
    assert done.returncode == 0
    assert "warming up" not in done.stderr, "help needs no warm model"
    for wanted in (
        "Says what it heard.",
        "--text TEXT Any text [required]",
        "--colour [red|green] [default: red]",
        "--size [small|large] [default: small]",
        "--count INTEGER [1<=x<=10] [default: 3]",
        "--flag BOOLEAN (--no-flag for false) [default: False]",
        "--numbers INTEGER (may be given several times)",
        "--options JSON",
        "--break-it, --break_it TEXT",
        "-o, --output FILE",
    ):
        assert wanted in words
    typed = " ".join(modelport("predict", f"{MODELS}:Typed", "--help").stdout.split())
    assert "--point JSON [required]" in typed
    assert "--ratio NUMBER How much [0.0<=x<=1.0] [default: 0.5]" in typed or "[0<=x<=1]" in typed
    assert "--mode [fast|slow] [default: fast]" in typed


def test_every_wrong_option_is_named_in_one_go() -> None:
    wrong = ["--count", "11", "--numbers", "x", "--size", "medium", "--flag", "perhaps"]
    done = modelport("predict", f"{MODELS}:Echo", *wrong)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Missing option '--text'." in done.stderr
    assert "'--count': Must be greater than or equal to 1" in done.stderr
    assert "'--numbers' at 0: Not a valid integer." in done.stderr
    assert "'--size': Must be one of: small, large." in done.stderr
    assert "'--flag': Not a valid boolean." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Typed", "--point", "{x: 1}"], "'--point': '{x: 1}' is not JSON"),
        (["Typed", "--point", '{"x": "a"}'], "'--point' at x: Input should be a valid integer"),
        (
            ["Typed", "--point", '{"x": 1}', "--ratio", "2"],
            "'--ratio': Input should be less than or equal to 1",
        ),
        (["Typed", "--point", '{"x": 1}', "--ratoi", "2"], "No such option '--ratoi'"),
        (["Upload", "--data", "missing.png"], "'--data': File 'missing.png' does not exist."),
        (["Upload", "--data", "."], "'--data': File '.' is a directory."),
        (["Sums", "--table", "missing.csv"], "'--table': File 'missing.csv' does not exist."),
        (["Upload", "--data", MODELS, "--options", "{}"], "--options can only be sent as JSON"),
        (
            ["Media", "--accept", "image/gif"],
            "'--accept': cannot answer 'image/gif'; can answer application/json",
        ),
        (["Media", "--output", "no/such/folder.png"], "'--output': there is no folder 'no/such'"),
        (["Echo", "--text", "t", "--flag", "--no-flag"], "--flag and --no-flag exclude each other"),
        (["Echo", "--text"], "Option '--text' requires an argument."),
        (["Fails", "--how", "argument"], "'--how': not like this"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_wrong_option_is_named(arguments: list[str], said: str) -> None:
    model, *rest = arguments
    done = modelport("predict", f"{MODELS}:{model}", *rest)
    assert said in " ".join(done.stderr.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("error", "the model failed: ValueError: the loss is not a number"),
        ("refuse", "the model answered 409: not on a Sunday"),
        ("exit", "the model failed: SystemExit: 5"),
        ("nothing", "the model answered 501: Not implemented by underlying model"),
    ],
)
def test_a_model_that_fails_says_so_without_a_traceback(how: str, said: str) -> None:
    done = modelport("predict", f"{MODELS}:Fails", "--how", how)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text("from before")
    done = modelport("predict", f"{MODELS}:Fails", "--debug", "--output", str(kept))
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "in predict" in done.stderr
    assert kept.read_text() == "from before"


def test_a_stream_that_breaks_says_so_after_what_had_come() -> None:
    done = modelport("predict", f"{MODELS}:Streams", "--words", "one", "--words", "stumble")
    assert done.stdout.startswith("data: one\n")
    assert done.returncode == 1
    assert "the model failed in the middle of its answer: stumbled" in done.stderr


def test_an_argument_with_the_name_of_an_own_option_is_the_models() -> None:
    arguments = ["--output", "o", "--debug", "d", "--help", "h", "--no-help", "n"]
    done = modelport("predict", f"{MODELS}:Named", *arguments)
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)["predictions"]
    assert answered == {"output": "o", "debug": "d", "help": "h", "no_help": "n"}
    assert "-o FILE" in modelport("predict", f"{MODELS}:Named", "-h").stdout


def test_a_reader_who_leaves_ends_the_command() -> None:
    command = [sys.executable, "-m", "modelport", "predict", f"{MODELS}:Media"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, cwd=HERE, env=environment(), stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(writing)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_an_interrupt_ends_a_model_that_runs(tmp_path: Path) -> None:
    model = tmp_path / "endless.py"
    model.write_text(
        "import sys, time\n"
        "def predict():\n"
        "    print('running', file=sys.stderr, flush=True)\n"
        "    while True:\n"
        "        try:\n"
        "            time.sleep(60)\n"
        "        except Exception:\n"
        "            pass\n"
    )
    (tmp_path / "spool").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "modelport", "predict", str(model)],
        env=environment(TMPDIR=str(tmp_path / "spool")), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    with process, process.stderr:
        assert process.stderr.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(30) == 130
    assert "Traceback" not in rest
    assert list((tmp_path / "spool").iterdir()) == []
