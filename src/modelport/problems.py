"""Errors as clients read them: RFC 9457 problem details, and the words that go with an HTTP status."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

PROBLEM_JSON = "application/problem+json"
# Python 3.13 has other words for these; a client shall read the same whatever Python the server has.
PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}


def standard_reason(status: int) -> str:
    """The standard reason phrase of an HTTP status, or `Error` for one that has none."""
    return PHRASES.get(status, "Error")


class Problem(Exception):
    """An error that ends a request: what went wrong, and what the client can do about it.

    `reason` stands for the standard phrase of `status`, `extra` are further members of the body. `queue_full`
    says that nothing is wrong but the number of those who wait.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        headers: Iterable[tuple[str, str]] = (),
        *,
        reason: str = "",
        queue_full: bool = False,
        extra: Mapping[str, Any] | None = None,
    ):
        self.extra = dict(extra or {})
        self.status = status
        self.detail = detail
        self.headers = list(headers)
        self.reason = reason
        self.queue_full = queue_full
        super().__init__(detail)


def problem_body(
    status: int, detail: str, request_id: str = "", reason: str = "", extra: Mapping[str, Any] | None = None
) -> bytes:
    """The problem details of an answer; `extra` are further members of them.

    What is refused before it is a request has no id, and its details no spaces.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": reason or standard_reason(status),
        "status": status,
        "detail": detail,
    }
    if request_id:
        body["request_id"] = request_id
    body.update(extra or {})
    separators = None if request_id else (",", ":")
    return json.dumps(body, ensure_ascii=False, separators=separators).encode("utf-8", "replace")
