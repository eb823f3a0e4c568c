"""The logs of a server that has the process to itself."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from logging.handlers import WatchedFileHandler

from modelport.engine.output import STDERR
from modelport.settings import Settings
from modelport.settings.checking import SettingsError
from modelport.settings.groups.operations import AccessLog, LogFormat
from modelport.telemetry.access_log import AccessLines, RequestLog
from modelport.telemetry.exchanges import Exchanges
from modelport.telemetry.log_lines import JsonLine, OneLine
from modelport.telemetry.log_writer import LogWriter

# Whose records go to the log: ours, and what libraries say of what happens in the server.
LOGGERS = ("modelport", "asyncio", "py.warnings")


class _Handler(logging.Handler):
    """Makes lines of records, and has them written."""

    def __init__(self, writer: LogWriter):
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.say(f"{self.format(record)}\n")
        except Exception:  # as all handlers of logging do: who logs must not fail by it
            self.handleError(record)


class _AsPrinted(logging.Handler):
    """Writes what models print to the stream that it was for, at once: the platform of actions reads both."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.args[-1] if isinstance(record.args, tuple) and record.args else record.getMessage()
            print(text, file=sys.stderr if getattr(record, STDERR, False) else sys.stdout, flush=True)
        except Exception:  # as all handlers of logging do
            self.handleError(record)


def _speak_as_action(to_file: logging.Handler | None, formatter: logging.Formatter) -> None:
    """Have all that is said stand on the streams before the sentinel that ends an activation."""
    printed = logging.getLogger("modelport.model")
    printed.handlers[:] = [_AsPrinted()]
    printed.propagate = False
    own = to_file or logging.StreamHandler()
    own.setFormatter(formatter)
    for name in LOGGERS:
        logging.getLogger(name).handlers[:] = [own]


class Logs:
    """The log and the access log. `close` them when the process has nothing more to say.

    Raises `OSError`, with the name of the file, for one that cannot be written, and `SettingsError` for
    an access log that cannot stand where the log is.
    """

    def __init__(self, settings: Settings):
        access, own = AccessLog(settings.access_log), settings.access_log_file
        is_json = settings.log_format == LogFormat.JSON
        together = not own or own == settings.log_file
        if access is AccessLog.LINE and is_json and together:
            raise SettingsError(
                "access_log: lines for people cannot stand among objects of log_format = json; say "
                "access_log = json, or give it a file of its own by access_log_file"
            )
        self._log = LogWriter(settings.log_file)
        self._access = self._log if together else LogWriter(own)
        lines_of = AccessLines(json=access is AccessLog.JSON).lines_of
        self._requests = None if access is AccessLog.OFF else RequestLog(lines_of, self._access.say)
        self._files = [file for file in (settings.log_file, own) if file]
        self._handle(JsonLine() if is_json else OneLine(), settings)

    def _handle(self, formatter: logging.Formatter, settings: Settings) -> None:
        handler = _Handler(self._log)
        handler.setFormatter(formatter)
        for name in LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers[:] = [handler]
            logger.propagate = False
        if settings.openwhisk:
            _speak_as_action(handler if settings.log_file else None, formatter)
        logging.captureWarnings(True)
        level = logging.DEBUG if settings.debug else getattr(logging, settings.log_level.upper())
        logging.getLogger(LOGGERS[0]).setLevel(level)

    def hear(self, exchanges: Exchanges) -> None:
        """Log each request of a server, if that is asked for."""
        if self._requests is not None:
            exchanges.told_by(self._requests)

    def heed_signals(self) -> None:
        """Open the files anew by SIGHUP, where there are any; else that ends the process, as usual."""
        if self._files:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.reopen)

    def reopen(self) -> None:
        """Go on in files that are opened anew by their names."""
        self._log.reopen()
        self._access.reopen()

    def close(self) -> None:
        """Write what waits."""
        if self._requests is not None:
            self._requests.write()
        self._access.close()
        self._log.close()


def log_without_thread(settings: Settings) -> None:
    """Send what this process says to where the log goes, each record at once.

    It is for the first of several server processes, which has no threads: it forks.
    """
    path = settings.log_file
    handler = WatchedFileHandler(path, delay=True) if path else logging.StreamHandler()
    handler.setFormatter(JsonLine() if settings.log_format == LogFormat.JSON else OneLine())
    logger = logging.getLogger(LOGGERS[0])
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(logging.DEBUG if settings.debug else getattr(logging, settings.log_level.upper()))


def set_up_logging(settings: Settings) -> Logs:
    """Send the log to stderr or its file. Raises `OSError` and `SettingsError`, as `Logs` does."""
    return Logs(settings)
