"""Answering with a problem, over ASGI."""

from __future__ import annotations

from modelport.http.asgi import Headers, Send, send_body
from modelport.problems import PROBLEM_JSON, Problem, problem_body


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
