"""The answers of a batch job while it runs: files of lines, each synced before its rows count as done.

A line is `{"prediction": …}`, or `{"error": {"status": …, "detail": …}}` in the place of a row that failed,
after the columns that are kept. The name of a file says which rows it has, and how many of them failed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import msgspec

from modelport.contract.kept_files import PARTIAL, sync
from modelport.worker.answers import encode_json
from modelport.worker.batch_jobs.chunks import Fault

NAME = re.compile(r"rows-(\d+)-(\d+)-(\d+)\.jsonl")
PART_BYTES = 4 << 20  # after which a part is long enough,
PART_ROWS = 4096
PART_SECONDS = 1.0  # or has waited for long enough


class Part(NamedTuple):
    """A file of answers: those of so many `rows` from number `first` on, of which so many failed."""

    path: Path
    first: int
    rows: int
    failed: int


class Parts:
    """The answers so far, in a folder that outlives the attempt: a later one goes on where they end."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(mode=0o700, exist_ok=True)
        sync(folder.parent)
        self.parts = _in_order(folder)
        self._lines = bytearray()
        self._rows = self._failed = 0
        self._begun = monotonic()

    @property
    def done(self) -> int:
        """The rows that are on the disk."""
        return self.parts[-1].first + self.parts[-1].rows if self.parts else 0

    def add(self, results: Sequence[bytes | Fault], kept: Sequence[dict[str, Any]] | None) -> None:
        """The answers of the next rows, perhaps each with the values that are kept beside it.

        Raises `OSError` if they cannot be written.
        """
        for place, result in enumerate(results):
            beside = encode_json(kept[place], allow_nan=False)[:-1] + b"," if kept else b"{"
            if isinstance(result, Fault):
                said = msgspec.json.encode({"status": result.status, "detail": result.detail})
                self._lines += beside + b'"error":' + said + b"}\n"
                self._failed += 1
            else:
                self._lines += beside + b'"prediction":' + result + b"}\n"
        self._rows += len(results)
        is_long = len(self._lines) >= PART_BYTES or self._rows >= PART_ROWS
        if is_long or monotonic() - self._begun >= PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Bring what has come to the disk. Raises `OSError`."""
        if self._rows:
            name = f"rows-{self.done}-{self._rows}-{self._failed}.jsonl"
            partial, path = self._folder / f".{name}{PARTIAL}", self._folder / name
            with partial.open("wb") as file:
                file.write(self._lines)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync(self._folder)
            self.parts.append(Part(path, self.done, self._rows, self._failed))
            self._lines.clear()
            self._rows = self._failed = 0
        self._begun = monotonic()


def _in_order(folder: Path) -> list[Part]:
    """The parts that follow each other from row 0 on. What is none of them is removed."""
    found: dict[int, Part] = {}
    for path in folder.iterdir():
        named = NAME.fullmatch(path.name)
        if named is not None:
            first, rows, failed = map(int, named.groups())
            found[first] = Part(path, first, rows, failed)
        else:
            with contextlib.suppress(OSError):
                path.unlink()
    ordered: list[Part] = []
    place = 0
    while part := found.get(place):
        ordered.append(part)
        place += part.rows
    return ordered
