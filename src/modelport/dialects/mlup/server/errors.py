"""Errors as mlup's clients read them: a list of details, each with one of mlup's types, and the id."""

from __future__ import annotations

import json
from typing import Any

from modelport.api.root.dialect import QUEUE_FULL, TIMED_OUT
from modelport.problems import Problem

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
