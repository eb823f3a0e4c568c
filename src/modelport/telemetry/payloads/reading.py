"""The payload log, read by who did not write it: the newest predictions of a model first, within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from modelport.telemetry.payloads.records import Record, record_in
from modelport.telemetry.payloads.segments import LINES, Segment, segments
from modelport.telemetry.payloads.tables import table_records


class Reading:
    """Reads predictions that were asked for in a time, of one log or several. `torn` lines are passed over
    and counted.

    Once `most_records` or `most_bytes` are reached, whole files that are older are `not_read`.
    """

    def __init__(self, folders: Sequence[Path], model: str, most_records: int, most_bytes: int):
        found = [segment for folder in folders for segment in segments(folder, model)]
        self._segments = sorted(found, key=lambda one: (one.begun, one.path.name))
        self._left = most_records
        self._bytes = most_bytes
        self.read = 0
        self.torn = 0
        self.not_read = 0
        self.words = ""

    def records(self, begin: datetime, end: datetime) -> Iterator[Record]:
        """Those from `begin` on, and before `end`."""
        for segment in reversed(self._segments):
            try:
                state = segment.path.stat()
            except OSError:  # it was removed meanwhile
                continue
            if segment.begun >= end.timestamp() or state.st_mtime < begin.timestamp():
                continue
            if self._left <= 0 or self._bytes <= 0:
                self.not_read += 1
                continue
            self._bytes -= state.st_size
            for record in self._records(segment):
                if begin <= record.at < end:
                    self.read += 1
                    self._left -= 1
                    yield record

    def _records(self, segment: Segment) -> Iterator[Record]:
        try:
            yield from (
                self._lines(segment.path) if segment.path.suffix == LINES else table_records(segment.path)
            )
        except ImportError:
            self.not_read += 1
            self.words = "files of Parquet are not read without pyarrow (pip install 'modelport[table]')"
        except FileNotFoundError:  # removed, or Parquet by now, which the next report reads
            self.not_read += 1
        except (OSError, ValueError) as error:
            self.torn += 1
            self.words = f"{segment.path.name} cannot be read: {str(error)[:100]}"

    def _lines(self, path: Path) -> Iterator[Record]:
        with path.open("rb") as lines:
            for line in lines:
                try:
                    yield record_in(line)
                except msgspec.DecodeError:
                    self.torn += 1
