"""A model whose load ends when a file is there."""

from __future__ import annotations

import os
import time
from pathlib import Path

import modelport


class Slow(modelport.Model):
    """Says what it is asked, once it has been let go on."""

    def __init__(self) -> None:
        place = Path(os.environ["GATE"])
        while not place.exists():
            time.sleep(0.02)

    def predict(self, text: str = "") -> str:
        print(f"asked {text}")
        return text
