"""What the tables of the commands share: the console, words that are safe to show, times."""

from __future__ import annotations

import sys
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from modelport.engine.output import printable

PIPE_WIDTH = 200


def console(pipe_width: int = PIPE_WIDTH) -> Console:
    """The console on stdout. Without a terminal lines are wide: programs that read them need them whole."""
    return Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else pipe_width)


def plain(text: str) -> str:
    """Words of a model or a client, which must play no tricks on the terminal."""
    return printable(text.encode("utf-8", "replace"))


def safe(text: str) -> str:
    """The same for a table, where brackets would be markup."""
    return escape(plain(text))


def local_time(text: str | None) -> str:
    """A time of the server as the clock here shows it."""
    if not text:
        return ""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def seconds(duration: float | None) -> str:
    """How long something took."""
    if duration is None:
        return ""
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
