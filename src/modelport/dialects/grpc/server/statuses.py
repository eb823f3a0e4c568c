"""Which status of gRPC says what a status of HTTP says; by number, so that nobody needs grpcio for it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, cast

from modelport.http.asgi import Headers

OK, CANCELLED, INVALID_ARGUMENT, DEADLINE_EXCEEDED, NOT_FOUND = 0, 1, 3, 4, 5
PERMISSION_DENIED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION = 7, 8, 9
UNIMPLEMENTED, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 12, 13, 14, 16

STATUSES = {
    401: UNAUTHENTICATED,
    402: FAILED_PRECONDITION,  # predictions are switched off
    403: PERMISSION_DENIED,
    404: NOT_FOUND,
    405: UNIMPLEMENTED,
    408: DEADLINE_EXCEEDED,
    409: FAILED_PRECONDITION,
    410: NOT_FOUND,
    413: RESOURCE_EXHAUSTED,  # as gRPC itself answers to messages that are too large
    421: PERMISSION_DENIED,
    429: RESOURCE_EXHAUSTED,
    499: CANCELLED,
    501: UNIMPLEMENTED,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: DEADLINE_EXCEEDED,
    507: RESOURCE_EXHAUSTED,
}
MOST_DETAIL = 1500  # characters: clients drop an answer whose trailers are over 8 KiB
NOT_TOLD = frozenset({b"content-type", b"content-length", b"date", b"x-content-type-options"})
NOT_TOLD_OF_BODIES = (b"content-security-policy", b"cache-control", b"allow")


class Outcome(NamedTuple):
    """What the application has answered: a status of HTTP, the fields of the head, and the body."""

    status: int
    headers: Headers
    body: bytes

    @property
    def code(self) -> int:
        """The status of gRPC."""
        if self.status < 300:
            return OK
        return STATUSES.get(self.status, INVALID_ARGUMENT if self.status < 500 else INTERNAL)

    @property
    def detail(self) -> str:
        """What was wrong, in words."""
        text = self.body.decode("utf-8", "replace")
        try:
            said: Any = json.loads(text)
        except ValueError:
            return text[:MOST_DETAIL]
        fields = cast("dict[str, Any]", said) if isinstance(said, dict) else {}
        return str(fields.get("detail") or fields.get("error") or text)[:MOST_DETAIL]

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The fields that a client may want to know, as trailing metadata."""
        found: list[tuple[str, str]] = []
        for name, value in self.headers:
            if name in NOT_TOLD or name in NOT_TOLD_OF_BODIES or not value.isascii():
                continue
            text = value.decode("ascii")
            if name == b"retry-after" and text.isdigit():
                found.append(("grpc-retry-pushback-ms", f"{text}000"))
            if text.isprintable():
                found.append((name.decode("latin-1"), text))
        return tuple(found)
