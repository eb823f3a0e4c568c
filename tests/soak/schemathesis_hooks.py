"""Failures that schemathesis finds where there are none. It imports this file by SCHEMATHESIS_HOOKS."""

from __future__ import annotations

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext
from schemathesis.openapi.checks import RejectedPositiveData


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Whether a failure is one: not if the answer is right all the same."""
    # Whoever asks for a job that another request has cancelled meanwhile is told so.
    if response.status_code == 503 and b'"detail": "cancelled"' in response.content:
        return False
    if isinstance(failure, RejectedPositiveData):  # mlup answers 408 where there is no such prediction
        return response.status_code != 408 or "/get-predict/" not in case.path
    if not isinstance(failure, AcceptedNegativeData):
        return True
    # An unknown header. It takes that for right itself, but not beside a header of digits.
    if "in header - object with unexpected properties" in failure.message:
        return False
    # pydantic reads a number as seconds since 1970 where it wants a time; JSON Schema knows ISO 8601 only.
    if "`when` in query" in failure.message:
        return False
    # An argument of a model may stand in several places, and the query string comes first: ARGUMENT_RULES.
    sent = case.body if isinstance(case.body, dict) else {}
    return not ("in body" in failure.message and sent.keys() & (case.query or {}).keys())
