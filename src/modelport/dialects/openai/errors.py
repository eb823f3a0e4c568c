"""Errors as OpenAI's API has them: `{"error": {"message", "type", "param", "code"}}`.

Source: OpenAI's API reference, "Error codes", and the `openai` package, which tells errors by their status.
"""

from __future__ import annotations

import json
from typing import Any

from modelport.contract.errors import BadRequest

MOST_WORDS = 2000
INVALID = "invalid_request_error"
SERVER = "server_error"
# The type and the code of an error by its status, where nothing more is known.
KINDS: dict[int, tuple[str, str | None]] = {
    401: (INVALID, "invalid_api_key"),
    403: ("permission_error", "insufficient_permissions"),
    413: (INVALID, "request_too_large"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: (SERVER, "service_unavailable"),
    504: (SERVER, "timeout"),
}
UNKNOWN, UNSUPPORTED, WRONG = "unknown_parameter", "unsupported_parameter", "invalid_value"
MISSING = "missing_required_parameter"
NO_MODEL = "model_not_found"


def error_of(status: int, words: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """An error with this status, about this parameter of the request."""
    kind, usual = KINDS.get(status, (INVALID if status < 500 else SERVER, None))
    said = {"message": words[:MOST_WORDS], "type": kind, "param": param, "code": code or usual}
    return {"error": said}


def error_body(status: int, words: str, param: str | None = None, code: str | None = None) -> bytes:
    """The same as the body of an answer."""
    return json.dumps(error_of(status, words, param, code), ensure_ascii=False).encode("utf-8", "replace")


def refused(words: str, param: str | None, code: str = WRONG) -> BadRequest:
    """What is wrong with a parameter of a request."""
    return BadRequest(words, body=error_of(400, words, param, code))
