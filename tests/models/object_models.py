"""Models of the array and the object contract that nobody had to fit, and which start soon."""

from __future__ import annotations

from typing import Any, List  # noqa: UP035 - as users write it

import numpy as np


class Rows:
    """Takes rows and one parameter more."""

    def predict(self, X: Any, flag: bool = False, note=None) -> Any:
        return [[flag, row] for row in X]


class Several:
    """Takes a list and two more arguments."""

    def predict(self, first: List[float], second: int, third="c") -> Any:  # noqa: UP006
        return [value * second for value in first] + [third]


class Arrays:
    """Wants an array."""

    def predict(self, X: np.ndarray) -> Any:
        return X.sum(axis=1)


def called(X, power=2):
    return [x**power for x in X]
