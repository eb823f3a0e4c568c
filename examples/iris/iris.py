"""Iris flowers by their measurements: a model written for modelport, a table in.

Serve it with `modelport serve examples/iris/iris.py`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import modelport

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
LONGEST = 100.0  # centimetres: no iris is larger, so the unit must be wrong

Species = Literal["setosa", "versicolor", "virginica"]
Probability = Annotated[float, Field(ge=0, le=1)]


class Flower(BaseModel):
    """What one row of the table is, and how sure the model is of each species."""

    species: Species
    probability: Probability
    probabilities: dict[Species, Probability]


class Flowers(BaseModel):
    """One flower for each row of the table, in its order."""

    flowers: list[Flower]


class Iris(modelport.Model):
    """Names the species of iris flowers by their measurements in centimetres.

    The table has the columns sepal_length, sepal_width, petal_length and petal_width; others are
    ignored. Logistic regression, trained on Fisher's iris data at start.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "version": "1.0.0",
        "author": "The modelport authors",
        "license": "Apache-2.0",
        "url": "https://github.com/modelport/modelport/tree/main/examples/iris",
    }
    examples: ClassVar[dict[str, Any]] = {
        "Three flowers": {
            "flowers": {
                "columns": list(COLUMNS),
                "rows": [[5.1, 3.5, 1.4, 0.2], [6.0, 2.9, 4.5, 1.5], [6.5, 3.0, 5.8, 2.2]],
            }
        }
    }
    max_batch_size = 64

    def __init__(self) -> None:
        self.classifier = make_pipeline(StandardScaler(), LogisticRegression())
        self.species: list[Species] = []
        self.accuracy = 0.0

    def warm(self) -> None:
        """Train, in a few milliseconds, on three quarters of the flowers; the rest tells the accuracy."""
        train, test, train_species, test_species = hold_out()
        self.classifier.fit(train, train_species)
        self.accuracy = float(self.classifier.score(test, test_species))
        self.species = self.classifier.classes_.tolist()

    def predict(self, flowers: modelport.Table) -> Flowers:
        """The species of every flower of the table."""
        return self._named([measurements(flowers)])[0]

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[Flowers | Exception]:
        """Several tables in one go; a wrong one fails alone."""
        answers: list[Any] = [_attempt(call["flowers"]) for call in calls]
        good = [i for i, answer in enumerate(answers) if not isinstance(answer, Exception)]
        for i, named in zip(good, self._named([answers[i] for i in good]), strict=True):
            answers[i] = named
        return answers

    def _named(self, tables: list[np.ndarray]) -> list[Flowers]:
        rows = np.concatenate([*tables, np.empty((0, len(COLUMNS)))])
        probabilities = self.classifier.predict_proba(rows).tolist() if len(rows) else []
        flowers = [self._flower(row) for row in probabilities]
        ends = np.cumsum([len(table) for table in tables], dtype=int).tolist()
        return [
            Flowers(flowers=flowers[end - len(table) : end]) for end, table in zip(ends, tables, strict=True)
        ]

    def _flower(self, probabilities: list[float]) -> Flower:
        by_species = dict(zip(self.species, probabilities, strict=True))
        species = max(by_species, key=lambda name: by_species[name])
        return Flower(species=species, probability=by_species[species], probabilities=by_species)


def hold_out() -> tuple[Any, Any, Any, Any]:
    """Fisher's data in two: flowers to train, flowers to test, their species."""
    iris = load_iris()
    return train_test_split(iris.data, iris.target_names[iris.target], random_state=0, stratify=iris.target)


def measurements(flowers: modelport.Table) -> np.ndarray:
    """The table as an array of (rows, 4). Raises 422, naming the row and the column that are wrong."""
    rows = np.array(flowers.numbers(*COLUMNS), dtype=np.float64).reshape(-1, len(COLUMNS))
    wrong = np.argwhere(~((rows > 0) & (rows <= LONGEST)))
    if len(wrong):
        row, column = wrong[0].tolist()
        value = rows[row, column]
        raise modelport.HTTPError(
            422, f"Row {row}, column {COLUMNS[column]!r}: {value:g} is not a length of 0 to {LONGEST:g} cm."
        )
    return rows


def _attempt(flowers: modelport.Table) -> np.ndarray | Exception:
    try:
        return measurements(flowers)
    except modelport.HTTPError as error:
        return error
