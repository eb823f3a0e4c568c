"""The access log: a line for each request, when its answer is over.

A line for people is that of the Common Log Format, which tools know, with more behind it:

    127.0.0.1 - ci [29/Nov/2026:23:59:28 +0000] "POST /predict" 200 117 0.002012 iris 3 predict mlup ID TRACE

*client - name [time] "method path" status bytes seconds model version verb dialect request trace*, and `-`
for what there is not. One for programs is a JSON object (`AccessLine`). Neither has the query of a URL, which
may be a secret, any header, or anything of a body.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import lru_cache
from secrets import randbelow, token_hex
from time import gmtime, perf_counter, strftime, time
from typing import NamedTuple

import msgspec

from modelport.telemetry.exchanges import Exchange, Tell
from modelport.telemetry.log_lines import CUT, harmless, masked

log = logging.getLogger("modelport.telemetry")

NOT_WRITTEN = "a line of the access log could not be written"
AT_ONCE = 64  # lines that are said in one step
REST_SECONDS = 0.05  # between two steps, if that many do not come
MOST_OF_PATH = 2048  # characters
MOST_PATHS = 256  # that are remembered as they are shown
KNOWN_MICROS = 10_000  # the waits, in microseconds, that are known as they are written
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
    prompt_tokens: int = 0
    completion_tokens: int = 0


class RequestLog:
    """Says each request of an event loop, a few at once: `say` gets their text, and how many lines it is of.

    What can go wrong: *lines take the time of those who answer*. Each is made when its answer is, of numbers
    that are still near, and no other thread has to be waited for meanwhile. *A line comes late*: the first
    one after quiet is said at once, those that follow after a rest, at most.

    `later` calls something so many seconds later, and `offset` is how many seconds the clock of the epoch is
    before `perf_counter`.
    """

    def __init__(
        self,
        lines: AccessLines,
        say: Callable[[str, int], None],
        later: Callable[[float, Callable[[], None]], object] | None = None,
        offset: Callable[[], float] | None = None,
    ):
        self._lines = lines
        self._say = say
        self._later = later or _later
        self._offset = offset or _offset
        self._waiting: list[str] = []
        self._rests = False

    def hear(self, exchange: Exchange) -> None:
        """Log one."""
        self._waiting.append(self._lines.of(exchange))
        self._gathered()

    def of(self, like: Exchange) -> Tell:
        """What logs each one like this, answered 200.

        Most of them are like the one before: what stands around the numbers that differ is made once a
        millisecond for those, and a line is one text that is put together.
        """
        lines, waiting = self._lines, self._waiting
        micros, most_micros = lines.micros, len(lines.micros)
        around: Around | None = None
        since = until = 0.0
        size_in = size_out = -1
        asked_by = begin = middle = end = ""
        is_first = True  # of many clients each request is like no other

        def tell(
            bytes_in: int, bytes_out: int, started: float, seconds: float, request_id: str, client: str
        ) -> None:
            nonlocal around, since, until, size_in, size_out, asked_by, begin, middle, end, is_first
            if not (
                since <= started < until
                and bytes_out == size_out
                and bytes_in == size_in
                and client == asked_by
            ):
                began = started + self._offset()
                if not lines.is_json or is_first or not bytes_in:
                    is_first = False
                    exchange = msgspec.structs.replace(
                        like,
                        began=began,
                        seconds=seconds,
                        bytes_in=bytes_in,
                        bytes_out=bytes_out,
                        request_id=request_id,
                        client=client,
                        status=200,
                    )
                    self.hear(exchange)
                    return
                around = around or lines.around(like)
                begin, middle, end = around.of(lines.time_of(began), client, bytes_in, bytes_out)
                since = started - began % 0.001
                until = since + 0.001
                size_in, size_out, asked_by = bytes_in, bytes_out, client
            took = int(seconds * 1e6 + 0.5)
            shown = micros[took] if took < most_micros else f"{seconds:.6f}"
            waiting.append(f"{begin}{shown}{middle}{request_id}{end}")
            if len(waiting) >= AT_ONCE or not self._rests:
                self._gathered()

        return tell

    def write(self) -> None:
        """Say those that wait."""
        if self._waiting:
            lines = len(self._waiting)
            text = "".join(self._waiting)
            self._waiting.clear()  # it is the same list for as long as the server lives
            self._say(text, lines)

    def _gathered(self) -> None:
        if len(self._waiting) >= AT_ONCE or not self._rests:
            self.write()
        if not self._rests:
            self._rest()

    def _rest(self) -> None:
        self._rests = True
        self._later(REST_SECONDS, self._rested)

    def _rested(self) -> None:
        self._rests = False
        if self._waiting:
            self.write()
            self._rest()


class Around(NamedTuple):
    """What stands in a line of JSON around all that differs among requests that are alike."""

    to_time: str
    to_client: str
    to_bytes_out: str
    to_seconds: str
    to_request_id: str
    to_bytes_in: str
    to_end: str

    def of(self, time: str, client: str, bytes_in: int, bytes_out: int) -> tuple[str, str, str]:
        """What stands before the seconds, between them and the id of the request, and behind that."""
        begin = f"{self.to_time}{time}{self.to_client}{_in_json(client)}{self.to_bytes_out}{bytes_out}"
        return f"{begin}{self.to_seconds}", self.to_request_id, f"{self.to_bytes_in}{bytes_in}{self.to_end}"


class AccessLines:
    """Makes lines of exchanges, on one thread."""

    def __init__(self, *, json: bool):
        self.is_json = json
        self.micros = [f"0.{micros:06d}" for micros in range(KNOWN_MICROS if json else 0)]
        self._whole = self._json if json else self._line
        self._paths: dict[str, str] = {}
        self._second = -1
        self._time = ""  # of that second
        self._milliseconds = -1
        self._iso = ""  # of that millisecond
        self._clock = _iso if json else _common
        self._encode = msgspec.json.Encoder().encode

    def of(self, exchange: Exchange) -> str:
        """The line of one. What fails, is logged, and has none."""
        try:
            return self._whole(exchange)
        except Exception:  # a bug: nobody's answer is to be lost by it
            log.exception(NOT_WRITTEN)
            return ""

    def around(self, like: Exchange) -> Around:
        """What stands around all that differs: a line is made that has marks there, which nobody knows."""
        number, text = 1 << 62 | randbelow(1 << 61), token_hex(16)
        exchange = msgspec.structs.replace(
            like,
            seconds=number + 2,
            bytes_in=number,
            bytes_out=number + 1,
            request_id=f"{text}r",
            client=f"{text}c",
            status=200,
        )
        marks = (
            self.time_of(exchange.began),
            f'"{text}c"',
            str(number + 1),
            str(number + 2),
            f"{text}r",
            str(number),
        )
        rest, parts = self._json(exchange), list[str]()
        for mark in marks:  # in the order of `AccessLine`
            part, _, rest = rest.partition(mark)
            parts.append(part)
        return Around._make([*parts, rest])

    def time_of(self, began: float) -> str:
        """The time as JSON has it, to the millisecond."""
        milliseconds = int(began * 1000)
        if milliseconds != self._milliseconds:
            self._milliseconds = milliseconds
            self._iso = f"{self._second_of(began)}.{milliseconds % 1000:03d}Z"
        return self._iso

    def _json(self, exchange: Exchange) -> str:
        path = self._path_of(exchange)
        line = AccessLine(
            self.time_of(exchange.began),
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
            exchange.prompt_tokens,
            exchange.completion_tokens,
        )
        return f"{self._encode(line).decode()}\n"

    def _line(self, exchange: Exchange) -> str:
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
            f'{who} [{self._second_of(exchange.began)}] "{asked}" {exchange.status} '
            f"{exchange.bytes_out} {exchange.seconds:.6f} {of_model}\n"
        )

    def _path_of(self, exchange: Exchange) -> str:
        """The path as the log has it. Clients ask for the same ones again and again."""
        shown = self._paths.get(exchange.path)
        if shown is None:
            if len(self._paths) >= MOST_PATHS:
                self._paths.clear()
            shown = self._paths[exchange.path] = _path(exchange.path)
        return shown

    def _second_of(self, began: float) -> str:
        second = int(began)
        if second != self._second:
            self._second, self._time = second, self._clock(second)
        return self._time


def _later(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)


def _offset() -> float:
    return time() - perf_counter()


@lru_cache(256)
def _in_json(text: str) -> str:
    return msgspec.json.encode(text).decode()


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
