"""Temporary files, the logs and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelport.settings.declaring import setting, words_of
from modelport.settings.values import wrong_duration, wrong_host


class LogLevel(StrEnum):
    """How much the log says."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """For whom a log is: for people, or for programs."""

    LINE = "line"
    JSON = "json"


class AccessLog(StrEnum):
    """Whether each request is logged, and how."""

    OFF = "off"
    LINE = "line"
    JSON = "json"


@dataclass(frozen=True, kw_only=True)
class OperationSettings:
    """Temporary files, the logs and metrics."""

    spool_dir: str | None = setting(
        None,
        "folder for uploads while their request lasts (default: the system's)",
        heading="Files and log",
        is_path=True,
    )
    idle_exit: str = setting(
        "0",
        "how long nobody asks the server, such as 10m, until it ends by itself, in order and with status 0; "
        "probes are no use of it, and it stays while a job waits or runs; 0 keeps it up",
        of="server",
        wrong=wrong_duration,
    )
    log_level: str = setting(
        LogLevel.INFO.value,
        "debug, info, warning or error",
        choices=words_of(LogLevel),
        normal=str.lower,
        of="process",
    )
    log_file: str | None = setting(None, "write the log to this file", of="process", is_path=True)
    log_format: str = setting(
        LogFormat.LINE.value,
        "line: for people; json: an object a line, for programs",
        choices=words_of(LogFormat),
        normal=str.lower,
        of="process",
    )
    access_log: str = setting(
        AccessLog.OFF.value,
        "log each request: off, line or json",
        choices=words_of(AccessLog),
        normal=str.lower,
        of="process",
    )
    access_log_file: str | None = setting(
        None, "write the access log to this file (default: where the log goes)", of="process", is_path=True
    )
    debug: bool = setting(False, "log more, and show tracebacks in the log at once", short="-d")
    metrics: bool = setting(
        True, "count what is done, and show it at /metrics, as Prometheus reads it", heading="Metrics"
    )
    metrics_port: int | None = setting(
        None, "show /metrics on this port, too; 0 takes a free one", most=65535, of="server"
    )
    metrics_host: str = setting(
        "127.0.0.1", "address to listen on for metrics_port", of="server", wrong=wrong_host
    )
