"""Lines of a log that strangers can cause, as many as they like: a few of each kind are written.

A request that cannot be read, or a handshake that fails, costs whoever sends it less than the line that tells
of it, and a disk is full one day. So of warnings and less `MOST_LINES` of each kind are written in `SECONDS`;
the others are counted, and the next one that is written says how many they were. Errors are always written:
they are ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

MOST_LINES = 100
SECONDS = 10.0


class _Kind:
    """What was said of one kind: `said` lines since `since`, and `left_out` of those before the next one."""

    __slots__ = ("left_out", "said", "since")

    def __init__(self, now: float):
        self.since = now
        self.said = self.left_out = 0


class Sparingly(logging.Filter):
    """Lets few lines of each kind through, which is what they say but for their arguments.

    `clock` tells seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = monotonic):
        super().__init__()
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is to be written, which then tells of those before it that were not."""
        if record.levelno > logging.WARNING:
            return True
        now = self._clock()
        kind = self._kinds.setdefault(str(record.msg), _Kind(now))
        if now - kind.since >= SECONDS:
            kind.since, kind.said = now, 0
        kind.said += 1
        if kind.said > MOST_LINES:
            kind.left_out += 1
            return False
        if kind.left_out:
            record.msg = f"{record.getMessage()} (and {kind.left_out} more like it before, not written)"
            record.args, kind.left_out = (), 0
        return True
