"""The words that go with an HTTP status."""

from __future__ import annotations

from http import HTTPStatus

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
