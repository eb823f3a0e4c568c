"""A model whose trainings keep a large file."""

from __future__ import annotations

import modelport

LARGE = bytes(range(256)) * (8 << 10)  # 2 MiB
NAME = "folder/ä large.bin"


class Large(modelport.Model):
    """Keeps it, and another one twice under other names."""

    def predict(self, x: int = 0) -> int:
        return x

    def train(self) -> None:
        job = modelport.current_job()
        place = job.checkpoint_dir / "large.bin"
        place.write_bytes(LARGE)
        job.artifact(place, NAME)
        place.write_bytes(LARGE[1:])
        for name in ("one", "other"):
            job.artifact(place, name)
