"""What is said of a body that nobody reads: it was sent to mean something, so it is never passed over."""

from __future__ import annotations

from typing import Any

import msgspec

from modelport.contract.errors import ArgumentErrors, BadRequest

HEAD = 1 << 16  # of a body, to see whether it is JSON
TYPE_OF_JSON = "send it with Content-Type: application/json"
FORM = "application/x-www-form-urlencoded"
KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list"}


def unread_body(content_type: str, head: bytes) -> BadRequest:
    """The error for a body that is neither JSON nor a form, whose first `HEAD` bytes are `head`."""
    media = content_type.partition(";")[0].strip()[:100]
    if looks_like_json(head):
        said = f"its Content-Type is {media!r}" if media else "it has no Content-Type"
        return BadRequest(f"the body is JSON, but {said}: {TYPE_OF_JSON}", 415)
    said = f"a body of type {media!r}" if media else "a body without a Content-Type"
    return BadRequest(
        f"{said} is not read here: send the arguments as application/json, multipart/form-data or {FORM}", 415
    )


def json_in_a_form() -> BadRequest:
    """The error for JSON that is said to be a form, as curl's `-d` does."""
    return BadRequest(
        f"the body is JSON, but its Content-Type is {FORM!r}, as curl says by itself: {TYPE_OF_JSON}", 415
    )


def table_in_a_form() -> BadRequest:
    """The error for a table that is said to be a form, as curl's `-d` and `--data-binary` do."""
    return BadRequest(
        f"the body has no NAME=VALUE, but its Content-Type is {FORM!r}, as curl says by itself; send a table "
        "with Content-Type: text/csv and --data-binary, or as a file of a form: -F NAME=@FILE",
        415,
    )


def no_object(value: Any) -> ArgumentErrors:
    """The error for a JSON body that is no object."""
    kind = "null" if value is None else KINDS[value.__class__]
    words = f"The body should be a JSON object with the arguments as its keys, not {kind}."
    return ArgumentErrors({"json": [words]}, [{"loc": [], "msg": words, "type": "dict_type"}])


def looks_like_json(head: bytes) -> bool:
    """Whether a body that begins so is an object or an array of JSON; a long one is only begun to be read."""
    text = head.strip()
    if text[:1] not in (b"{", b"["):
        return False
    if len(head) >= HEAD:
        return True
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return False
    return True
