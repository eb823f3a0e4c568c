"""Takes a picture as an array, and gives as little back as it can: what is measured is the way."""

from __future__ import annotations

import numpy

import modelport


class Shape(modelport.Model):
    """The first ten numbers of each picture."""

    def predict(self, x: numpy.ndarray) -> numpy.ndarray:
        return x.reshape(x.shape[0], -1)[:, :10]
