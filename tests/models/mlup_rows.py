"""A model with one argument for rows and one that may be left out; some rows make it fail, or be slow."""

import contextlib
import os
import time
from pathlib import Path

import modelport

FAILS, SLOW, NAN = -1, -2, -3


class Marked:
    """Puts the mark before the values of each row."""

    def predict(self, X, test_param: bool = False):
        first = [row[0] if isinstance(row, list) and row else row for row in X]
        if FAILS in first:
            raise ValueError("a secret is 42")
        if SLOW in first:
            time.sleep(2)
        if NAN in first:
            return [float("nan")]
        if first[:1] == ["wait"]:  # until the pipe of this name is opened and closed by the test
            with Path(X[0][1]).open() as gate:
                gate.read()
        if first[:1] == ["stubborn"]:  # the same, whatever it is told
            with Path(X[0][1]).open() as gate:
                while True:
                    with contextlib.suppress(BaseException):
                        gate.read()
                        time.sleep(0.01)
        if first[:1] == ["exit"]:
            os._exit(7)
        if first[:1] == ["teapot"]:
            raise modelport.HTTPError(500, "a secret is 42")
        if first[:1] == ["pid"]:
            return [os.getpid()]
        return [[test_param] + (row if isinstance(row, list) else [row]) for row in X]


model = Marked()
