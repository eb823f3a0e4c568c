"""A model each of whose processes notes what it may use, in the file that the variable NOTES names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import msgspec

import modelport

SEEN = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "RAYON_NUM_THREADS", "TOLD")


def seen() -> dict[str, Any]:
    variables = {name: os.environ.get(name) for name in SEEN}
    return {"pid": os.getpid(), **msgspec.to_builtins(modelport.current_worker()), **variables}


class Placed(modelport.Model):
    """Says what it sees, and what it saw when it was made."""

    def __init__(self) -> None:
        if "NOTES" in os.environ:
            with Path(os.environ["NOTES"]).open("a") as notes:
                notes.write(json.dumps(seen()) + "\n")

    def predict(self, leave: bool = False) -> dict[str, Any]:
        if leave:
            os._exit(1)
        return seen()

    def train(self) -> dict[str, Any]:
        return seen()
