"""Lines of the server's log, for people and for programs. No text of a client can forge one.

What has several lines, such as a traceback, goes on indented, so that it starts no record; in JSON it is one
field. Characters that no terminal shows as they are, are written as escapes. Keys, and passwords in URLs, are
masked wherever they come from: nobody means to log one, and a model's exception may have it in its words.

A line of a call has its request's id and who has asked. Who logs in the task of a request need not say so;
elsewhere `extra` has `request_id`, `principal`, `model` and `worker`, as far as they are known.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from modelport.telemetry.exchanges import current_exchange

MOST_CHARACTERS = 64 << 10  # of a text; a traceback of a deep recursion is longer
CUT = " [cut]"
IN_REQUESTS = ("modelport.api", "modelport.http")  # what logs by these does so in the task of a request
OF_CALL = ("request_id", "trace_id", "principal", "model", "worker")
# Keys as `identity.key_text` makes them, but for the part that lists show; refresh tokens; JWTs; secrets of
# webhooks; passwords in URLs.
MARKS = ("mpk_", "mpr_", "eyJ", "whsec_", "://")
SECRETS = re.compile(
    r"(?P<key>mpk_[0-9A-Za-z]{8})[0-9A-Za-z]+"
    r"|(?P<mark>mpr_|whsec_)[\w+/=-]+(?:\.[\w-]*)?"
    r"|(?P<token>eyJ[\w-]{4})[\w-]*\.[\w-]+(?:\.[\w-]*)?"
    r"|(?P<user>://[^\s/:@]*:)[^\s/@]+(?=@)"
)


def masked(text: str) -> str:
    """The text without the keys, tokens and passwords of URLs that are in it."""
    if not any(mark in text for mark in MARKS):
        return text
    return SECRETS.sub(
        lambda found: f"{found['key'] or found['mark'] or found['token'] or found['user']}***", text
    )


def harmless(text: str) -> str:
    """A text that plays no tricks on a terminal, and is not endless. Newlines and tabs stay."""
    if len(text) > MOST_CHARACTERS:
        text = text[:MOST_CHARACTERS] + CUT
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def told_of_call(record: logging.LogRecord) -> dict[str, Any]:
    """What is known of the call that a record is of: those of `OF_CALL` that say something."""
    told: dict[str, Any] = {}
    exchange = current_exchange() if record.name.startswith(IN_REQUESTS) else None
    if exchange is not None:
        told = {name: getattr(exchange, name) for name in OF_CALL[:-1]}
    told |= {name: getattr(record, name) for name in OF_CALL if hasattr(record, name)}
    return {name: told[name] for name in OF_CALL if told.get(name)}


class OneLine(logging.Formatter):
    """`2026-11-29 23:59:28,123 ERROR   modelport.api: [request principal] message`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        told = told_of_call(record)
        # Most of these lines begin with the id of their request.
        of = [told[name] for name in ("request_id", "principal") if told.get(name, "") not in record.message]
        if of and told:
            record.message = f"[{' '.join(of)}] {record.message}"
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        return harmless(masked(super().format(record)).replace("\n", "\n    "))


class JsonLine(logging.Formatter):
    """One object a line: `time` (ISO 8601, UTC), `level`, `logger`, `message`, what is known of the call
    (`request_id`, `trace_id`, `principal`, `model`, `worker`), and `exception`, a traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.removesuffix("+00:00") + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": harmless(masked(record.getMessage())),
            **{name: _plain(value) for name, value in told_of_call(record).items()},
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = harmless(masked(self.formatException(record.exc_info)))
        return msgspec.json.encode(line).decode()


def _plain(value: Any) -> Any:
    return value if isinstance(value, int) else harmless(str(value))
