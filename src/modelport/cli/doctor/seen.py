"""What the doctor has seen, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "note", "warning", "error"]
FINDINGS = ("warning", "error")  # what there is something to do about


@dataclass(frozen=True)
class Seen:
    """One thing. An error keeps the server, or part of it, from working; a warning may; a note is to know."""

    subject: str
    level: Level
    said: str
    remedy: str = ""
