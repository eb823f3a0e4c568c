"""Training a tagger, an epoch at a time: it reports, and stops when asked to."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from sklearn.linear_model import SGDClassifier

from tagger_model import data
from tagger_model.classifier import Classifier, vectorizer
from tagger_model.data import Projects
from tagger_model.performance import Performance, loss_of, measure, overall


@dataclass(frozen=True)
class Options:
    """What a training can be told."""

    epochs: int = 30
    learning_rate: float = 0.5
    regularization: float = 1e-4
    max_features: int = 2000
    ngram_max: int = 1
    threshold: float = 0.3
    seed: int = 0


class Job(Protocol):
    """What a training uses of `modelport.current_job()`."""

    @property
    def cancelled(self) -> bool: ...
    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None: ...
    def progress(self, done: float, total: float | None = None, message: str = "") -> None: ...
    def save_model(self, model: Any) -> Path: ...


class Learner:
    """A tagger that is being trained: a logistic regression a tag, all on the same terms."""

    def __init__(self, options: Options, projects: Projects):
        self.options = options
        self.tags = projects.tags
        self.terms = vectorizer(options.ngram_max, max_features=options.max_features)
        self.features = self.terms.fit_transform(projects.texts)
        self.truth = projects.truth
        self.regressions = [
            SGDClassifier(
                loss="log_loss",
                alpha=options.regularization,
                learning_rate="constant",
                eta0=options.learning_rate,
            )
            for _ in self.tags
        ]

    def learn(self, epoch: int) -> None:
        """Go through all projects once, in an order that depends on nothing but the seed and the epoch."""
        for number, regression in enumerate(self.regressions):
            regression.set_params(random_state=self.options.seed * 1000 + epoch)
            regression.partial_fit(self.features, self.truth[:, number], classes=[False, True])

    @property
    def classifier(self) -> Classifier:
        """What it has learned so far."""
        return Classifier(
            tags=self.tags,
            terms=tuple(self.terms.get_feature_names_out().tolist()),
            idf=self.terms.idf_,
            weights=np.concatenate([regression.coef_ for regression in self.regressions]),
            bias=np.concatenate([regression.intercept_ for regression in self.regressions]),
            ngram_max=self.options.ngram_max,
            threshold=self.options.threshold,
        )


def train(options: Options, projects: Projects, job: Job | None = None) -> Classifier:
    """Train to the last epoch, or until the job is to stop. Without a job nothing is reported."""
    learner, watched = Learner(options, projects.of("train")), projects.of("validation")
    for epoch in range(1, options.epochs + 1):
        learner.learn(epoch)
        if job is not None:
            _report(job, epoch, learner, watched)
            if job.cancelled:
                break
    return learner.classifier


def train_and_keep(options: Options, job: Job) -> Performance:
    """Train, keep the tagger as the job's model, and return its performance on the projects held out for it.

    A training that is called off keeps nothing.
    """
    projects = data.read()
    classifier = train(options, projects, job)
    if job.cancelled:
        print("called off: nothing is kept", flush=True)
    else:
        with tempfile.TemporaryDirectory(prefix="tagger-") as folder:
            path = Path(folder) / "tagger.npz"
            classifier.save(path)
            job.save_model(path)
    return measure(classifier, projects.of("test"))


def _report(job: Job, epoch: int, learner: Learner, watched: Projects) -> None:
    """Say how good the tagger is by now, on projects that it does not learn from."""
    likely = learner.classifier.probabilities(watched.texts)
    loss = loss_of(watched.truth, likely)
    f1 = overall(watched.truth, likely >= learner.options.threshold)["f1"]
    print(f"epoch {epoch}: loss {loss:.4f}, f1 {f1:.4f}", flush=True)
    job.log_metrics({"loss": loss, "f1": f1}, step=epoch)
    job.progress(epoch, learner.options.epochs, f"f1 {f1:.2f}")
