"""The projects of the example: their texts, their tags, and what each is for."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

FILE = Path(__file__).parents[1] / "projects.csv"

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class Project:
    """One row of the file."""

    text: str
    tags: frozenset[str]
    split: str


@dataclass(frozen=True)
class Projects:
    """Projects, and every tag there is, in the order that all arrays of this example have."""

    tags: tuple[str, ...]
    rows: tuple[Project, ...]

    def of(self, split: Split) -> Projects:
        """Those that are there to train, to watch a training, or to test what came out of it.

        The file says which ones: all runs are measured by the same projects, none of which has a sibling
        (another text of the same subject) among those that they learn from.
        """
        return Projects(self.tags, tuple(row for row in self.rows if row.split == split))

    @property
    def texts(self) -> list[str]:
        return [row.text for row in self.rows]

    @property
    def truth(self) -> np.ndarray:
        """Which project (row) has which tag (column)."""
        return truth_of([row.tags for row in self.rows], self.tags)


def truth_of(found: Sequence[frozenset[str]], tags: Sequence[str]) -> np.ndarray:
    """Sets of tags as a table of booleans."""
    return np.array([[tag in some for tag in tags] for some in found], dtype=bool).reshape(-1, len(tags))


def read(path: Path = FILE) -> Projects:
    """Read the file, in its order."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = tuple(
            Project(f"{row['title']}. {row['description']}", frozenset(row["tags"].split(";")), row["split"])
            for row in csv.DictReader(file)
        )
    return Projects(tuple(sorted(set[str]().union(*(row.tags for row in rows)))), rows)
