"""Errors as mlup's clients read them: a list of details, each with one of mlup's types, and the id."""

from __future__ import annotations

import json
from typing import Any

from modelport.api.asgi import Headers, Send, send_body
from modelport.api.problems import Problem
from modelport.contract.calls import Answer

TIMED_OUT = "Response timed out. Repeat request please."
TOO_MANY = "Max requests in app. Please try again later."
QUEUE_FULL = "Queue is full. Please try again later."
HIDDEN = "the model failed"
HEADER = b"x-predict-id"
KINDS = {
    400: "validation_error",
    408: "predict_wait_result_error",
    413: "validation_error",
    415: "validation_error",
    422: "validation_error",
    429: "throttling_error",
}


def error_body(status: int, words: str, predict_id: str | None) -> bytes:
    """The body of an error with this status."""
    detail: dict[str, Any] = {"loc": [], "msg": words, "type": KINDS.get(status, "predict_error")}
    return json.dumps({"detail": [detail], "predict_id": predict_id}).encode()


def mlup_problem(problem: Problem) -> Problem:
    """A problem with the status and the words that mlup has for it, where it has any."""
    if problem.queue_full:
        return Problem(429, QUEUE_FULL, problem.headers)
    if problem.status == 504:
        return Problem(408, TIMED_OUT)
    return problem


async def send_error(send: Send, problem: Problem, predict_id: str, request_id: str) -> None:
    """Answer with a problem in mlup's shape."""
    problem = mlup_problem(problem)
    headers: Headers = [
        (b"content-type", b"application/json"),
        (HEADER, predict_id.encode()),
        (b"x-request-id", request_id.encode()),
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in problem.headers),
    ]
    await send_body(send, problem.status, headers, error_body(problem.status, problem.detail, predict_id))


def shaped(answer: Answer, predict_id: str, *, hide: bool) -> Answer:
    """An answer as it goes out: an error of the server's in mlup's shape, and the id in the header.

    With `hide` no words of a model that failed are in it.
    """
    if answer.problem:
        words = HIDDEN if hide and answer.status == 500 else answer.detail
        problem = mlup_problem(Problem(answer.status, words))
        answer.status, answer.problem = problem.status, False
        answer.body = error_body(problem.status, problem.detail, predict_id)
    answer.headers = [*answer.headers, (HEADER.decode(), predict_id)]
    return answer
