"""The answers that the protocol gives itself: to requests that cannot be understood, or that come too late.

llhttp (through httptools) refuses most bad framing; its reasons are turned into answers here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

import httptools

from modelport.problems import PROBLEM_JSON, problem_body, standard_reason

logger = logging.getLogger("modelport.http")

ALLOWED_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer before or instead of the application's, the same each time; a `Problem` is raised."""

    status: int
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def body(self) -> bytes:
        """Its problem details."""
        return problem_body(self.status, self.detail)

    def fields(self, body: bytes) -> list[tuple[bytes, bytes]]:
        """The header fields that describe `body`, and this refusal's own."""
        return [
            (b"content-type", PROBLEM_JSON.encode()),
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


class RequestRefused(Exception):
    """Raised inside parser callbacks; httptools stops there and reads no further."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


URI_TOO_LONG = Refusal(414, "The request line is too long; send a shorter path or use the request body.")
HEADERS_TOO_LARGE = Refusal(431, "The header fields are too large; send fewer or shorter ones.")
TOO_MANY_HEADERS = Refusal(431, "There are too many header fields; send fewer of them.")
HEAD_TIMEOUT = Refusal(408, "The request head did not arrive in time; send it without pauses.")
BODY_TIMEOUT = Refusal(408, "The request body stopped arriving; send it without long pauses.")
BODY_TRUNCATED = Refusal(400, "The connection ended before the whole request arrived; send it again.")
CHUNK_OVERHEAD = Refusal(400, "The chunked body has too much chunk extension or trailer data; leave it out.")
BAD_FRAMING = Refusal(400, "This is not a valid HTTP/1.1 request; check how the client writes it.")
BAD_VERSION = Refusal(505, "This HTTP version is not served here; use HTTP/1.1.")
HTTP_09 = Refusal(505, "The request line has no HTTP version; use HTTP/1.1.")
TLS_HELLO = Refusal(400, "This port speaks plain HTTP, and TLS was sent; use an http:// address.")
PLAIN_HTTP = Refusal(400, "This port speaks TLS, and plain HTTP was sent; use an https:// address.")
NO_HOST = Refusal(400, "The Host header is missing; HTTP/1.1 requests need one.")
TWO_HOSTS = Refusal(400, "There is more than one Host header; send one.")
BAD_HOST = Refusal(400, "The Host header is not a host name with an optional port.")
BAD_TARGET = Refusal(400, "The request target must be a path that starts with '/', without a fragment.")
BAD_METHOD = Refusal(400, "The request does not start with a known HTTP method.")
METHOD_NOT_ALLOWED = Refusal(405, "This method is not served here.", ((b"allow", ALLOWED_METHODS),))
BAD_CODING = Refusal(400, "Transfer-Encoding must be exactly 'chunked', once.")
UNKNOWN_CODING = Refusal(501, "Only the 'chunked' transfer coding is served; send the body without others.")
CODING_ON_10 = Refusal(400, "HTTP/1.0 has no Transfer-Encoding; use Content-Length or HTTP/1.1.")
BAD_EXPECT = Refusal(417, "Only 'Expect: 100-continue' is served; leave other expectations out.")
BODY_SLOW = Refusal(408, "The request body arrives too slowly; send it faster, or a smaller one.")
BODY_LATE = Refusal(408, "The request body did not arrive in time; send it faster, or a smaller one.")
OTHER_WEBSOCKET = Refusal(
    426, "Only version 13 of the WebSocket protocol is spoken here.", ((b"sec-websocket-version", b"13"),)
)
BAD_WEBSOCKET_KEY = Refusal(400, "Sec-WebSocket-Key must be 16 bytes in base64, sent once.")
SERVER_FULL = Refusal(503, "The server has too many connections; try again later.", ((b"retry-after", b"1"),))
ADDRESS_FULL = Refusal(
    429, "There are too many connections from your address; use fewer.", ((b"retry-after", b"1"),)
)
STOPPING = Refusal(503, "The server is stopping; try again later.", ((b"retry-after", b"1"),))
SERVER_ERROR = Refusal(500, "The server could not answer this request.")

_BAD_LENGTH = Refusal(400, "Content-Length must be one decimal number, sent once.")
_BOTH_LENGTHS = Refusal(400, "Content-Length and Transfer-Encoding exclude each other; send one of them.")
_BAD_CHUNK = Refusal(400, "The chunked body is malformed; check the chunk sizes and line ends.")
_BAD_NAME = Refusal(400, "A header name is empty, has a space or another character that is not allowed.")
_BAD_VALUE = Refusal(400, "A header value has a control character or a line break; lines end with CR LF.")
_BAD_LINE = Refusal(400, "The request line must be 'METHOD /path HTTP/1.1', ended with CR LF.")
_H2_PREFACE = Refusal(505, "HTTP/2 is not served on this port; use HTTP/1.1.")

# llhttp's reasons, by how they begin. What is not listed gets the general answer.
_PARSER_REASONS: tuple[tuple[str, Refusal], ...] = (
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


def refusal_of(error: httptools.HttpParserError, data: bytes | memoryview) -> Refusal:
    """The answer to a request at which the parser has failed while it read `data`."""
    cause = error.__context__
    if isinstance(cause, RequestRefused):
        return cause.refusal
    if isinstance(error, httptools.HttpParserCallbackError):
        logger.error("the HTTP parser's callback failed", exc_info=cause)
        return BAD_FRAMING
    reason = str(error)
    if bytes(data[:2]) == b"\x16\x03":
        return TLS_HELLO
    for start, refusal in _PARSER_REASONS:
        if reason.startswith(start):
            return refusal
    return BAD_FRAMING
