"""The process that keeps the payload log: what samples mean is found out here, and written.

    python -P -m modelport.telemetry.payloads.keeper DESCRIPTOR

It talks with the server over a Unix socket. When that closes, whatever has become of the server, it writes
what was sent before, and ends. Payloads that strangers send are parsed here, and so what is made of one for
harm ends this process at worst: the server starts it again.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import sqlite3
import sys
from pathlib import Path
from time import monotonic, time
from typing import Any

from modelport.telemetry.payloads import messages as wire
from modelport.telemetry.payloads.folders import left_by, take_free
from modelport.telemetry.payloads.index import Index
from modelport.telemetry.payloads.pruning import forget, prune
from modelport.telemetry.payloads.records import Record, line_of, record_of
from modelport.telemetry.payloads.segments import (
    INDEX,
    LINES,
    OpenSegment,
    Segment,
    log_id,
    removable,
    segments,
    set_torn_aside,
    take_folder,
)

SYNC_SECONDS = 1.0  # what a power cut may cost
TIDY_SECONDS = 60.0
MEMORY = 4 << 30  # of this process: a payload that would need more is left out
MOST_OPEN = 256  # files at once: a model's that has none begins another


class Keeper:
    """The log of one server, while it is open."""

    def __init__(self, channel: socket.socket, rules: wire.Rules):
        self._channel = channel
        self._rules = rules
        first = Path(rules.folder)
        if rules.store:
            self._folder, self._lock = take_free(first, rules.store, rules.before)
        else:
            self._folder, self._lock = first, take_folder(first)
        log_id(self._folder)
        channel.sendall(wire.framed(wire.Chosen(str(self._folder))))
        self._open: dict[str, OpenSegment] = {}
        torn = set_torn_aside(self._folder)
        self._index = Index(self._folder / INDEX)
        self._forget_gone()
        self.written = 0
        self.unwritten = 0
        self._told = 0
        self._failed_at = 0.0
        self._tidied_at = monotonic()
        self._without_tables = False
        for path in torn:
            self.say(f"the payload log ended in half a line, which is in {path} now")
        self._close_older()
        self.tidy()

    def say(self, words: str) -> None:
        """Say something in the log of the server, if that is there."""
        with contextlib.suppress(OSError):
            self._channel.sendall(wire.framed(wire.Said(words)))

    def _forget_gone(self) -> None:
        there = {segment.name for segment in segments(self._folder)}
        for name in set(self._index.known_segments()) - there:
            self._index.forget(name)
        self._index.commit()

    def _close_older(self) -> None:
        """Full files of an earlier life are Parquet, too, if that is wanted."""
        for segment in segments(self._folder):
            if segment.path.suffix == LINES:
                self._to_table(segment)

    # -- what the server says ----------------------------------------------------------------------

    def on(self, message: wire.Message) -> None:
        """Do what a message says."""
        if isinstance(message, wire.Sample):
            self._on_sample(message)
        elif isinstance(message, wire.Feedback):
            self._answer(message.number, lambda: self._feedback(message))
        elif isinstance(message, wire.Prune):
            self._answer(message.number, lambda: self._prune(message))
        elif isinstance(message, wire.State):
            self._answer(message.number, self._state)
        elif isinstance(message, wire.Closed):
            self._answer(message.number, lambda: self._closed(truths=message.truths))

    def _answer(self, number: int, work: Any) -> None:
        try:
            done = wire.Done(number, work())
        except (OSError, sqlite3.Error) as error:
            self._index.roll_back()
            done = wire.Done(number, error=f"the payload log cannot be written: {error}")
        self._channel.sendall(wire.framed(done))

    def _on_sample(self, sample: wire.Sample) -> None:
        try:
            record = record_of(sample)
            line = line_of(record)
        except Exception as error:  # the border to what strangers have sent, and libraries read
            self.unwritten += 1
            self.say(f"{sample.request_id} is not in the payload log, it cannot be read: {error!r:.200}")
            return
        self._keep(record, line)

    def _keep(self, record: Record, line: bytes) -> None:
        try:
            segment = self._segment(record.model, record.at.timestamp())
            segment.add(line)
            self._index.add(record, segment.segment.name)
        except (OSError, sqlite3.Error) as error:
            self.unwritten += 1
            self._say_unwritten(error)
            return
        self.written += 1
        if self._rules.file_size and segment.size >= self._rules.file_size:
            self._close(record.model)

    def _say_unwritten(self, error: Exception) -> None:
        if not self._failed_at or monotonic() - self._failed_at > TIDY_SECONDS:
            self._failed_at = monotonic()
            self.say(
                f"the payload log cannot be written ({error}): {self.unwritten} predictions are not in it"
            )

    def _segment(self, model: str, at: float) -> OpenSegment:
        if model not in self._open:
            if len(self._open) >= MOST_OPEN:
                self._close(next(iter(self._open)))
            self._open[model] = OpenSegment(self._folder, model, at)
        return self._open[model]

    def _feedback(self, message: wire.Feedback) -> dict[str, Any]:
        found = self._index.give(message.model, message.truths, message.by, message.giver)
        self._index.commit()
        return found._asdict()

    def _prune(self, message: wire.Prune) -> dict[str, Any]:
        for model in list(self._open):
            if message.model in (None, model):
                self._close(model)
        return {**prune(self._folder, self._index, message.model, message.before)}

    def _state(self) -> dict[str, Any]:
        self.sync()
        predictions, truths = self._index.counts()
        size = sum(segment.path.stat().st_size for segment in segments(self._folder))
        counts = {"written": self.written, "unwritten": self.unwritten}
        return {**counts, "predictions": predictions, "feedback": truths, "bytes": size}

    def _closed(self, *, truths: bool) -> dict[str, Any]:
        is_open = {one.segment.path for one in self._open.values()}
        there = [one.path for one in segments(self._folder) if one.path not in is_open]
        closed = [path.relative_to(self._folder).as_posix() for path in there]
        return {"closed": closed, "truths": self._index.truth_counts() if truths else {}}

    # -- upkeep ------------------------------------------------------------------------------------

    def sync(self) -> None:
        """Bring what was written to the disk."""
        try:
            for segment in self._open.values():
                segment.sync()
            self._index.commit()
        except (OSError, sqlite3.Error) as error:
            self._say_unwritten(error)
        handled = self.written + self.unwritten
        if handled != self._told:
            self._told = handled
            with contextlib.suppress(OSError):
                self._channel.sendall(wire.framed(wire.Handled(handled)))

    def tidy(self) -> None:
        """Remove what is too old or too much."""
        self._tidied_at = monotonic()
        is_open = {one.segment.path for one in self._open.values()}
        self._remove_old(self._folder, self._index, is_open)
        if not self._rules.store:
            return
        with left_by(Path(self._rules.folder), self._rules.store) as folders:
            for folder in folders:
                try:
                    with contextlib.closing(Index(folder / INDEX)) as index:
                        self._remove_old(folder, index, set())
                except (OSError, sqlite3.Error) as error:
                    self.say(f"what is too old in {folder} cannot be removed: {error}")

    def _remove_old(self, folder: Path, index: Index, is_open: set[Path]) -> None:
        keep = self._rules.keep_seconds
        older_than = time() - keep if keep else 0.0
        forget(index, list(removable(folder, is_open, self._rules.keep_size, older_than)))

    def tidy_in_time(self) -> None:
        """`tidy`, if that was not done for a while, and begin other files than those that are old."""
        most = self._rules.file_seconds
        for model in [name for name, one in self._open.items() if most and one.age > most]:
            self._close(model)
        if monotonic() - self._tidied_at > TIDY_SECONDS:
            self.tidy()

    def _close(self, model: str) -> None:
        segment = self._open.pop(model)
        segment.close()
        self._to_table(segment.segment)
        self.tidy()

    def _to_table(self, segment: Segment) -> None:
        if self._rules.format != "parquet" or self._without_tables:
            return
        try:
            from modelport.telemetry.payloads.tables import to_table

            to_table(segment.path)
        except ImportError:
            self._without_tables = True
            self.say(
                "the payload log stays lines of JSON: Parquet needs pyarrow (pip install 'modelport[table]')"
            )
        except OSError as error:
            self._say_unwritten(error)

    def close(self) -> None:
        """Write what is left."""
        for segment in self._open.values():
            segment.close()
        with contextlib.suppress(sqlite3.Error):
            self._index.commit()
        self._index.close()
        os.close(self._lock)


def run(channel: socket.socket) -> None:
    """Keep a log as the server on the channel wants it, until it closes the channel."""
    frames = wire.Frames()
    keeper: Keeper | None = None
    synced_at = monotonic()
    try:
        while True:
            ready, _, _ = select.select([channel], [], [], SYNC_SECONDS)
            data = channel.recv(1 << 18) if ready else None
            for frame in frames.add(data) if data else ():
                message = wire.messages.decode(frame)
                if isinstance(message, wire.Rules):
                    keeper = Keeper(channel, message)
                elif keeper is not None:
                    keeper.on(message)
            if keeper is not None and monotonic() - synced_at >= SYNC_SECONDS:
                synced_at = monotonic()
                keeper.sync()
                keeper.tidy_in_time()
            if data == b"":
                return
    finally:
        if keeper is not None:
            keeper.close()


def main(arguments: list[str]) -> int:
    """The process."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with the channel, when it has written what was sent
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(5)
    channel = socket.socket(fileno=int(arguments[0]))
    try:
        run(channel)
    except BlockingIOError:
        said = wire.Said(
            "another server keeps its payload log in this folder: give this one another payload_dir"
        )
        channel.sendall(wire.framed(said))
        return 3
    except ConnectionError:
        return 0
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            channel.sendall(wire.framed(wire.Said(f"the payload log cannot be kept: {error}")))
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
