"""Answers of JSON."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response


def json_response(body: Any, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    """An answer of JSON, in which the results of models stay as they were encoded."""
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
