"""A trained tagger: what it knows, how it tags, and its file."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer


def vectorizer(ngram_max: int, **more: Any) -> TfidfVectorizer:
    """How texts become numbers: the same way in training and ever after."""
    return TfidfVectorizer(sublinear_tf=True, stop_words="english", ngram_range=(1, ngram_max), **more)


@dataclass(frozen=True, eq=False)
class Classifier:
    """The weight of each term (column of `weights`) for each tag (row), and what it needs to use them."""

    tags: tuple[str, ...]
    terms: tuple[str, ...]
    idf: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    ngram_max: int
    threshold: float

    @cached_property
    def _vectorizer(self) -> TfidfVectorizer:
        made = vectorizer(self.ngram_max, vocabulary=list(self.terms))
        made.idf_ = self.idf
        return made

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """How probable each tag (column) is for each text (row); 0 for texts of which it knows no term."""
        features: Any = self._vectorizer.transform(texts)
        scores = features @ self.weights.T + self.bias
        known = np.diff(features.indptr) > 0
        return known[:, np.newaxis] * (0.5 + 0.5 * np.tanh(scores / 2))  # the logistic function, no overflow

    def decide(self, texts: Sequence[str]) -> np.ndarray:
        """Which text (row) gets which tag (column)."""
        return self.probabilities(texts) >= self.threshold

    def tag(self, texts: Sequence[str]) -> list[list[str]]:
        """The tags of each text, the likeliest first; none where no tag reaches the threshold."""
        return [
            [self.tags[i] for i in np.argsort(-row, kind="stable") if row[i] >= self.threshold]
            for row in self.probabilities(texts)
        ]

    def save(self, path: Path) -> None:
        """Write it to a file of numpy's: arrays and no pickle, so that loading it can run no code."""
        with path.open("wb") as file:
            np.savez_compressed(file, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> Classifier:
        """Read what `save` wrote. Raises `ValueError` if it is something else."""
        if not zipfile.is_zipfile(path):  # numpy would read other kinds of files, too
            raise ValueError(f"{path.name} is not the file of a tagger")
        with np.load(path, allow_pickle=False) as found:
            absent = {field.name for field in fields(cls)}.difference(found.files)
            if absent:
                raise ValueError(f"{path.name} is not the file of a tagger: it has no {min(absent)!r}")
            return cls(
                tags=tuple(found["tags"].tolist()),
                terms=tuple(found["terms"].tolist()),
                idf=found["idf"],
                weights=found["weights"],
                bias=found["bias"],
                ngram_max=int(found["ngram_max"]),
                threshold=float(found["threshold"]),
            )
