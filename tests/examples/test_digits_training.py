"""The training of the digits example: over HTTP, through a kill of the server, and without modelport."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from serving import ROOT, Server, serving

from modelport.client import Client, JobFailed
from modelport.contract.current_job import CurrentJob
from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Places
from modelport.contract.served import ServedModel

DIGITS = ROOT / "examples" / "digits" / "digits.py"
SEVEN = ROOT / "examples" / "digits" / "pictures" / "7.png"
# As small as trainings get; what is asserted of them does not depend on how well they read.
SHORT = {"epochs": 2, "hidden_units": 8, "save": False}


@pytest.fixture(scope="module")
def served(digits: ServedModel, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose classifier is a copy of the other tests' one: these tests replace it."""
    own = tmp_path_factory.mktemp("cache")
    for path in cache.rglob("*.joblib"):
        place = own / path.relative_to(cache)
        place.parent.mkdir(parents=True)
        place.write_bytes(path.read_bytes())
    with serving(str(DIGITS), "--workers", "2", "--cancel-grace", "120", XDG_CACHE_HOME=str(own)) as server:
        yield server


@pytest.fixture(scope="module")
def client(served: Server) -> Iterator[Client]:
    with Client(served.url) as client:
        yield client


def of_seven(client: Client) -> float:
    """How sure the model in use is that a seven is one."""
    answer = client.predict("digits", image=SEVEN)
    found = answer["predictions"] if isinstance(answer, dict) else answer
    return next(p["probability"] for p in found if p["label"] == "7")


# --- what it takes


def test_the_options_of_a_training_are_described_with_their_bounds(digits: ServedModel) -> None:
    arguments = {a.name: a for a in digits.signature.train.arguments}
    assert list(arguments) == [
        "epochs", "hidden_units", "learning_rate", "batch_size", "test_size", "save",
    ]  # fmt: skip
    assert (arguments["epochs"].schema["minimum"], arguments["epochs"].schema["maximum"]) == (1, 1000)
    assert arguments["save"].schema["default"] is False  # who tries a training keeps the demo
    assert digits.signature.resumable
    assert digits.signature.validate.implemented


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": "0"},
        {"epochs": "1.5"},
        {"hidden_units": "0"},
        {"learning_rate": "0"},
        {"learning_rate": "nan"},
        {"batch_size": "-1"},
        {"test_size": "1"},
        {"save": "x"},
    ],
)
def test_what_does_not_fit_is_refused(digits: ServedModel, wrong: dict[str, str]) -> None:
    with pytest.raises(ArgumentErrors) as caught:
        digits.bind("train", Places(query={key: [value] for key, value in wrong.items()}))
    assert list(caught.value.messages) == list(wrong)


# --- over HTTP


def test_a_training_reports_each_epoch_and_keeps_a_confusion_matrix(client: Client) -> None:
    before = of_seven(client)
    job = client.train("digits", **SHORT, test_size=0.5)
    result = job.result()
    assert of_seven(client) == before
    assert (result["train_size"], result["test_size"], result["saved"]) == (898, 899, False)
    assert result["parameters"]["epochs"] == 2
    metrics = job.metrics()
    assert [point.step for point in metrics["loss"]] == [1, 2]
    assert metrics["loss"][0].value > metrics["loss"][1].value > 0
    assert metrics["accuracy"][-1].value == result["accuracy"]
    assert (job.progress.done, job.progress.total) == (2, 2)
    assert [line for line in job.log() if line.startswith("epoch 2: ")]
    files = {artifact.name: artifact.read() for artifact in job.artifacts()}
    assert set(files) == {"confusion-matrix.csv", "confusion-matrix.png"}
    rows = [line.split(",") for line in files["confusion-matrix.csv"].decode().splitlines()[1:]]
    matrix = np.array([[int(cell) for cell in row[1:]] for row in rows])
    assert matrix.shape == (10, 10)
    assert matrix.sum() == 899
    assert matrix.trace() / 899 == pytest.approx(result["accuracy"])
    with Image.open(io.BytesIO(files["confusion-matrix.png"])) as picture:
        picture.load()
        assert (picture.format, picture.mode) == ("PNG", "RGB")
        assert len(picture.getcolors(100_000) or []) > 10


def test_the_next_prediction_uses_what_was_trained(client: Client) -> None:
    before = of_seven(client)
    first = client.validate("digits").result()
    assert first["accuracy"] > 0.98
    worse = client.train("digits", epochs=1, hidden_units=4, save=True).result()
    assert worse["saved"]
    after = of_seven(client)
    assert after != before
    assert [of_seven(client) for _ in range(8)] == [after] * 8  # whichever worker answers
    used = client.validate("digits").result()
    assert used["version"] == worse["version"] != first["version"]
    assert used["accuracy"] == worse["accuracy"]
    assert used["accuracy"] < first["accuracy"]


def test_a_training_that_is_called_off_ends_between_two_epochs_and_saves_nothing(client: Client) -> None:
    before = of_seven(client)
    job = client.train("digits", epochs=1000, save=True)
    for event in job.events():
        if event.type == "metric":
            job.cancel()
            break
    job.wait()
    assert (job.state, job.ended_by) == ("cancelled", "flag")
    assert list(job.log())[-1].endswith("nothing is saved")
    assert of_seven(client) == before
    with pytest.raises(JobFailed):
        job.result()


@pytest.mark.slow
def test_a_training_goes_on_after_a_kill_and_ends_as_if_nothing_had_been(
    digits: ServedModel, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"epochs": 15, "save": False}
    given = {name: [str(value)] for name, value in options.items()}
    whole = digits.call("train", digits.bind("train", Places(query=given)))
    place = ["--data-dir", str(tmp_path / "data")]
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    with serving(str(DIGITS), *place, "--no-warm", **cache) as killed:
        with Client(killed.url) as first:
            job_id = first.train("digits", **options).id
            for event in first.job(job_id).events():
                if event.type == "metric" and event.data["step"] == 3:
                    break
        killed.stop(signal.SIGKILL)
    with serving(str(DIGITS), *place, "--no-warm", **cache) as restarted, Client(restarted.url) as second:
        job = second.job(job_id)
        result = job.result()
        log = list(job.log())
    assert job.attempt == 2
    assert result == whole
    (line,) = [line for line in log if line.startswith("going on after epoch ")]
    assert 3 <= int(line.removeprefix("going on after epoch ")) < 15


# --- without modelport


def test_it_trains_where_modelport_is_not_installed(tmp_path: Path) -> None:
    """As DEEPaaS would: only the model's own package, and a `deepaas` that has nothing but a wrapper."""
    wrapper = tmp_path / "deepaas" / "model" / "v2"
    wrapper.mkdir(parents=True)
    (wrapper / "wrapper.py").write_text("class UploadedFile: pass\n")
    script = (
        "import json, sys\n"
        "sys.modules['modelport'] = None\n"
        "from digits_model import api, classifier\n"
        "found = api.train(save=True, epochs=2, hidden_units=8)\n"
        "assert classifier.current().version == found['version'] == api.validate()['version']\n"
        "print(json.dumps(found))\n"
    )
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(DIGITS.parent), str(tmp_path)]),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["train_size"], found["saved"]) == (1347, True)


# --- its checkpoints


class Attempt:
    """An attempt of a job whose files lie in a folder of the test; it is called off after so many epochs."""

    id = "job"
    attempt = 1

    def __init__(self, folder: Path, epochs: int = 1000):
        self.checkpoint_dir = self.artifact_dir = folder
        self.steps: list[int] = []
        self._epochs = epochs

    def report(self, type: str, data: dict[str, Any]) -> None:
        if type == "metric" and data["name"] == "loss":
            self.steps.append(data["step"])

    def is_cancelled(self) -> bool:
        return len(self.steps) >= self._epochs


def run(attempt: Attempt, epochs: int) -> Any:
    from digits_model import training

    options = training.Options(epochs=epochs, hidden_units=8, test_size=0.5)
    return training.train(options, training.prepared(0.5), CurrentJob(attempt))


def test_an_attempt_begins_after_the_last_epoch_of_the_one_before(
    digits: ServedModel, tmp_path: Path
) -> None:
    first, second, third = Attempt(tmp_path, 2), Attempt(tmp_path), Attempt(tmp_path)
    assert run(first, 4).epoch == 2
    assert run(second, 4).epoch == run(third, 4).epoch == 4
    assert (first.steps, second.steps, third.steps) == ([1, 2], [3, 4], [])
    assert [path.name for path in tmp_path.iterdir()] == ["training.joblib"]


@pytest.mark.parametrize(
    "damage", [lambda content: b"", lambda content: content[:-500]], ids=["empty", "cut"]
)
def test_a_damaged_checkpoint_is_not_used(digits: ServedModel, tmp_path: Path, damage: Any) -> None:
    run(Attempt(tmp_path), 2)
    place = tmp_path / "training.joblib"
    place.write_bytes(damage(place.read_bytes()))
    again = Attempt(tmp_path)
    run(again, 2)
    assert again.steps == [1, 2]


def test_a_checkpoint_of_other_options_is_not_used(digits: ServedModel, tmp_path: Path) -> None:
    run(Attempt(tmp_path), 2)
    other = Attempt(tmp_path)
    run(other, 3)
    assert other.steps == [1, 2, 3]


def test_a_batch_larger_than_the_data_is_all_of_it(digits: ServedModel) -> None:
    """scikit-learn would warn, and warnings are errors here."""
    arguments = digits.bind("train", Places(query={"batch_size": ["4096"], "epochs": ["1"], "save": ["0"]}))
    assert digits.call("train", arguments)["parameters"]["batch_size"] == 4096
