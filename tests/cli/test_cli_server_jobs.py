"""Jobs of a server from the command line: trained there, named by the beginning of an id, downloaded."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from cli_process import SECONDS, modelport
from serving import Server, environment

import modelport as package


def trained(server: Server, **arguments: object) -> str:
    with package.Client(server.url) as client:
        return client.train("t", **arguments).wait().id


def test_a_training_at_a_server_is_shown_and_its_files_are_saved(server: Server, tmp_path: Path) -> None:
    done = modelport(
        "train", "--server", server.url, "t", "--epochs", "2", "-o", str(tmp_path), "--mode", "ok"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["epochs"] == 2
    for words in ("epoch 0", "epoch 1", "modelport: job "):
        assert words in done.stderr
    assert (tmp_path / "notes.txt").read_bytes()
    with package.Client(server.url) as client:
        job = next(client.jobs("t", "train"))
        assert job.arguments["epochs"] == 2


def test_the_server_may_stand_after_the_name(server: Server) -> None:
    done = modelport("train", "t", "--epochs=1", f"--server={server.url}")
    assert (done.returncode, json.loads(done.stdout)["epochs"]) == (0, 1)


def test_a_validation_or_training_that_fails_ends_with_its_words(server: Server) -> None:
    done = modelport("train", "t", "--server", server.url, "--mode", "error", "--epochs", "0")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Error: the loss is not a number" in done.stderr
    done = modelport("train", "t", "--server", server.url, "--mode", "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert "mode: Input should be 'ok', 'error'" in done.stderr
    done = modelport("train", "nobody", "--server", server.url)
    assert done.returncode == 1
    assert "there is no model 'nobody'" in done.stderr
    done = modelport("train", "t", "--server", server.url, "--epoch", "1")
    assert done.returncode == 2
    assert "--epochs" in done.stderr
    shown = modelport("train", "t", "--server", server.url, "--help").stdout
    assert "--epochs INTEGER" in shown
    assert "--table FILE" in shown


def test_ctrl_c_leaves_the_job_running_and_says_how_to_follow_it(server: Server) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "modelport", "train", "t", "--server", server.url, "--mode", "polite"],
        env=environment(PYTHONUNBUFFERED="1"), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        while "epoch 2" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(SECONDS) == 130
    assert "goes on: modelport jobs log -f " in said
    with package.Client(server.url) as client:
        (job,) = client.jobs(state="running")
        assert job.id in said
        job.cancel().wait()


# -- ids and files -----------------------------------------------------------------------------------------


def test_without_a_command_jobs_are_listed(server: Server) -> None:
    job = trained(server, epochs=0)
    assert job in modelport("jobs", "--url", server.url).stdout
    assert [
        each["id"]
        for each in json.loads(modelport("jobs", "--json", "-n", "1", MODELPORT_URL=server.url).stdout)
    ] == [job]
    assert "Usage: modelport jobs" in modelport("jobs", "--help").stdout


def test_the_beginning_of_an_id_is_enough(server: Server, data_dir: Path) -> None:
    job = trained(server, epochs=1)
    for place in (("--url", server.url), ("--data-dir", str(data_dir))):
        done = modelport("jobs", "show", job[:8], "--json", *place)
        assert json.loads(done.stdout)["id"] == job, done.stderr
        done = modelport("jobs", "show", "ffff", *place)
        assert (done.returncode, done.stdout) == (1, "")
        assert "there is no job 'ffff', nor one whose id begins so" in done.stderr
    done = modelport("jobs", "cancel", job[:8], "--url", server.url)
    assert done.stdout == f"{job} is succeeded\n"
    done = modelport("jobs", "show", job[:3], "--url", server.url)
    assert done.returncode == 2
    assert "at least its first 4 characters" in done.stderr


def test_the_files_of_a_job_are_downloaded(server: Server, data_dir: Path, tmp_path: Path) -> None:
    job = trained(server, epochs=1)
    with package.Client(server.url) as client:
        kept = client.job(job).artifact("notes.txt").read()
    for place in (("--url", server.url), ("--data-dir", str(data_dir))):
        folder = tmp_path / place[0]
        done = modelport("jobs", "download", job[:8], "-o", str(folder), *place)
        assert (done.returncode, done.stdout.split()) == (0, [str(folder / "notes.txt")]), done.stderr
        assert (folder / "notes.txt").read_bytes() == kept
        done = modelport("jobs", "download", job, "nothing.txt", *place)
        assert (done.returncode, done.stdout) == (1, "")
        assert "has no file 'nothing.txt': it has notes.txt" in done.stderr
