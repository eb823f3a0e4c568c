"""A model that says what it sees of a GPU, piece by piece, and takes memory if it is asked to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import modelport

MIB = 1 << 20


class OnGpus(modelport.Model):
    """Each piece says where it runs."""

    def predict(self, pieces: int = 1, seconds: float = 0.0, take: int = 0) -> Iterator[dict[str, str | int]]:
        taken = b"t" * take * MIB
        for number in range(pieces):
            time.sleep(seconds)
            yield {
                "number": number,
                "pid": os.getpid(),
                "node": os.environ.get("RAY_RAYLET_PID", ""),
                "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", "none"),
                "device": modelport.current_worker().device,
            }
        del taken
