"""How the files of payload logs are called where servers share them, and where copies of them lie.

At the place a file is `payloads/MODEL/LOG/STAMP_TIME_SHA256.SUFFIX`: the log that it is of, when its first
prediction was asked for, and its last one was written, and what it holds. The truths of its predictions are
a file beside it, whose time is that of the last one. A copy has the name that the file has in its log.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from modelport.settings.values import MODEL_NAME
from modelport.telemetry.payloads.segments import LINES, TABLE

ROOT = "payloads"
PRUNED = "payloads-pruned"
TRUTHS = ".truths"
MOST_TRUTHS = 64 << 20  # bytes of a file of truths
KEY = re.compile(
    rf"{ROOT}/(?P<model>{MODEL_NAME.pattern})/(?P<log>[0-9a-f]{{32}})/(?P<stamp>\d{{8}}T\d{{6}}\.\d{{6}}Z)"
    rf"_(?P<time>\d{{1,12}}\.\d{{3}})_(?P<sha256>[0-9a-f]{{64}})(?P<suffix>{LINES}|{TABLE}|{TRUTHS})"
)
PRUNED_KEY = re.compile(rf"{PRUNED}/(?P<model>{MODEL_NAME.pattern})/(?P<before>\d{{1,12}}\.\d{{3}})")


class SharedFile(NamedTuple):
    """A file at the place. `time` is seconds of the epoch, `stamp` is written as that of a segment."""

    model: str
    log: str
    stamp: str
    time: float
    sha256: str
    suffix: str

    @property
    def key(self) -> str:
        """What it is called at the place."""
        name = f"{self.stamp}_{self.time:.3f}_{self.sha256}{self.suffix}"
        return f"{ROOT}/{self.model}/{self.log}/{name}"

    @property
    def segment(self) -> str:
        """What the log calls it, or the file that its truths are of."""
        return f"{self.model}/{self.stamp}"

    @property
    def is_truths(self) -> bool:
        return self.suffix == TRUTHS

    def copy_in(self, folder: Path) -> Path:
        """Where a copy of it lies. Truths that are newer are another file."""
        name = f"{self.stamp}_{self.time:.3f}" if self.is_truths else self.stamp
        return folder / self.log / self.model / f"{name}{self.suffix}"


def shared_file(key: str) -> SharedFile | None:
    """The file of a key; `None` for a key that none can have."""
    found = KEY.fullmatch(key)
    if found is None:
        return None
    model, log, stamp, seconds, sha256, suffix = found.groups()
    return SharedFile(model, log, stamp, float(seconds), sha256, suffix)


def truths_brought(
    folders: Sequence[Path], model: str, request_ids: Container[str]
) -> Iterator[tuple[str, Any]]:
    """What is known of these predictions, in copies of what other servers have."""
    decode = msgspec.json.Decoder(tuple[str, Any]).decode
    for folder in folders:
        for path in sorted((folder / model).glob(f"*{TRUTHS}")):
            with path.open("rb") as lines:
                yield from (one for one in map(decode, lines) if one[0] in request_ids)
