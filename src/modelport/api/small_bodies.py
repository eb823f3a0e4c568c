"""Small bodies of the server's own resources, JSON and forms, read strictly and checked against a type."""

from __future__ import annotations

import json
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request

from modelport.api.body_messages import in_words
from modelport.problems import Problem

T = TypeVar("T", bound=msgspec.Struct)
MAX_BYTES = 64 * 1024
MAX_BRACKETS = 1000
MAX_FIELDS = 100
FORM = "application/x-www-form-urlencoded"


def media_type_of(request: Request) -> str:
    """The media type of a request's body; JSON if it says none."""
    return request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()


async def raw_body(request: Request, most: int) -> bytes:
    """The body of a request, of `most` bytes at the most. Raises `Problem` 400 or 413."""
    raw = bytearray()
    try:
        async for chunk in request.stream():
            raw += chunk
            if len(raw) > most:
                raise Problem(413, f"the body is larger than {most} bytes")
    except ClientDisconnect:
        raise Problem(400, "the request's body did not arrive whole") from None
    return bytes(raw)


async def json_body(request: Request, type: type[T], *, optional: bool = False, form: bool = False) -> T:
    """The JSON object of a request as a `type`, an empty one of a request without a body if it is `optional`.

    With `form`, it may be an urlencoded form whose fields are texts.
    Raises `Problem`: 400, 413, 415, or 422 naming the field.
    """
    media = media_type_of(request)
    is_form = form and media == FORM
    if not is_form and media != "application/json" and not media.endswith("+json"):
        raise Problem(415, f"this resource takes application/json, not {media[:100]!r}")
    raw = await raw_body(request, MAX_BYTES)
    if optional and not raw:
        return type()
    if is_form:
        return _form(raw, type)
    _refuse_ambiguous(raw)
    try:
        return msgspec.json.decode(raw, type=type, strict=True)
    except msgspec.ValidationError as error:
        raise Problem(422, f"the body does not fit: {in_words(error, type)}") from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Problem(400, f"the body is not valid JSON: {error}") from None


def _form(raw: bytes, type: type[T]) -> T:
    """The fields of a form as a `type`. Raises `Problem` 400 or 422."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), errors="strict",
            max_num_fields=MAX_FIELDS,
        )  # fmt: skip
    except ValueError:
        raise Problem(400, f"the body is no urlencoded form of at most {MAX_FIELDS} fields") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Problem(400, "the form has a field twice")
    try:
        return msgspec.convert(fields, type)
    except msgspec.ValidationError as error:
        raise Problem(422, f"the body does not fit: {in_words(error, type)}") from None


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
