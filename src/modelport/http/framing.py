"""What a request head must look like, where llhttp does not look itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from modelport.http import refusals
from modelport.http.refusals import RequestRefused

MAX_CHUNK_OVERHEAD = 16 << 10
# A chunk's size line and line ends; what exceeds this, chunk after chunk, counts as overhead.
CHUNK_ALLOWANCE = 32
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Reg-names are narrower than RFC 3986 allows: no percent-escapes and no sub-delims, for no real host
# has them and they are what turns a Host into a path or a second host further down.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]{1,255})(?::[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


def check_host(value: bytes) -> None:
    """Refuse a Host that is not `name[:port]` (RFC 9112 3.2)."""
    if _HOST.fullmatch(value.strip(b" \t")) is None:
        raise RequestRefused(refusals.BAD_HOST)


def check_coding(value: bytes, http_version: str) -> None:
    """Refuse each Transfer-Encoding but `chunked`, also where llhttp would take it."""
    if http_version == "1.0":
        raise RequestRefused(refusals.CODING_ON_10)
    codings = [part.strip(b" \t").lower() for part in value.split(b",")]
    if codings == [b"chunked"]:
        return
    if not all(_TOKEN.fullmatch(coding) for coding in codings):
        raise RequestRefused(refusals.BAD_CODING)
    unknown = set(codings) - {b"chunked", b"identity"}
    raise RequestRefused(refusals.UNKNOWN_CODING if unknown else refusals.BAD_CODING)


def plain_target(method: bytes, target: bytes) -> tuple[bytes, bytes | None]:
    """The path and query of a target that is not plain origin-form, and the authority if it names one.

    Raises `RequestRefused`.
    """
    authority = None
    if target == b"*" and method == b"OPTIONS":
        return target, None
    if target.startswith(b"/"):
        path = target
    else:
        match = _ABSOLUTE.fullmatch(target)
        if match is None or _HOST.fullmatch(match[1]) is None:
            raise RequestRefused(refusals.BAD_TARGET)
        authority = match[1]
        path = match[2] if match[2].startswith(b"/") else b"/" + match[2]
    if b"#" in path:
        raise RequestRefused(refusals.BAD_TARGET)
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


def asks_for_websocket(method: bytes, version: str, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a head that asks to upgrade asks for a WebSocket, and has no body."""
    wanted = [
        one.strip().lower() for name, value in headers if name == b"upgrade" for one in value.split(b",")
    ]
    has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)
    return method == b"GET" and version == "1.1" and b"websocket" in wanted and not has_body
