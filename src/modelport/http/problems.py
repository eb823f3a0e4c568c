"""The one shape of our own errors: RFC 9457 problem details."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from modelport.http.asgi import Headers, Send, send_body
from modelport.reasons import standard_reason

PROBLEM_JSON = b"application/problem+json"


class Problem(Exception):
    """An error that ends a request: what went wrong, and what the client can do about it."""

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
        self.extra = dict(extra or {})  # further members of the body
        self.status = status
        self.detail = detail
        self.headers = list(headers)
        self.reason = reason
        self.queue_full = queue_full
        super().__init__(detail)


def problem_body(
    status: int, detail: str, request_id: str, reason: str = "", extra: Mapping[str, Any] | None = None
) -> bytes:
    """The body of a problem answer; `extra` are further members of it."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": reason or standard_reason(status),
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **(extra or {}),
    }
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


async def send_problem(send: Send, problem: Problem, request_id: str) -> None:
    """Answer with a problem."""
    headers: Headers = [
        (b"content-type", PROBLEM_JSON),
        (b"x-request-id", request_id.encode()),
        *(
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in problem.headers
        ),
    ]  # fmt: skip
    body = problem_body(problem.status, problem.detail, request_id, problem.reason, problem.extra)
    await send_body(send, problem.status, headers, body, problem.reason)
