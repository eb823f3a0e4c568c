"""The payload logs of servers with disks of their own, brought where all of them see them.

A file that nothing is added to any more is put there, with the truths of its predictions, and who makes a
report fetches those that it has not. What can go wrong, and what is done:

- *A server is killed before a file is there*, or the place is away. The file is on its disk, and is put
  there later, at its next start if not before.
- *All of it grows without an end.* Every server removes there what is older than `payload_keep`, and the
  oldest of all models and logs together, while they are more than `payload_keep_size`.
- *Predictions are removed* while other servers have them on their disks. What is to be removed is told at
  the place, and each server obeys, whenever it sees it, before it puts anything there.
- *Somebody changes an object.* Its name has its SHA-256: it is refused. A file that is there under a name
  that fits is read as strangers' bytes are, by a process of its own.

All calls block, and belong into a thread: no two at once, but for `bring`.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from time import monotonic, time
from typing import NamedTuple

from modelport.settings import Settings
from modelport.settings.written import seconds_of, size_of
from modelport.storage.errors import StoreError
from modelport.storage.files.place import Found, Place
from modelport.telemetry.payloads.index import Index, truth_lines
from modelport.telemetry.payloads.log import PayloadLog
from modelport.telemetry.payloads.segments import INDEX, STAMP, log_id, segments, take_folder
from modelport.telemetry.payloads.shared_names import (
    MOST_TRUTHS,
    PRUNED,
    PRUNED_KEY,
    ROOT,
    TRUTHS,
    SharedFile,
    shared_file,
)

log = logging.getLogger("modelport.payloads")

ASK_SECONDS = 30.0  # that the keeper of the log may take
TRUTH_SECONDS = 30.0  # between two looks at truths that are new, and at what is to be removed
ROTATE_SECONDS = 600.0
MOST_BROUGHT = 512 << 20  # bytes of the files of a report
COPIES = "payloads-of-others"  # in the data folder


class Brought(NamedTuple):
    """The folders of copies, and what is to be said where some are missing."""

    folders: Sequence[str]
    words: str = ""


class SharedPayloads:
    """What one server puts there, and has from there. `kept` is its own log."""

    def __init__(self, url: str, kept: PayloadLog, settings: Settings, data_folder: Path):
        self.kept = kept
        self._url = url
        self._copies = data_folder / COPIES
        self._keep_seconds = seconds_of(settings.payload_keep)
        self._keep_size = size_of(settings.payload_keep_size)
        self._place: Place | None = None
        self._there: dict[str, set[str]] = {}  # by model, the files of this log that are there, or were
        self._truths: dict[str, tuple[int, float]] = {}  # of files of this log, those that are there
        self._pruned: dict[str, float] = {}
        self._looked_at = self._rotated_at = float("-inf")
        self._log = ""

    def _opened(self) -> Place:
        if self._place is None:
            self._place = Place(self._url)
        return self._place

    # -- what this server has kept -----------------------------------------------------------------

    def send(self, *, all_of_it: bool = False) -> None:
        """Put there what is new, and remove what is to go; `all_of_it` once nothing keeps the log any more.

        Raises `StoreError`s, `PayloadsUnavailable` and `OSError`.
        """
        looks = monotonic() - self._looked_at > TRUTH_SECONDS
        if looks:
            self._prune_told()
        if self.kept.is_kept():
            found = self.kept.closed(truths=looks).result(ASK_SECONDS)
            self._send_all(found["closed"], found["truths"])
        if looks:
            self._looked_at = monotonic()
        if monotonic() - self._rotated_at > ROTATE_SECONDS:
            self.rotate()

    def send_last(self) -> None:
        """Put there all that is left: nothing keeps the log any more.

        Raises `StoreError`s, `OSError` and `sqlite3.Error`.
        """
        folder = self.kept.folder
        if not folder.is_dir():
            return
        try:
            lock = take_folder(folder)
        except BlockingIOError:  # another server has it by now, and sends it
            return
        try:
            with contextlib.closing(Index(folder / INDEX)) as index:
                truths = index.truth_counts()
            names = [one.path.relative_to(folder).as_posix() for one in segments(folder)]
            self._send_all(names, truths)
        finally:
            os.close(lock)

    def _send_all(self, closed: Sequence[str], truths: Mapping[str, tuple[int, float]]) -> None:
        self._use(log_id(self.kept.folder))
        for name in closed:
            self._send(self.kept.folder / name)
        for segment, (count, at) in truths.items():
            self._send_truths(segment, (count, at))

    def _use(self, log: str) -> None:
        if log != self._log:  # the keeper was started again, and has taken another folder
            self._log = log
            self._there.clear()
            self._truths.clear()

    def _known(self, model: str) -> set[str]:
        """The names of what this log has there of a model."""
        if model not in self._there:
            found = self._listed(f"{ROOT}/{model}/{self._log}")
            self._there[model] = {one.stamp for one in found if not one.is_truths}
        return self._there[model]

    def _send(self, path: Path) -> None:
        model = path.parent.name
        if path.stem in self._known(model):
            return
        with contextlib.suppress(FileNotFoundError):  # it was removed, or is Parquet by now
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file = SharedFile(model, self._log, path.stem, path.stat().st_mtime, sha256, path.suffix)
            self._opened().put(file.key, path)
            self._known(model).add(path.stem)

    def _send_truths(self, segment: str, known: tuple[int, float]) -> None:
        model, _, stamp = segment.partition("/")
        if self._truths.get(segment) == known or stamp not in self._known(model):
            return
        lines = truth_lines(self.kept.folder / INDEX, segment)
        sha256 = hashlib.sha256(lines).hexdigest()
        file = SharedFile(model, self._log, stamp, known[1], sha256, TRUTHS)
        if len(lines) > MOST_TRUTHS:
            log.warning("the feedback on %s is too large for other servers to see it", segment)
        else:
            self._opened().put(file.key, lines)
            listed = self._listed(f"{ROOT}/{model}/{self._log}")
            older = [one.key for one in listed if one.is_truths and one.segment == segment]
            self._opened().remove([key for key in older if key != file.key])
        self._truths[segment] = known

    # -- what goes ---------------------------------------------------------------------------------

    def prune(self, model: str, before: float) -> dict[str, int]:
        """Remove, wherever it is, what was kept of a model before; how many `files` and `bytes` were there.

        The other servers do so on their disks when they see it. Raises `StoreError`s.
        """
        place = self._opened()
        place.put(f"{PRUNED}/{model}/{before:.3f}", b"")
        return self._prune(model, before)

    def _prune(self, model: str, before: float) -> dict[str, int]:
        place = self._opened()
        found = place.objects(f"{ROOT}/{model}")
        files = [one for one in map(shared_file, found) if one is not None]
        gone = {(one.log, one.stamp) for one in files if not one.is_truths and one.time < before}
        keys = [one.key for one in files if (one.log, one.stamp) in gone]
        place.remove(keys)
        return {"files": len(gone), "bytes": sum(found[key].size for key in keys)}

    def _prune_told(self) -> None:
        """Do what other servers were told to remove."""
        told: dict[str, list[float]] = {}
        place = self._opened()
        for key in place.objects(PRUNED):
            if named := PRUNED_KEY.fullmatch(key):
                told.setdefault(named["model"], []).append(float(named["before"]))
        oldest = time() - self._keep_seconds if self._keep_seconds else 0.0
        for model, times in told.items():
            before = max(times)
            if before > self._pruned.get(model, 0.0):
                if self.kept.is_kept():
                    self.kept.prune(model, before).result(ASK_SECONDS)
                self._prune(model, before)
                self._pruned[model] = before
            past = [one for one in times if one < before or one < oldest]
            place.remove([f"{PRUNED}/{model}/{one:.3f}" for one in past])

    def rotate(self) -> None:
        """Remove there what is too old, or too much, and the copies of what is there no more."""
        place = self._opened()
        found = place.objects(ROOT)
        files = [one for one in map(shared_file, found) if one is not None]
        place.remove(list(self._too_much(files, found)))
        self._rotated_at = monotonic()
        self._drop_copies({one.copy_in(self._copies) for one in files}, "*")

    def _too_much(self, files: list[SharedFile], found: dict[str, Found]) -> Iterator[str]:
        """The keys of what is to go: the oldest, each with its truths."""
        older_than = time() - self._keep_seconds if self._keep_seconds else 0.0
        total = 0

        def whose(one: SharedFile) -> tuple[str, str, str]:
            return one.stamp, one.log, one.model

        for _, group in groupby(sorted(files, key=whose, reverse=True), whose):
            together = list(group)
            total += sum(found[one.key].size for one in together)
            is_old = all(one.time < older_than for one in together if not one.is_truths)
            if is_old or (self._keep_size and total > self._keep_size):
                yield from (one.key for one in together)

    def _drop_copies(self, wanted: set[Path], model: str) -> None:
        for path in self._copies.glob(f"*/{model}/*"):
            if path not in wanted:
                path.unlink(missing_ok=True)

    # -- what others have kept ---------------------------------------------------------------------

    def bring(self, model: str, begin: float, end: float, beside: Sequence[str] = ()) -> Brought:
        """Have copies of what other servers have kept of a model in a time, in seconds of the epoch.

        The newest are brought, up to a bound in bytes. The logs `beside` are read here anyway.
        """
        try:
            words = self._bring(model, begin, end, [self.kept.folder, *map(Path, beside)])
        except (StoreError, OSError) as error:
            words = f"what other servers have kept is not all in it: {error}"
        folders = [str(path.absolute()) for path in self._copies.glob("*") if (path / model).is_dir()]
        return Brought(sorted(folders), words)

    def _bring(self, model: str, begin: float, end: float, here: Sequence[Path]) -> str:
        place = self._opened()
        found = place.objects(f"{ROOT}/{model}")
        own = {log_id(folder) for folder in here if folder.is_dir()}
        files = [one for one in map(shared_file, found) if one is not None and one.log not in own]
        self._drop_copies({one.copy_in(self._copies) for one in files}, model)
        last = datetime.fromtimestamp(end, UTC).strftime(STAMP)
        left = MOST_BROUGHT
        wanted = {
            (one.log, one.stamp): found[one.key].size
            for one in files
            if not one.is_truths and one.stamp < last and one.time >= begin
        }
        for name, size in sorted(wanted.items(), key=lambda item: item[0][1], reverse=True):
            left -= size
            if left < 0:
                return f"what other servers have kept before {name[1]} is too much to be looked at"
            for one in files:
                if (one.log, one.stamp) == name:
                    self._fetch(one)
        return ""

    def _fetch(self, file: SharedFile) -> None:
        target = file.copy_in(self._copies)
        if target.exists():
            return
        with contextlib.suppress(FileNotFoundError):  # it was removed a moment ago
            self._opened().fetch(file.key, file.sha256, target)
            os.utime(target, (file.time, file.time))

    def _listed(self, folder: str) -> list[SharedFile]:
        found = map(shared_file, self._opened().objects(folder))
        return [one for one in found if one is not None]
