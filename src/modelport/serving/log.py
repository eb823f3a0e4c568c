"""The log of a server that has the process to itself."""

from __future__ import annotations

import logging

from modelport.settings import Settings


class _OneLine(logging.Formatter):
    """Log lines that no text of a client can forge, or play tricks on a terminal with.

    What has several lines, such as a traceback, goes on indented, so that it starts no record.
    """

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record).replace("\n", "\n    ")
        return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def set_up_logging(settings: Settings) -> None:
    """Send the log to stderr or the log file."""
    handler: logging.Handler
    if settings.log_file:
        handler = logging.FileHandler(settings.log_file, encoding="utf-8")
    else:
        handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    level = logging.DEBUG if settings.debug else getattr(logging, settings.log_level.upper())
    root = logging.getLogger("modelport")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
