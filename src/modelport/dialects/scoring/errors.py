"""Errors in the words of the clients: KServe's `error`, and MLflow's `error_code` and `message`.

Source: MLflow's `databricks.proto`, whose codes its client reads.
"""

from __future__ import annotations

import json

CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    422: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
MOST_WORDS = 2000


def error_body(status: int, words: str) -> bytes:
    """The body of an error with this status."""
    code = CODES.get(status, "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR")
    said = words[:MOST_WORDS]
    return json.dumps({"error": said, "error_code": code, "message": said}, ensure_ascii=False).encode()
