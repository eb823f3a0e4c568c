"""Small JSON bodies of the server's own resources, read strictly and checked against a type."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from modelport.problems import Problem

T = TypeVar("T", bound=msgspec.Struct)
MAX_BYTES = 64 * 1024
MAX_BRACKETS = 1000


async def json_body(request: Request, type: type[T], *, optional: bool = False) -> T:
    """The JSON object of a request as a `type`, an empty one of a request without a body if it is `optional`.

    Raises `Problem`: 400, 413, 415, or 422 naming the field.
    """
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media != "application/json" and not media.endswith("+json"):
        raise Problem(415, f"this resource takes application/json, not {media[:100]!r}")
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > MAX_BYTES:
                raise Problem(413, f"the body is larger than {MAX_BYTES} bytes")
    except ClientDisconnect:
        raise Problem(400, "the request's body did not arrive whole") from None
    if optional and not raw:
        return type()
    _refuse_ambiguous(bytes(raw))
    try:
        return msgspec.json.decode(bytes(raw), type=type, strict=True)
    except msgspec.ValidationError as error:
        raise Problem(422, f"the body does not fit: {error}") from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Problem(400, f"the body is not valid JSON: {error}") from None


def _refuse_ambiguous(raw: bytes) -> None:
    """Raise `Problem` 400 for a key that comes twice, and for what nests too deep to be looked at."""

    def pairs(found: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in found]
        if len(set(keys)) != len(keys):
            raise Problem(400, "the JSON body has a key twice")

    if raw.count(b"[") + raw.count(b"{") > MAX_BRACKETS:
        raise Problem(400, "the JSON body is nested too deep")
    try:
        json.loads(raw, object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return  # whoever decodes it says why
