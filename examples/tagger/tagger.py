"""Projects tagged from their text: the task of the "Made With ML" API lesson, written for modelport.

Serve it with `modelport serve examples/tagger/tagger.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field
from tagger_model import __version__, data, training
from tagger_model.classifier import Classifier
from tagger_model.payload import Prediction, Predictions, Texts
from tagger_model.performance import Performance

import modelport

DEFAULTS = training.Options()


class Tagger(modelport.Model):
    """Tags machine learning projects by their text.

    A logistic regression a tag on the TF-IDF of terms. It knows six tags; a project may have several.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "tagger",
        "version": __version__,
        "author": "The modelport authors",
        "license": "Apache-2.0",
        "url": "https://github.com/modelport/modelport/tree/main/examples/tagger",
    }

    def __init__(self) -> None:
        self.classifier: Classifier | None = None

    def load_model(self, path: Path) -> None:
        """Tag with what a training has kept, not with the base model."""
        self.classifier = Classifier.load(path)

    def warm(self) -> None:
        """Train the base model, in less than a second, where no run was loaded."""
        if self.classifier is None:
            self.classifier = training.train(DEFAULTS, data.read())

    def predict(self, texts: Texts) -> Predictions:
        """The tags of every text."""
        self.warm()
        assert self.classifier is not None
        given = [text.text for text in texts]
        return Predictions(
            predictions=[
                Prediction(input_text=text, predicted_tags=tags)
                for text, tags in zip(given, self.classifier.tag(given), strict=True)
            ]
        )

    def train(
        self,
        epochs: Annotated[
            int, Field(ge=1, le=500, description="How often the projects are learned from")
        ] = DEFAULTS.epochs,
        learning_rate: Annotated[
            float, Field(gt=0, le=10, description="How far each step goes")
        ] = DEFAULTS.learning_rate,
        regularization: Annotated[
            float, Field(ge=1e-7, le=0.01, description="How small the weights are kept")
        ] = DEFAULTS.regularization,
        max_features: Annotated[
            int, Field(ge=10, le=20_000, description="How many terms it knows, the most frequent ones")
        ] = DEFAULTS.max_features,
        ngram_max: Annotated[
            int, Field(ge=1, le=3, description="How many words a term may have")
        ] = DEFAULTS.ngram_max,
        threshold: Annotated[
            float, Field(gt=0, lt=1, description="The probability from which on a tag is given")
        ] = DEFAULTS.threshold,
        seed: Annotated[
            int, Field(ge=0, le=100_000, description="The same seed, the same tagger")
        ] = DEFAULTS.seed,
    ) -> Performance:
        """Train a tagger, keep it as the model of the run, and return its performance."""
        options = training.Options(
            epochs, learning_rate, regularization, max_features, ngram_max, threshold, seed
        )
        return training.train_and_keep(options, modelport.current_job())
