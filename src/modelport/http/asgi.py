"""The few words of ASGI that the hot path speaks without a framework between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from modelport.problems import PROBLEM_JSON, Problem, problem_body

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


async def send_body(send: Send, status: int, headers: Headers, body: bytes, reason: str = "") -> None:
    """A whole answer. `reason` becomes the reason phrase where the HTTP server can send one."""
    headers.append((b"content-length", str(len(body)).encode()))
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    if reason:
        start["reason"] = reason
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, problem: Problem, request_id: str) -> None:
    """Answer with a problem."""
    headers: Headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"x-request-id", request_id.encode()),
        *(
            (name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace"))
            for name, value in problem.headers
        ),
    ]  # fmt: skip
    body = problem_body(problem.status, problem.detail, request_id, problem.reason, problem.extra)
    await send_body(send, problem.status, headers, body, problem.reason)


def header(scope: Scope, name: bytes) -> str:
    """The value of a request header (given in lower case), empty if it was not sent.

    One that was sent several times is one list (RFC 9110, 5.2).
    """
    found = ""
    for key, value in scope["headers"]:
        if key == name:
            found = f"{found}, {value.decode('latin-1')}" if found else value.decode("latin-1")
    return found
