"""What a request head must look like, and the answer when it does not.

llhttp (through httptools) refuses most bad framing itself; this module turns its reasons into
answers, and adds the checks that it leaves out. Nothing here knows about connections.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from modelport.reasons import standard_reason

ALLOWED_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Reg-names are narrower than RFC 3986 allows: no percent-escapes and no sub-delims, for no real host
# has them and they are what turns a Host into a path or a second host further down.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]{1,255})(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What connections may cost. Sizes in bytes, times in seconds."""

    request_line: int = 8192
    header_bytes: int = 65536
    header_count: int = 100
    header_deadline_s: float = 10.0
    body_idle_s: float = 30.0
    body_deadline_s: float = 3600.0
    body_rate: float = 500.0  # bytes a second, on the average of more than the grace
    body_grace_s: float = 10.0
    write_idle_s: float = 30.0
    unsent_bytes: int = 64 << 20  # of all connections together
    connections: int = 1000
    connections_of_one: int = 500


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that the protocol gives itself, before or instead of the app."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def body(self) -> bytes:
        """RFC 9457 problem details."""
        members = {
            "type": "about:blank",
            "title": standard_reason(self.status),
            "status": self.status,
            "detail": self.detail,
        }
        return json.dumps(members, separators=(",", ":")).encode()

    def fields(self, body: bytes) -> list[tuple[bytes, bytes]]:
        """The header fields that describe `body`, and this problem's own."""
        return [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            *self.headers,
        ]

    def wire(self, default_headers: Iterable[tuple[bytes, bytes]], head_only: bool) -> bytes:
        """The whole answer as bytes. It is always the last one on its connection."""
        body = self.body()
        fields = [*default_headers, *self.fields(body), (b"connection", b"close")]
        lines = [b"HTTP/1.1 %d %s\r\n" % (self.status, standard_reason(self.status).encode())]
        lines += [b"%s: %s\r\n" % field for field in fields]
        return b"".join([*lines, b"\r\n", b"" if head_only else body])


class Refused(Exception):
    """Raised inside parser callbacks; httptools stops there and reads no further."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


# --- answers ---------------------------------------------------------------------------------------

URI_TOO_LONG = Problem(414, "The request line is too long; send a shorter path or use the request body.")
HEADERS_TOO_LARGE = Problem(431, "The header fields are too large; send fewer or shorter ones.")
TOO_MANY_HEADERS = Problem(431, "There are too many header fields; send fewer of them.")
HEAD_TIMEOUT = Problem(408, "The request head did not arrive in time; send it without pauses.")
BODY_TIMEOUT = Problem(408, "The request body stopped arriving; send it without long pauses.")
BODY_TRUNCATED = Problem(400, "The connection ended before the whole request arrived; send it again.")
CHUNK_OVERHEAD = Problem(400, "The chunked body has too much chunk extension or trailer data; leave it out.")
BAD_FRAMING = Problem(400, "This is not a valid HTTP/1.1 request; check how the client writes it.")
BAD_VERSION = Problem(505, "This HTTP version is not served here; use HTTP/1.1.")
HTTP_09 = Problem(505, "The request line has no HTTP version; use HTTP/1.1.")
TLS_HELLO = Problem(400, "This port speaks plain HTTP, and TLS was sent; use an http:// address.")
NO_HOST = Problem(400, "The Host header is missing; HTTP/1.1 requests need one.")
TWO_HOSTS = Problem(400, "There is more than one Host header; send one.")
BAD_HOST = Problem(400, "The Host header is not a host name with an optional port.")
BAD_TARGET = Problem(400, "The request target must be a path that starts with '/', without a fragment.")
BAD_METHOD = Problem(400, "The request does not start with a known HTTP method.")
METHOD_NOT_ALLOWED = Problem(405, "This method is not served here.", ((b"allow", ALLOWED_METHODS),))
BAD_CODING = Problem(400, "Transfer-Encoding must be exactly 'chunked', once.")
UNKNOWN_CODING = Problem(501, "Only the 'chunked' transfer coding is served; send the body without others.")
CODING_ON_10 = Problem(400, "HTTP/1.0 has no Transfer-Encoding; use Content-Length or HTTP/1.1.")
BAD_EXPECT = Problem(417, "Only 'Expect: 100-continue' is served; leave other expectations out.")
BODY_SLOW = Problem(408, "The request body arrives too slowly; send it faster, or a smaller one.")
BODY_LATE = Problem(408, "The request body did not arrive in time; send it faster, or a smaller one.")
SERVER_FULL = Problem(503, "The server has too many connections; try again later.", ((b"retry-after", b"1"),))
ADDRESS_FULL = Problem(
    429, "There are too many connections from your address; use fewer.", ((b"retry-after", b"1"),)
)
SERVER_BUSY = Problem(503, "The server has too many connections; try again later.", ((b"retry-after", b"1"),))
SERVER_ERROR = Problem(500, "The server could not answer this request.")

_BAD_LENGTH = Problem(400, "Content-Length must be one decimal number, sent once.")
_BOTH_LENGTHS = Problem(400, "Content-Length and Transfer-Encoding exclude each other; send one of them.")
_BAD_CHUNK = Problem(400, "The chunked body is malformed; check the chunk sizes and line ends.")
_BAD_NAME = Problem(400, "A header name is empty, has a space or another character that is not allowed.")
_BAD_VALUE = Problem(400, "A header value has a control character or a line break; lines end with CR LF.")
_BAD_LINE = Problem(400, "The request line must be 'METHOD /path HTTP/1.1', ended with CR LF.")
_H2_PREFACE = Problem(505, "HTTP/2 is not served on this port; use HTTP/1.1.")

# llhttp's reasons, by how they begin. What is not listed gets the general answer.
_PARSER_REASONS: tuple[tuple[str, Problem], ...] = (
    ("Transfer-Encoding can't be present", _BOTH_LENGTHS),
    ("Content-Length can't be present", _BOTH_LENGTHS),
    ("Duplicate Content-Length", _BAD_LENGTH),
    ("Empty Content-Length", _BAD_LENGTH),
    ("Invalid character in Content-Length", _BAD_LENGTH),
    ("Content-Length overflow", _BAD_LENGTH),
    ("Invalid `Transfer-Encoding`", BAD_CODING),
    ("Request has invalid `Transfer-Encoding`", BAD_CODING),
    ("Empty Transfer-Encoding", BAD_CODING),
    ("Invalid character in chunk", _BAD_CHUNK),
    ("Chunk size overflow", _BAD_CHUNK),
    ("Expected LF after chunk", _BAD_CHUNK),
    ("Missing expected CR after chunk", _BAD_CHUNK),
    ("Missing expected LF after chunk", _BAD_CHUNK),
    ("Invalid header token", _BAD_NAME),
    ("Invalid header field char", _BAD_NAME),
    ("Invalid header value char", _BAD_VALUE),
    ("Unexpected whitespace after header value", _BAD_VALUE),
    ("Missing expected", _BAD_VALUE),
    ("Invalid HTTP version", BAD_VERSION),
    ("Pause on PRI/Upgrade", _H2_PREFACE),
    ("Expected HTTP/2", _H2_PREFACE),
    ("Expected HTTP/", _BAD_LINE),
    ("Expected CRLF after version", _BAD_LINE),
    ("Expected space after method", _BAD_LINE),
    ("Unexpected start char in url", BAD_TARGET),
    ("Invalid char", BAD_TARGET),
    ("Invalid method", BAD_METHOD),
)


def problem_for_parser(reason: str, data: bytes | memoryview) -> Problem:
    """The answer to a request that llhttp refused with `reason` while it read `data`."""
    if bytes(data[:2]) == b"\x16\x03":
        return TLS_HELLO
    for start, problem in _PARSER_REASONS:
        if reason.startswith(start):
            return problem
    return BAD_FRAMING


# --- checks ----------------------------------------------------------------------------------------


def check_host(value: bytes) -> None:
    """Refuse a Host that is not `name[:port]` (RFC 9112 3.2)."""
    if _HOST.fullmatch(value.strip(b" \t")) is None:
        raise Refused(BAD_HOST)


def check_coding(value: bytes, http_version: str) -> None:
    """Refuse each Transfer-Encoding but `chunked`, also where llhttp would take it."""
    if http_version == "1.0":
        raise Refused(CODING_ON_10)
    codings = [part.strip(b" \t").lower() for part in value.split(b",")]
    if codings == [b"chunked"]:
        return
    if not all(_TOKEN.fullmatch(coding) for coding in codings):
        raise Refused(BAD_CODING)
    unknown = set(codings) - {b"chunked", b"identity"}
    raise Refused(UNKNOWN_CODING if unknown else BAD_CODING)


def plain_target(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    """The path and query of a target that is not plain origin-form, and the authority if it names one.

    Raises `Refused`.
    """
    authority = None
    if target == b"*" and method == b"OPTIONS":
        return target, None
    if target.startswith(b"/"):
        path = target
    else:
        match = _ABSOLUTE.fullmatch(target)
        if match is None or _HOST.fullmatch(match[1]) is None:
            raise Refused(BAD_TARGET)
        authority = match[1]
        path = match[2] if match[2].startswith(b"/") else b"/" + match[2]
    if b"#" in path:
        raise Refused(BAD_TARGET)
    return path, authority


def is_simple_request(data: bytes, method: bytes, target: bytes) -> bool:
    """Whether `data` ends with an HTTP/0.9 request line, `GET /path` and no version."""
    return data.rstrip(b"\r\n").rpartition(b"\n")[2] == b"%b %b" % (method, target)


def header_size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The bytes of the fields as they stood on the wire, without optional white space."""
    return sum(len(name) + len(value) + 4 for name, value in headers)


def is_token(name: bytes) -> bool:
    """Whether `name` may be a header name."""
    return _TOKEN.fullmatch(name) is not None
