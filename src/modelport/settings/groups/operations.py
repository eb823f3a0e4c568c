"""Temporary files and the log."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelport.settings.declaring import setting, words_of


class LogLevel(StrEnum):
    """How much the log says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True)
class OperationSettings:
    """Temporary files and the log."""

    spool_dir: str | None = setting(
        None,
        "folder for uploads while their request lasts (default: the system's)",
        heading="Files and log",
        is_path=True,
    )
    log_level: str = setting(
        LogLevel.INFO.value,
        "debug, info, warning or error",
        choices=words_of(LogLevel),
        normal=str.lower,
        of="process",
    )
    log_file: str | None = setting(None, "write the log to this file", of="process", is_path=True)
    debug: bool = setting(False, "log more, and show tracebacks in the log at once", short="-d")
