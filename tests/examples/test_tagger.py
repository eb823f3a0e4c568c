"""The tagger example: what its parameters are worth, what it keeps, and the lesson's payload over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from serving import ROOT, serving

from modelport.contract.errors import ArgumentErrors
from modelport.contract.places import Places
from modelport.contract.served import ServedModel
from modelport.sources.load import load_model
from modelport.sources.source import parse_source

TAGGER = ROOT / "examples" / "tagger" / "tagger.py"
TAGS = [
    "computer-vision", "graph-learning", "mlops", "natural-language-processing", "reinforcement-learning",
    "time-series",
]  # fmt: skip
POOR = {"epochs": 5, "learning_rate": 0.02}
SHORT = {"epochs": 3}
EMPTY = "List of texts to classify cannot be empty."


class Job:
    """Hears what a training says, and keeps its file. It is called off after so many epochs."""

    def __init__(self, epochs: int = 1000):
        self.metrics: list[tuple[int | None, dict[str, float]]] = []
        self.done: list[tuple[float, float | None]] = []
        self.kept: list[tuple[str, bytes]] = []
        self._epochs = epochs

    @property
    def cancelled(self) -> bool:
        return len(self.metrics) >= self._epochs

    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        self.metrics.append((step, dict(values)))

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        self.done.append((done, total))

    def save_model(self, model: Path) -> Path:
        self.kept.append((model.name, model.read_bytes()))
        return model


@pytest.fixture(scope="module")
def tagger() -> ServedModel:
    return load_model(parse_source(str(TAGGER)))


@pytest.fixture(scope="module")
def training(tagger: ServedModel) -> Any:
    from tagger_model import training

    return training


@pytest.fixture(scope="module")
def projects(tagger: ServedModel) -> Any:
    from tagger_model import data

    return data.read()


@pytest.fixture(scope="module")
def good(training: Any) -> tuple[Job, Any]:
    """A training with the default parameters: what it said, and its performance."""
    job = Job()
    return job, training.train_and_keep(training.Options(), job)


def short(training: Any, **options: Any) -> Any:
    from tagger_model import data

    return training.train(training.Options(**SHORT | options), data.read())


# --- the projects


def test_every_project_has_one_or_two_of_the_tags(projects: Any) -> None:
    assert list(projects.tags) == TAGS
    assert {len(row.tags) for row in projects.rows} == {1, 2}
    assert len({row.text for row in projects.rows}) == len(projects.rows) > 400


def test_each_split_has_every_tag_and_no_text_of_another(projects: Any) -> None:
    splits = [projects.of(name) for name in ("train", "validation", "test")]
    assert sum(len(split.rows) for split in splits) == len(projects.rows)
    for split in splits:
        assert split.truth.sum(axis=0).min() > 10
        assert split.truth.shape == (len(split.rows), len(TAGS))


# --- training


def test_good_parameters_beat_poor_ones(training: Any, good: tuple[Job, Any]) -> None:
    poor = training.train_and_keep(training.Options(**POOR), Job())
    assert good[1]["overall"]["f1"] > 0.8
    assert poor["overall"]["f1"] < good[1]["overall"]["f1"] - 0.3


def test_fewer_terms_are_worse(training: Any, good: tuple[Job, Any]) -> None:
    few = training.train_and_keep(training.Options(max_features=50), Job())
    assert few["overall"]["f1"] < good[1]["overall"]["f1"] - 0.1


def test_each_epoch_is_reported(good: tuple[Job, Any]) -> None:
    job, _ = good
    assert [step for step, _ in job.metrics] == list(range(1, 31))
    assert job.done == [(float(epoch), 30) for epoch in range(1, 31)]
    first, last = job.metrics[0][1], job.metrics[-1][1]
    assert set(first) == {"loss", "f1"}
    assert first["loss"] > last["loss"] > 0
    assert first["f1"] < last["f1"] < 1


def test_each_epoch_prints_a_line(training: Any, capsys: pytest.CaptureFixture[str]) -> None:
    job = Job()
    training.train_and_keep(training.Options(**SHORT), job)
    loss, f1 = job.metrics[-1][1]["loss"], job.metrics[-1][1]["f1"]
    assert capsys.readouterr().out.splitlines()[-1] == f"epoch 3: loss {loss:.4f}, f1 {f1:.4f}"


def test_performance_has_its_three_parts(good: tuple[Job, Any], projects: Any) -> None:
    _, performance = good
    test = projects.of("test")
    assert list(performance) == ["overall", "class", "slices"]
    assert list(performance["class"]) == TAGS
    assert list(performance["slices"]) == ["short", "long", "several-tags"]
    scores = [performance["overall"], *performance["class"].values(), *performance["slices"].values()]
    assert {tuple(each) for each in scores} == {("precision", "recall", "f1", "num_samples")}
    assert all(0 < each[name] <= 1 for each in scores for name in ("precision", "recall", "f1"))
    assert performance["overall"]["num_samples"] == len(test.rows)
    assert [each["num_samples"] for each in performance["class"].values()] == test.truth.sum(axis=0).tolist()
    short, long = (performance["slices"][name]["num_samples"] for name in ("short", "long"))
    assert short + long == len(test.rows)
    assert json.loads(json.dumps(performance)) == performance


def test_the_same_seed_makes_the_same_tagger_and_another_one_does_not(training: Any) -> None:
    one, same, other = (short(training, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one.weights, same.weights)
    assert np.array_equal(one.bias, same.bias)
    assert not np.array_equal(one.weights, other.weights)


def test_a_training_that_is_called_off_ends_after_its_epoch_and_keeps_nothing(training: Any) -> None:
    job = Job(epochs=2)
    training.train_and_keep(training.Options(), job)
    assert len(job.metrics) == 2
    assert job.kept == []


@pytest.mark.parametrize(
    "extreme",
    [
        {"learning_rate": 10.0, "regularization": 0.01},
        {"learning_rate": 1e-12},
        {"regularization": 1e-7, "max_features": 10},
        {"threshold": 0.999, "ngram_max": 3},
    ],
    ids=str,
)
def test_what_may_be_asked_for_makes_a_tagger(training: Any, projects: Any, extreme: dict[str, Any]) -> None:
    """scikit-learn would warn of numbers that overflow, and warnings are errors here."""
    job = Job()
    training.train_and_keep(training.Options(**SHORT | extreme), job)
    assert len(job.kept) == 1
    assert np.isfinite([value for _, values in job.metrics for value in values.values()]).all()


def test_the_options_of_a_training_are_described_with_their_bounds(
    tagger: ServedModel, training: Any
) -> None:
    arguments = {argument.name: argument.schema for argument in tagger.signature.train.arguments}
    defaults = {name: schema["default"] for name, schema in arguments.items()}
    assert training.Options(**defaults) == training.Options()
    assert (arguments["epochs"]["minimum"], arguments["epochs"]["maximum"]) == (1, 500)
    assert all(schema["description"] for schema in arguments.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": "0"},
        {"epochs": "1.5"},
        {"learning_rate": "0"},
        {"learning_rate": "nan"},
        {"regularization": "0.1"},
        {"max_features": "5"},
        {"ngram_max": "4"},
        {"threshold": "1"},
        {"seed": "-1"},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(tagger: ServedModel, wrong: dict[str, str]) -> None:
    with pytest.raises(ArgumentErrors) as caught:
        tagger.bind("train", Places(query={key: [value] for key, value in wrong.items()}))
    assert list(caught.value.messages) == list(wrong)


# --- what it keeps


def test_what_was_kept_predicts_as_what_was_trained(
    training: Any, projects: Any, good: tuple[Job, Any], tmp_path: Path
) -> None:
    from tagger_model.classifier import Classifier

    ((name, content),) = good[0].kept
    (tmp_path / name).write_bytes(content)
    loaded = Classifier.load(tmp_path / name)
    trained = training.train(training.Options(), projects)
    texts = projects.of("test").texts
    assert np.array_equal(loaded.probabilities(texts), trained.probabilities(texts))
    assert loaded.tag(texts) == trained.tag(texts)
    assert loaded.tags == projects.tags


def test_a_version_predicts_by_its_own_file_and_is_not_trained_over(training: Any, tmp_path: Path) -> None:
    served: Any = load_model(parse_source(str(TAGGER)))
    short(training, threshold=0.001).save(tmp_path / "tagger.npz")
    served.model.load_model(tmp_path / "tagger.npz")
    served.warm()
    arguments = served.bind("predict", Places(json={"texts": [{"text": "A graph of images"}]}))
    (prediction,) = served.call("predict", arguments).predictions
    assert sorted(prediction.predicted_tags) == TAGS


def test_what_is_kept_holds_no_pickle(training: Any, tmp_path: Path) -> None:
    short(training).save(tmp_path / "tagger.npz")
    with np.load(tmp_path / "tagger.npz", allow_pickle=False) as found:
        assert all(found[name].dtype.kind in "fiU" for name in found.files)


@pytest.mark.parametrize("content", ["", "no arrays", "other arrays"])
def test_another_file_is_refused(tagger: ServedModel, tmp_path: Path, content: str) -> None:
    from tagger_model.classifier import Classifier

    path = tmp_path / "tagger.npz"
    path.write_text(content)
    if content == "other arrays":
        np.savez(path, weights=np.zeros(3))
    with pytest.raises(ValueError, match="is not the file of a tagger"):
        Classifier.load(path)


def test_a_text_without_a_known_word_has_no_tags(training: Any) -> None:
    assert short(training).tag(["Qwertz", "images", "!"])[::2] == [[], []]


# --- the payload


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(str(TAGGER)) as server:
        yield server.client


def test_texts_are_tagged_in_their_order(client: httpx.Client) -> None:
    texts = [
        "Finds cracks in photographs of bridges; a pipeline trains and releases the detector.",
        "Forecasts the hourly sales of ice cream.",
        "Qwertz",
    ]
    answer = client.post("/v2/models/tagger/predict/", json={"texts": [{"text": text} for text in texts]})
    assert answer.status_code == 200
    predictions = answer.json()["predictions"]
    assert [each["input_text"] for each in predictions] == texts
    assert [each["predicted_tags"] for each in predictions] == [
        ["computer-vision", "mlops"], ["time-series"], [],
    ]  # fmt: skip


def test_the_root_answers_the_same(client: httpx.Client) -> None:
    payload = {"texts": [{"text": "Rewards for an agent in a maze"}]}
    answer = client.post("/predict", json=payload)
    assert answer.status_code == 200
    assert '"predicted_tags":["reinforcement-learning"]' in answer.text.replace(" ", "")


def test_an_empty_list_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v2/models/tagger/predict/", json={"texts": []})
    assert (answer.status_code, answer.json()) == (422, {"texts": [EMPTY]})
    root = client.post("/predict", json={"texts": []})
    assert root.status_code == 422
    assert EMPTY in root.text


def test_an_empty_text_is_refused_by_its_place(client: httpx.Client) -> None:
    answer = client.post("/v2/models/tagger/predict/", json={"texts": [{"text": "fine"}, {"text": ""}]})
    assert answer.status_code == 422
    assert answer.json() == {"texts": {"1": {"text": ["String should have at least 1 character"]}}}


def test_the_documents_show_an_example_that_can_be_sent(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    operation = document["paths"]["/v2/models/tagger/predict/"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]["texts"]
    (example,) = schema["examples"]
    answer = client.post("/v2/models/tagger/predict/", json={"texts": example})
    assert answer.status_code == 200
    assert [each["predicted_tags"] for each in answer.json()["predictions"]] == [
        ["natural-language-processing"], ["computer-vision", "mlops"],
    ]  # fmt: skip


def test_the_model_says_what_it_is(client: httpx.Client) -> None:
    metadata = client.get("/v2/models/tagger/").json()
    assert metadata["name"] == "tagger"
    assert (metadata["version"], metadata["license"]) == ("1.0.0", "Apache-2.0")
    assert metadata["author"]
    assert metadata["description"].startswith("Tags machine learning projects by their text.")
