"""A model that is asked over TLS and Unix sockets: it doubles a number, as soon as it may."""

from __future__ import annotations

import time
from pathlib import Path

import modelport


class Twice(modelport.Model):
    """Twice a number; with `gate` it waits until that file is there."""

    def predict(self, number: int, gate: str = "") -> int:
        """Twice the number."""
        while gate and not Path(gate).exists():
            time.sleep(0.01)
        return 2 * number

    def train(self, number: int) -> int:
        """A training that ends at once."""
        return number
