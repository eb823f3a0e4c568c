"""Which predictions are in the payload log, and what their answers should have been.

A database of its own beside the files, of which the keeper is the only writer: jobs must not wait for what
is a sample. What it has goes with the files that it is about.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Any, NamedTuple

import msgspec

from modelport.telemetry.payloads.messages import MOST_TRUTH, Truth
from modelport.telemetry.payloads.records import Record
from modelport.telemetry.payloads.truths import form_of, why_unlike

SCHEMA = """
CREATE TABLE IF NOT EXISTS predictions (
    request_id TEXT PRIMARY KEY, model TEXT NOT NULL, by TEXT NOT NULL, segment TEXT NOT NULL, form BLOB
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS predictions_by_segment ON predictions (segment);
CREATE TABLE IF NOT EXISTS feedback (
    request_id TEXT PRIMARY KEY, truth BLOB NOT NULL, by TEXT NOT NULL, at REAL NOT NULL
) WITHOUT ROWID;
"""


class Kept(NamedTuple):
    """What became of truths, by ids: those that are kept, that were so before, and that are not."""

    kept: list[str]
    known: list[str]
    unknown: list[str]
    of_others: list[str]
    too_large: list[str]
    unlike: dict[str, str]  # with the reason


class Index:
    """Open it in one process alone. It writes when told to `commit`."""

    def __init__(self, path: Path):
        self._database = sqlite3.connect(path, isolation_level=None)
        path.chmod(0o600)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(SCHEMA)
        if "form" not in {row[1] for row in self._database.execute("PRAGMA table_info(predictions)")}:
            self._database.execute("ALTER TABLE predictions ADD COLUMN form BLOB")
        self._is_writing = False

    def _begin(self) -> None:
        if not self._is_writing:
            self._database.execute("BEGIN")
            self._is_writing = True

    def add(self, record: Record, segment: str) -> None:
        """A prediction is in this file."""
        self._begin()
        form = form_of(record.status, record.answer)
        self._database.execute(
            "INSERT OR REPLACE INTO predictions VALUES (?, ?, ?, ?, ?)",
            (record.request_id, record.model, record.principal, segment, form),
        )

    def give(self, model: str, truths: Sequence[Truth], by: str | None, giver: str) -> Kept:
        """Keep truths. `by` None may give those of anybody's predictions. The last one of each counts."""
        self._begin()
        found = Kept([], [], [], [], [], {})
        for one in truths:
            row = self._database.execute(
                "SELECT by, form FROM predictions WHERE request_id = ? AND model = ?", (one.request_id, model)
            ).fetchone()
            truth = msgspec.json.encode(one.truth)
            if row is None:
                found.unknown.append(one.request_id)
            elif by is not None and row[0] != by:
                found.of_others.append(one.request_id)
            elif len(truth) > MOST_TRUTH:
                found.too_large.append(one.request_id)
            elif why := why_unlike(row[1], one.truth):
                found.unlike[one.request_id] = why
            else:
                self._keep(one, truth, giver, found)
        return found

    def _keep(self, one: Truth, truth: bytes, giver: str, found: Kept) -> None:
        query = "SELECT truth, at FROM feedback WHERE request_id = ?"
        before = self._database.execute(query, (one.request_id,)).fetchone()
        at = one.at or time()
        if before is not None and (before[0] == truth or before[1] > at):
            found.known.append(one.request_id)
            return
        self._database.execute(
            "INSERT OR REPLACE INTO feedback VALUES (?, ?, ?, ?)", (one.request_id, truth, giver, at)
        )
        found.kept.append(one.request_id)

    def forget(self, segment: str) -> None:
        """A file is removed, and with it what is known of its predictions."""
        self._begin()
        self._database.execute(
            "DELETE FROM feedback WHERE request_id IN (SELECT request_id FROM predictions WHERE segment = ?)",
            (segment,),
        )
        self._database.execute("DELETE FROM predictions WHERE segment = ?", (segment,))

    def known_segments(self) -> list[str]:
        """The files that it has predictions of."""
        return [row[0] for row in self._database.execute("SELECT DISTINCT segment FROM predictions")]

    def counts(self) -> tuple[int, int]:
        """How many predictions, and how many truths, there are."""
        query = "SELECT (SELECT count(*) FROM predictions), (SELECT count(*) FROM feedback)"
        predictions, truths = self._database.execute(query).fetchone()
        return predictions, truths

    def truth_counts(self) -> dict[str, tuple[int, float]]:
        """How many truths there are of the predictions of each file, and when the last one was told."""
        query = (
            "SELECT segment, count(*), max(at) FROM feedback JOIN predictions USING (request_id) "
            "GROUP BY segment"
        )
        return {name: (count, at) for name, count, at in self._database.execute(query)}

    def commit(self) -> None:
        """Write what was done since the last time. Raises `sqlite3.Error`, and then it is undone."""
        if self._is_writing:
            self._is_writing = False
            try:
                self._database.execute("COMMIT")
            except sqlite3.Error:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def roll_back(self) -> None:
        """Undo what was done since the last commit."""
        self._is_writing = False
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")

    def close(self) -> None:
        self._database.close()


def truths_of(path: Path, request_ids: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """What is known of these predictions, as who reads the log in another process looks it up."""
    if not path.exists():
        return
    with _reading(path) as database:
        for begin in range(0, len(request_ids), 500):
            some = request_ids[begin : begin + 500]
            marks = ",".join("?" * len(some))
            query = f"SELECT request_id, truth FROM feedback WHERE request_id IN ({marks})"
            for request_id, truth in database.execute(query, some):
                yield request_id, msgspec.json.decode(truth)


def truth_lines(path: Path, segment: str) -> bytes:
    """What is known of the predictions of a file: lines of JSON, `[request id, truth]`."""
    query = (
        "SELECT request_id, truth FROM feedback JOIN predictions USING (request_id) WHERE segment = ? "
        "ORDER BY request_id"
    )
    with _reading(path) as database:
        rows = database.execute(query, (segment,))
        return b"".join(b"[%b,%b]\n" % (msgspec.json.encode(name), truth) for name, truth in rows)


@contextmanager
def _reading(path: Path) -> Generator[sqlite3.Connection]:
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)
    try:
        yield database
    finally:
        database.close()
