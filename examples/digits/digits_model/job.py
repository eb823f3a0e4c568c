"""What a training tells the server that runs it, and asks of it. Without modelport nobody listens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class Alone:
    """A training that no server runs: the same methods, and nothing is recorded."""

    id = ""
    cancelled = False
    checkpoint_dir = Path()

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """How far it is."""

    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Numbers of one step."""

    def artifact(self, path: str | Path, name: str | None = None) -> Path:
        """A file to keep."""
        return Path(path)


try:
    from modelport import current_job
except ImportError:

    def current_job() -> Alone:
        """The job that runs this code: there is none."""
        return Alone()
