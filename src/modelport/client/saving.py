"""Writing a download to a file that has its name only when it is complete."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from modelport.client.calls import job_path


def artifact_path(job_id: str, name: str) -> str:
    """Where a job's file is."""
    return f"{job_path(job_id)}/artifacts/{quote(name, safe='/')}"


class Saving:
    """A file that is being written. It gets its name at the end of the `with` block, if nothing failed."""

    def __init__(self, place: Path):
        self.place = place
        self._partial = place.with_name(f".{place.name}.partial")
        self._file = self._partial.open("wb")

    def write(self, chunk: bytes) -> None:
        """Write a piece."""
        self._file.write(chunk)

    def __enter__(self) -> Saving:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None:
            self._partial.replace(self.place)
        else:
            self._partial.unlink()
