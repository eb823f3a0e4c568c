"""The access log: a line for each request, when its answer is over.

A line for people is that of the Common Log Format, which tools know, with more behind it:

    127.0.0.1 - ci [29/Nov/2026:23:59:28 +0000] "POST /predict" 200 117 0.002012 iris 3 predict mlup ID TRACE

*client - name [time] "method path" status bytes seconds model version verb dialect request trace*, and `-`
for what there is not. One for programs is a JSON object (`AccessLine`). Neither has the query of a URL, which
may be a secret, any header, or anything of a body.
"""

from __future__ import annotations

from time import gmtime, strftime

import msgspec

from modelport.telemetry.exchanges import Exchange
from modelport.telemetry.log_lines import CUT, harmless, masked

MOST_OF_PATH = 2048  # characters
MOST_PATHS = 256  # that are remembered as they are shown
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class AccessLine(msgspec.Struct, omit_defaults=True, gc=False, tag_field="logger", tag="modelport.access"):
    """A request as a line of JSON; what is empty is left out. `bytes` are those of the answer's body."""

    time: str
    level: str
    message: str
    client: str
    method: str
    path: str
    status: int
    bytes: int
    seconds: float
    request_id: str
    principal: str = ""
    name: str = ""
    route: str = ""
    model: str = ""
    version: int = 0
    verb: str = ""
    dialect: str = ""
    bytes_in: int = 0
    client_request_id: str = ""
    trace_id: str = ""


class AccessLines:
    """Makes lines of exchanges, on one thread."""

    def __init__(self, *, json: bool):
        self.encode = self._json if json else self._line
        self._paths: dict[str, str] = {}
        self._second = -1
        self._time = ""  # of that second
        self._clock = _iso if json else _common
        self._encode = msgspec.json.Encoder().encode

    def _json(self, exchange: Exchange) -> bytes:
        path = self._path_of(exchange)
        line = AccessLine(
            f"{self._second_of(exchange)}.{int(exchange.began % 1 * 1000):03d}Z",
            "info",
            f"{exchange.method} {path} {exchange.status}",
            exchange.client,
            exchange.method,
            path,
            exchange.status,
            exchange.bytes_out,
            round(exchange.seconds, 6),
            exchange.request_id,
            exchange.principal,
            exchange.who and harmless(exchange.who),
            exchange.route,
            exchange.model,
            exchange.version,
            exchange.verb,
            exchange.dialect,
            exchange.bytes_in,
            exchange.client_request_id,
            exchange.trace_id,
        )
        return self._encode(line) + b"\n"

    def _line(self, exchange: Exchange) -> bytes:
        asked = f"{exchange.method} {self._path_of(exchange)}".replace("\\", "\\\\").replace('"', '\\"')
        fields = (
            exchange.model,
            exchange.version if exchange.model else "",
            exchange.verb,
            exchange.dialect,
            exchange.request_id,
            exchange.trace_id,
        )
        of_model = " ".join(map(_word, fields))
        who = f"{_word(exchange.client)} - {_word(exchange.who)}"
        return (
            f'{who} [{self._second_of(exchange)}] "{asked}" {exchange.status} '
            f"{exchange.bytes_out} {exchange.seconds:.6f} {of_model}\n"
        ).encode("utf-8", "replace")

    def _path_of(self, exchange: Exchange) -> str:
        """The path as the log has it. Clients ask for the same ones again and again."""
        shown = self._paths.get(exchange.path)
        if shown is None:
            if len(self._paths) >= MOST_PATHS:
                self._paths.clear()
            shown = self._paths[exchange.path] = _path(exchange.path)
        return shown

    def _second_of(self, exchange: Exchange) -> str:
        second = int(exchange.began)
        if second != self._second:
            self._second, self._time = second, self._clock(second)
        return self._time


def _iso(second: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))


def _common(second: int) -> str:
    time = gmtime(second)
    return strftime(f"%d/{MONTHS[time.tm_mon - 1]}/%Y:%H:%M:%S +0000", time)  # not in the words of a locale


def _path(path: str) -> str:
    """A path as the log has it: in one line, and not endless."""
    if len(path) > MOST_OF_PATH:
        path = path[:MOST_OF_PATH] + CUT
    return _in_one_line(masked(path))


def _word(field: str | int) -> str:
    """A field between two spaces: whoever has named something, it is one word of one line."""
    return _in_one_line(str(field)).replace(" ", "_") or "-"


def _in_one_line(text: str) -> str:
    return harmless(text).replace("\n", "\\x0a").replace("\t", "\\x09")
