"""How good a tagger is: overall, by tag, and on slices of the projects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from tagger_model.classifier import Classifier
from tagger_model.data import Project, Projects

Scores = dict[str, float]
Performance = dict[str, Scores | dict[str, Scores]]

SHORT = 25  # words

SLICES: dict[str, Callable[[Project], bool]] = {
    "short": lambda project: len(project.text.split()) < SHORT,
    "long": lambda project: len(project.text.split()) >= SHORT,
    "several-tags": lambda project: len(project.tags) > 1,
}


def loss_of(truth: np.ndarray, likely: np.ndarray) -> float:
    """The mean cross-entropy of the probabilities."""
    right = np.clip(np.where(truth, likely, 1 - likely), 1e-12, 1)
    return float(-np.log(right).mean())


def overall(truth: np.ndarray, found: np.ndarray) -> Scores:
    """The scores of all tags, each weighted by how many projects have it."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, found, average="weighted", zero_division=0
    )
    return _scores(precision, recall, f1, len(truth))


def measure(classifier: Classifier, projects: Projects) -> Performance:
    """The performance document: `overall`, `class` and `slices`, each with the same four numbers."""
    truth, found = projects.truth, classifier.decide(projects.texts)
    by_tag = zip(*precision_recall_fscore_support(truth, found, average=None, zero_division=0), strict=True)
    chosen = {
        name: np.array([belongs(row) for row in projects.rows], dtype=bool)
        for name, belongs in SLICES.items()
    }
    return {
        "overall": overall(truth, found),
        "class": {tag: _scores(*numbers) for tag, numbers in zip(projects.tags, by_tag, strict=True)},
        "slices": {name: overall(truth[rows], found[rows]) for name, rows in chosen.items()},
    }


def _scores(precision: float, recall: float, f1: float, samples: int) -> Scores:
    return {
        "precision": float(precision), "recall": float(recall), "f1": float(f1), "num_samples": int(samples)
    }  # fmt: skip
