"""What clients, receivers and user code saw of a store that was harmed: one JSON record a line.

A record is written as `info` before its operation begins and again with its end. What was never ended, by a
timeout, a reset or a kill, stays `info`: nobody knows whether it was done, and both must be allowed.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_numbers = itertools.count()


@dataclass
class Record:
    """One operation. `t_invoke` and `t_done` are seconds since the epoch; `number` tells it from others."""

    proc: str
    op: str
    key: str
    t_invoke: float
    t_done: float = 0.0
    type: str = "info"
    value: dict[str, Any] = field(default_factory=dict[str, Any])
    number: str = ""

    @property
    def ok(self) -> bool:
        """True if it is known to have been done."""
        return self.type == "ok"


class Recorder:
    """Appends records to a file; threads and processes may share one. Close it at the end."""

    def __init__(self, path: Path):
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, record: Record) -> None:
        """Write a record whole: what is written outlives the process."""
        os.write(self._file, json.dumps(asdict(record)).encode() + b"\n")

    @contextmanager
    def operation(self, proc: str, op: str, key: str = "", **value: Any) -> Iterator[Record]:
        """Record what happens inside; it stays `info` unless the block sets another type."""
        number = f"{os.getpid()}.{next(_numbers)}"
        record = Record(proc, op, key, time.time(), value=value, number=number)
        self.write(record)
        try:
            yield record
        finally:
            record.t_done = time.time()
            self.write(record)

    def note(self, proc: str, op: str, key: str = "", **value: Any) -> None:
        """Record something that is over in a moment."""
        with self.operation(proc, op, key, **value) as record:
            record.type = "ok"

    def close(self) -> None:
        os.close(self._file)


def load(path: Path) -> list[Record]:
    """The records of a file, in the order in which they began."""
    found: dict[str, Record] = {}
    for line in _whole_lines(path):
        record = Record(**json.loads(line))
        found[record.number] = record
    return sorted(found.values(), key=lambda record: record.t_invoke)


def _whole_lines(path: Path) -> list[bytes]:
    """The lines of a file that others may write to just now: of the last, a part may be there."""
    return path.read_bytes().rpartition(b"\n")[0].splitlines()


def load_runs(path: Path) -> list[Record]:
    """What user code appended to its side file: `job attempt token start|end time` in each line."""
    if not path.exists():
        return []
    runs: list[Record] = []
    for line in _whole_lines(path):
        job, attempt, token, phase, at = line.decode().split()
        value = {"attempt": int(attempt), "token": int(token)}
        runs.append(Record("code", phase, job, float(at), float(at), "ok", value))
    return runs


def append_run(path: str, job: str, attempt: int, token: int, phase: str) -> None:
    """Write such a line, whole."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, f"{job} {attempt} {token} {phase} {time.time()}\n".encode())
    finally:
        os.close(file)
