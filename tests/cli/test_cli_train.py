"""`modelport train` and `modelport validate` run a job here: its words, its files, its end."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from cli_process import MODELS as CLI_MODELS
from cli_process import SECONDS, modelport
from serving import MODELS, environment, wait_until

TRAINABLE = f"{MODELS / 'trainable.py'}:Trainable"
RESUMABLE = f"{MODELS / 'trainable.py'}:Resumable"


class Running:
    """`modelport …` as a process that leads a group, as a shell starts it."""

    def __init__(self, *arguments: str, cwd: Path):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "modelport", *arguments],
            cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(self.process.stderr)

    @property
    def stderr(self) -> str:
        return "".join(self.said)

    def wait_for(self, path: Path) -> None:
        wait_until(path.exists, lambda: f"{path.name} did not come: {self.stderr}", SECONDS)

    def wait_for_words(self, words: str) -> None:
        """Lines are handed over as they come, so the list grows while the process runs."""
        wait_until(lambda: any(words in line for line in [*self.said]), lambda: self.stderr, SECONDS)

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """What Ctrl-C does: every process of the group gets the signal."""
        os.killpg(self.process.pid, number)

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def ended(self) -> int:
        status = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        return status

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@contextlib.contextmanager
def running(*arguments: str, cwd: Path) -> Iterator[Running]:
    found = Running(*arguments, cwd=cwd)
    try:
        yield found
    finally:
        found.close()


def assert_gone(processes: list[psutil.Process]) -> None:
    assert processes, "the job had no process of its own"
    _, alive = psutil.wait_procs(processes, SECONDS)
    assert not alive


def test_a_training_asks_other_models_where_they_are(tmp_path: Path) -> None:
    for verb in ("train", "predict"):
        done = modelport(verb, "chained", "--number", "3", cwd=tmp_path)
        assert (done.returncode, done.stdout.strip()) == (0, "12"), done.stderr


def test_train_prints_the_result_and_keeps_what_the_job_made(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    runs = tmp_path / "runs" / "first"
    done = modelport("train", TRAINABLE, "--epochs", "2", "--table", str(table), "-o", str(runs))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"epochs": 2, "attempt": 1, "size": 8, "loss": 0.5}
    assert json.loads((runs / "result.json").read_text()) == json.loads(done.stdout)
    assert (runs / "log.txt").read_text() == "epoch 0\nwarning 0\nepoch 1\nwarning 1\n"
    assert (runs / "artifacts" / "notes.txt").read_text() == "what came out"
    assert (runs / "checkpoints" / "epoch").read_text() == "1"
    with (runs / "metrics.csv").open(newline="") as file:
        rows = [(row["name"], row["step"], row["value"]) for row in csv.DictReader(file)]
    assert rows == [
        ("loss", "0", "1.0"), ("accuracy", "0", "0.0"), ("loss", "1", "0.5"), ("accuracy", "1", "0.5"),
    ]  # fmt: skip
    lines = done.stderr.splitlines()
    for line in ("epoch 0", "warning 1", "step 1: loss = 0.5", "progress: 2 of 2, training",
                 "artifact: notes.txt (13 bytes)"):  # fmt: skip
        assert line in lines
    assert re.fullmatch(rf"modelport: train succeeded after [\d.]+ s; its files are in {runs}", lines[-1])
    assert {path.name for path in runs.iterdir()} == {
        "artifacts", "checkpoints", "log.txt", "metrics.csv", "result.json",
    }  # fmt: skip


def test_validate_runs_in_a_folder_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        done = modelport("validate", TRAINABLE, "--rows", "7", cwd=tmp_path)
        assert json.loads(done.stdout) == {"rows": 7, "accuracy": 0.9}
        assert "accuracy = 0.9" in done.stderr.splitlines()
    runs = sorted(path.name for path in (tmp_path / "modelport-runs").iterdir())
    assert len(runs) == 2
    assert all(re.fullmatch(r"\d{8}-\d{6}-trainable(-2)?", name) for name in runs)


def test_help_lists_the_models_arguments_and_the_commands(tmp_path: Path) -> None:
    done = modelport("train", TRAINABLE, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in ("--epochs INTEGER", "--mode [ok|error", "-o, --output DIR", "--cancel-grace SECONDS"):
        assert words in done.stdout
    assert list(tmp_path.iterdir()) == []


WRONG = {
    "values": (
        ["--epochs", "many", "--mode", "slow"],
        2,
        "unable to parse string as an integer Invalid value for '--mode': Input should be",
    ),
    "a file": (["--table", "none.csv"], 2, "'none.csv' does not exist"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    arguments, status, said = WRONG[name]
    done = modelport("train", TRAINABLE, *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (status, "")
    assert said in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((f"Echo={CLI_MODELS}:Echo",), "the model 'Echo' has no train()"),
        ((f"{MODELS / 'broken_import.py'}",), "the model could not be loaded: "),
        ((TRAINABLE, "--mode", "error"), "the model failed: ValueError: the loss is not a number"),
        ((TRAINABLE, "--mode", "http"), "the model answered 409: no such data set"),
        ((TRAINABLE, "--mode", "exit"), "its process ended: exit status 3"),
    ],
)
def test_a_failure_is_status_1_and_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = modelport("train", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(f"Error: {said}")
    assert ("Traceback" in done.stderr) == ("error" in arguments), "only what the training itself raises"
    assert list(tmp_path.glob("modelport-runs/*/result.json")) == []


def test_an_output_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = modelport("train", TRAINABLE, "--output", "file/run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: file/run cannot be made: Not a directory\n"


def test_a_large_result_is_whole(tmp_path: Path) -> None:
    model = tmp_path / "large.py"
    model.write_text("def train():\n    return ['x' * 1000] * 20000\n")
    done = modelport("train", str(model), "-o", "run", cwd=tmp_path)
    assert json.loads(done.stdout) == ["x" * 1000] * 20000
    assert (tmp_path / "run" / "result.json").read_text() == done.stdout.rstrip("\n")
    assert not (tmp_path / "run" / "result").exists()


def test_debug_shows_why_a_model_cannot_be_loaded() -> None:
    source = str(MODELS / "broken_import.py")
    assert "Traceback" in modelport("train", source, "--debug").stderr


# How far each kind of code lets a cancellation go, and the grace it is given for that.
CANCELLED = {"polite": ("flag", "3600"), "sleep": ("SIGTERM", "8"), "deaf": ("SIGKILL", "0.4")}


@pytest.mark.parametrize("mode", CANCELLED)
def test_ctrl_c_asks_and_then_insists(tmp_path: Path, mode: str) -> None:
    took, grace = CANCELLED[mode]
    started = tmp_path / "started"
    arguments = ["train", TRAINABLE, "--epochs", "0", "--mode", mode, "--started", str(started)]
    with running(*arguments, "--cancel-grace", grace, "--output", "run", cwd=tmp_path) as job:
        job.wait_for(started)
        children = job.children()
        job.interrupt()
        assert job.ended() == 130
        assert f"train cancelled ({took}) after" in job.stderr
        assert "Traceback" not in job.stderr
        assert job.process.stdout is not None
        assert job.process.stdout.read() == ""
        assert_gone(children)


def test_a_second_ctrl_c_kills_at_once(tmp_path: Path) -> None:
    started = tmp_path / "started"
    arguments = ["train", TRAINABLE, "--epochs", "0", "--mode", "deaf", "--started", str(started)]
    with running(*arguments, "--cancel-grace", "3600", cwd=tmp_path) as job:
        job.wait_for(started)
        children = job.children()
        job.interrupt()
        job.wait_for_words("asked to stop; once more kills it")
        job.interrupt()
        assert job.ended() == 130
        assert "train cancelled (SIGKILL)" in job.stderr
        assert_gone(children)


def test_ctrl_c_while_the_model_loads(tmp_path: Path) -> None:
    started = tmp_path / "started"
    model = tmp_path / "slow.py"
    model.write_text(f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(600)\n")
    with running("train", str(model), cwd=tmp_path) as job:
        job.wait_for(started)
        children = job.children()
        job.interrupt()
        assert job.ended() == 130
        assert_gone(children)
    assert not (tmp_path / "modelport-runs").exists()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_the_job_goes_with_its_command(tmp_path: Path, number: int, status: int) -> None:
    started = tmp_path / "started"
    arguments = ["train", TRAINABLE, "--epochs", "0", "--mode", "polite", "--started", str(started)]
    with running(*arguments, cwd=tmp_path) as job:
        job.wait_for(started)
        children = job.children()
        job.process.send_signal(number)
        assert job.ended() == status
        assert_gone(children)


def test_a_second_run_in_the_same_folder_goes_on_from_its_checkpoints(tmp_path: Path) -> None:
    started = tmp_path / "started"
    first = ["train", RESUMABLE, "--epochs", "3", "--output", "run", "--cancel-grace", "0.4"]
    with running(*first, "--started", str(started), cwd=tmp_path) as job:
        job.wait_for(started)
        job.interrupt()
        assert job.ended() == 130
    done = modelport(*first, cwd=tmp_path)
    assert json.loads(done.stdout) == {"attempt": 1, "first": 2}
    said = (tmp_path / "run" / "log.txt").read_text().splitlines()
    assert [line.split(" of ")[0] for line in said] == ["epoch 0", "epoch 1", "epoch 2"]


def test_a_terminal_gets_a_bar_and_metrics_and_stdout_the_result_alone(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "modelport", "train", TRAINABLE, "--epochs", "2"],
        cwd=tmp_path, env=environment(TERM="xterm", COLUMNS="120"), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # the other end is closed: that is its end
        while data := os.read(ours, 65536):
            said += data
    stdout, _ = process.communicate(timeout=SECONDS)
    os.close(ours)
    assert process.returncode == 0, said
    assert json.loads(stdout)["epochs"] == 2
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    assert re.search(r"train trainable: training .*2/2", plain)
    assert "loss 0.5  accuracy 0.5  (step 1)" in plain
    assert "epoch 1" in plain
