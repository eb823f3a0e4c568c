"""Models that are asked over TLS, Unix sockets and proxies: they double a number, count, sum a file up."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
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


class Counted(modelport.Model):
    """A stream of two numbers, of which the second waits for the file `gate`."""

    def predict(self, gate: str) -> Iterator[int]:
        """One, and then two."""
        yield 1
        while not Path(gate).exists():
            time.sleep(0.01)
        yield 2

    def train(self, gate: str) -> int:
        """A training that says that it has begun, and waits for the same."""
        print("it has begun", flush=True)
        while not Path(gate).exists():
            time.sleep(0.01)
        return 3


class Summed(modelport.Model):
    """What a file is, by its SHA-256."""

    def predict(self, file: modelport.File) -> str:
        """The sum as hexadecimal digits."""
        return hashlib.sha256(file.read()).hexdigest()
