"""pydantic's errors as webargs' map of messages."""

from __future__ import annotations

from typing import Any, cast

import pydantic

MISSING_MESSAGE = "Missing data for required field."
SCALARS = (str, int, float, bool)


def field_map(error: pydantic.ValidationError, skip: int = 1) -> Any:
    """A pydantic error as webargs' map: `{"argument": ["message"]}`, nested by key and index.

    With `skip` 0 the error is that of one argument, and what comes back is its part of the map.
    """
    root: dict[str, Any] = {}
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        message = MISSING_MESSAGE if item["type"] == "missing" else item["msg"]
        message = message.removeprefix("Value error, ")
        path = [str(step) for step in item["loc"]] or ["_schema"]
        if skip == 0:
            path = ["", *[str(step) for step in item["loc"]]]
        put_message(root, path, message)
    return root[""] if skip == 0 else root


def put_message(root: dict[str, Any], path: list[str], message: str) -> None:
    """Add a message to webargs' map at this path; beside messages further down it stands in `_schema`."""
    node = root
    for step in path[:-1]:
        below = node.get(step)
        if not isinstance(below, dict):
            below = {} if below is None else {"_schema": below}
            node[step] = below
        node = cast("dict[str, Any]", below)
    last = node.setdefault(path[-1], [])
    if isinstance(last, dict):
        cast("dict[str, Any]", last).setdefault("_schema", []).append(message)
    else:
        last.append(message)


def error_details(error: pydantic.ValidationError, prefix: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """A pydantic error as data: `loc`, `msg` and `type` of each, with `prefix` before each `loc`.

    `ctx` has the limits and other scalars that go with the error, and `input` the value where it is one.
    """
    return [
        {
            "loc": [*prefix, *item["loc"]],
            "msg": item["msg"].removeprefix("Value error, "),
            "type": item["type"],
            "ctx": {key: value for key, value in item.get("ctx", {}).items() if isinstance(value, SCALARS)},
            **({"input": item["input"]} if isinstance(item["input"], (*SCALARS, type(None))) else {}),
        }
        for item in error.errors(include_url=False)
    ]
