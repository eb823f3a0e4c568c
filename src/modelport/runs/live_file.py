"""Which version of each model is live, beside the database: for a start at which that cannot be read."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path

import msgspec

from modelport.contract.kept_files import sync
from modelport.sources.origins import Origin

log = logging.getLogger("modelport.runs")

NAME = "live.json"


class LiveVersion(msgspec.Struct):
    """The version that is live, where what its training saved is, and of which model it is."""

    version: int
    saved: str
    origin: Origin = Origin()  # of the model; files of before do not have it


BASE = LiveVersion(0, "")  # what a model serves of which nothing is written


class LiveFile:
    """The file in a data folder. The database counts where both can be read."""

    def __init__(self, data_dir: Path):
        self.path = data_dir / NAME
        self._lock = threading.Lock()  # several models may become live at once, each in a thread of its own

    def read(self) -> dict[str, LiveVersion]:
        """What was live last, by model; empty if nobody wrote it or it cannot be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, LiveVersion])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("%s cannot be read: %s", self.path, error)
            return {}

    def write(self, model: str, live: LiveVersion) -> None:
        """Remember what is live now. A disk that is full is not worth failing for: it is logged."""
        with self._lock:
            known = self.read()
            if known.get(model, BASE) != live:
                self._replace(known | {model: live})

    def _replace(self, known: dict[str, LiveVersion]) -> None:
        partial = self.path.with_name(f".{NAME}.{os.getpid()}.partial")
        try:
            partial.write_bytes(msgspec.json.encode(known))
            sync(partial)
            partial.replace(self.path)
            sync(self.path.parent)
        except OSError as error:
            log.warning("%s cannot be written: %s", self.path, error)
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
