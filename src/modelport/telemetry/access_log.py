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
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from secrets import randbelow, token_hex
from time import gmtime, perf_counter, strftime, time
from typing import TypeAlias

import msgspec

from modelport.telemetry.exchanges import Exchange, Tell
from modelport.telemetry.log_lines import CUT, harmless, masked

log = logging.getLogger("modelport.telemetry")

NOT_WRITTEN = "a line of the access log could not be written"
AT_ONCE = 64  # lines that are made in one step
REST_SECONDS = 0.05  # between two steps, if that many do not come
ALMOST = 0.999  # of a millisecond: the rest of it is looked at more closely
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


class Alike:
    """Predictions that are alike in all but what `Differing` has."""

    def __init__(self, like: Exchange):
        self.like = like
        self.is_first = True  # of many clients each request is like no other
        self.parts: Sequence[str] = ()  # of its JSON, around what differs, once there is a second one


# When it began (`perf_counter`), its seconds, bytes in and out, the request's id, the address that asked.
Differing: TypeAlias = tuple[Alike, float, float, int, int, str, str]
Item: TypeAlias = Exchange | Differing


class RequestLog:
    """Says each request of an event loop, a few at once: `say` gets their text, and how many lines it is of.

    What can go wrong: *lines take the time of those who answer*. They are made by a few at once, while what
    they are made of is still near, and no other thread has to be waited for meanwhile. *A line comes late*:
    the first one after quiet is said at once, those that follow after a rest, at most.
    """

    def __init__(
        self,
        lines_of: Callable[[Sequence[Item]], Sequence[str]],
        say: Callable[[str, int], None],
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ):
        self._lines_of = lines_of
        self._say = say
        self._later = later or _later  # calls something so many seconds later
        self._waiting: list[Item] = []
        self._rests = False

    def hear(self, exchange: Exchange) -> None:
        """Log one."""
        self._waiting.append(exchange)
        self._gathered()

    def of(self, like: Exchange) -> Tell:
        """What logs each one like this, answered 200. It costs the hot path a tuple."""
        waiting, alike = self._waiting, Alike(like)

        def tell(
            bytes_in: int, bytes_out: int, started: float, seconds: float, request_id: str, client: str
        ) -> None:
            waiting.append((alike, started, seconds, bytes_in, bytes_out, request_id, client))
            if len(waiting) >= AT_ONCE or not self._rests:
                self._gathered()

        return tell

    def write(self) -> None:
        """Say those that wait."""
        if self._waiting:
            lines = self._lines_of(self._waiting)
            self._waiting.clear()  # it is the same list for as long as the server lives
            self._say("".join(lines), len(lines))

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


class AccessLines:
    """Makes lines of exchanges, on one thread. `since` has the epoch of `perf_counter`."""

    def __init__(self, *, json: bool, since: Callable[[], float] | None = None):
        self._is_json = json
        self._since = since or _since
        self._whole = self._json if json else self._line
        self._paths: dict[str, str] = {}
        self._second = -1
        self._time = ""  # of that second
        self._milliseconds = -1
        self._iso = ""  # of that millisecond
        self._clock = _iso if json else _common
        self._encode = msgspec.json.Encoder().encode
        self._micros = [f"0.{micros:06d}" for micros in range(KNOWN_MICROS if json else 0)]

    def lines_of(self, items: Iterable[Item]) -> list[str]:
        """The line of each request, in their order. What fails, is logged.

        Most of them are alike, of one client: what stands around the numbers that differ is made once for
        those, and all that stands before the seconds, with the time, once a millisecond. There is no call in
        that loop: it goes round thousands of times a second beside those who answer.
        """
        lines: list[str] = []
        known, known_micros = self._micros, len(self._micros)
        last: Alike | None = None
        client, bytes_in, bytes_out = "", -1, -1
        a = b = d = e = begin = tail = ""
        since, low, high = self._since(), 0.0, 0.0
        for item in items:
            if not isinstance(item, tuple):
                lines.append(self._written(item))
                continue
            alike, started, seconds, size, size_out, request_id, asked_by = item
            if alike is not last or size != bytes_in or asked_by != client:
                last = None
                if not self._is_json or alike.is_first or not size:
                    alike.is_first = False
                    lines.append(self._written(_exchange_of(item, since)))
                    continue
                try:
                    a, b, c, d, e, f, g = alike.parts = alike.parts or self._parts_of(item)
                    b = f"{b}{_in_json(asked_by)}{c}"
                except Exception:
                    log.exception(NOT_WRITTEN)
                    continue
                tail = f"{f}{size}{g}"
                last, client, bytes_in, bytes_out = alike, asked_by, size, -1
            if size_out != bytes_out or not low <= started < high:
                low, bytes_out = started, size_out
                high = (int((started + since) * 1000) + ALMOST) / 1000 - since
                begin = f"{a}{self._iso_of(started + since)}{b}{size_out}{d}"
            micros = int(seconds * 1e6 + 0.5)
            shown = known[micros] if micros < known_micros else f"{seconds:.6f}"
            lines.append(f"{begin}{shown}{e}{request_id}{tail}")
        return lines

    def _written(self, exchange: Exchange) -> str:
        try:
            return self._whole(exchange)
        except Exception:  # a bug: the lines after it are not to be lost, too
            log.exception(NOT_WRITTEN)
            return ""

    def _parts_of(self, item: Differing) -> Sequence[str]:
        """What stands around all that differs, in a line of JSON that has marks there, which nobody knows."""
        number, text = 1 << 62 | randbelow(1 << 61), token_hex(16)
        exchange = _exchange_of(item, 0.0)
        exchange.client, exchange.request_id = f"{text}c", f"{text}r"
        exchange.bytes_in, exchange.bytes_out, exchange.seconds = number, number + 1, number + 2
        marks = (
            self._iso_of(exchange.began),
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
        return [*parts, rest]

    def _iso_of(self, began: float) -> str:
        milliseconds = int(began * 1000)
        if milliseconds != self._milliseconds:
            self._milliseconds = milliseconds
            self._iso = f"{self._second_of(began)}.{milliseconds % 1000:03d}Z"
        return self._iso

    def _json(self, exchange: Exchange) -> str:
        path = self._path_of(exchange)
        line = AccessLine(
            self._iso_of(exchange.began),
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


def _since() -> float:
    return time() - perf_counter()


def _later(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)


def _exchange_of(item: Differing, since: float) -> Exchange:
    """The whole of what was told in parts."""
    alike, started, seconds, bytes_in, bytes_out, request_id, client = item
    return msgspec.structs.replace(
        alike.like,
        began=started + since,
        seconds=seconds,
        bytes_in=bytes_in,
        bytes_out=bytes_out,
        request_id=request_id,
        client=client,
        status=200,
    )


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
