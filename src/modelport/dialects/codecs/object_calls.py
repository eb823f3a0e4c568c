"""What the codecs of the one-model API at the root share: a body that is a JSON object, and its rows.

Their errors are lists of details, as pydantic has them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from modelport.contract.arrays.tables import kind_of
from modelport.contract.calls import Call
from modelport.contract.errors import BadRequest
from modelport.contract.field_messages import MISSING_MESSAGE
from modelport.contract.places import Places
from modelport.contract.signature import Operation
from modelport.dialects.codecs.requests import body_of, is_own_type, parse_pairs, read_call

TOO_MANY_ROWS = (
    "The query exceeded the limit on the number of rows for the predict. Please downsize your request."
)


def read_object_call(call: Call, json_depth: int, parse: Callable[[bytes, int], dict[str, Any]]) -> Places:
    """The arguments of a call by place: the body is a JSON object, whatever media type it is said to have.

    Only forms with files, and tables, are read by their media type; what begins as a JSON object does is no
    table. `parse` makes the object of the body, and raises in the words of its dialect for one that is none.
    """
    places = _places(call, json_depth, parse)
    places.lenient = True
    return places


def _places(call: Call, json_depth: int, parse: Callable[[bytes, int], dict[str, Any]]) -> Places:
    if is_own_type(call.content_type):
        return read_call(call, json_depth)
    raw = body_of(call) if call.body_path else call.body
    if kind_of(call.content_type) and not raw.lstrip().startswith(b"{"):
        return read_call(call, json_depth)
    query = parse_pairs(call.query, "query string") if call.query else None
    if not raw and query:
        return Places(query, None, None, call.headers, call.accept)
    found = parse(raw, json_depth)
    return Places(query, None, found, call.headers, call.accept, raw if found else b"{}")


def python_words(raw: bytes) -> str:
    """What Python's own JSON says of a body, which some clients read; empty if it would take it."""
    try:
        json.loads(raw)
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def details_of(messages: Any, place: tuple[str | int, ...] = ()) -> list[dict[str, Any]]:
    """webargs' map of messages as pydantic's list of errors."""
    if isinstance(messages, dict):
        found: list[dict[str, Any]] = []
        for key, below in cast("dict[str, Any]", messages).items():
            found += details_of(below, place if key == "_schema" else (*place, _step(key, place)))
        return found
    said = cast("list[Any]", messages) if isinstance(messages, list) else [messages]
    return [_of_message(str(message), place) for message in said]


def _step(key: str, place: tuple[str | int, ...]) -> str | int:
    return int(key) if place and key.isdecimal() else key


def _of_message(message: str, place: tuple[str | int, ...]) -> dict[str, Any]:
    if message == MISSING_MESSAGE:
        return {"loc": list(place), "msg": "Field required", "type": "missing"}
    return {"loc": list(place), "msg": message, "type": "value_error"}


def check_rows(arguments: dict[str, Any], operation: Operation, most: int) -> None:
    """Raise `BadRequest` 429 if more rows are sent at once than the server takes."""
    if not most:
        return
    name = rows_argument(operation)
    rows = arguments.get(name)
    if rows is not None and hasattr(rows, "__len__") and len(rows) > most:
        raise BadRequest(TOO_MANY_ROWS, 429)


def rows_argument(operation: Operation) -> str:
    """The argument that holds the rows: `X`, `data_for_predict`, or the first that is a list."""
    names = [argument.name for argument in operation.arguments]
    for name in ("X", "data_for_predict"):
        if name in names:
            return name
    lists = (a.name for a in operation.arguments if _is_list(a.schema))
    return next(lists, names[0] if names else "")


def _is_list(schema: dict[str, Any]) -> bool:
    choices = [schema, *schema.get("anyOf", [])]
    return any(choice.get("type") == "array" for choice in choices)
