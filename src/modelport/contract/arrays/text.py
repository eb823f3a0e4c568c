"""Rows as text in a query string or a form."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from modelport.contract.arrays.adapter import Input
from modelport.contract.arrays.findings import Fault, Findings

NOT_JSON: Fault = ("json_invalid", "Input should be JSON, such as [[1, 2], [3, 4]]")


def value_of_text(texts: list[Any], given: Input, argument: str, found: Findings) -> Any:
    """What texts under one name mean: one JSON value, or one row each.

    For a list of strings each text is one string, unless there is one only and it is a JSON list.
    """
    if not all(isinstance(text, str) for text in texts):
        found.add((argument,), NOT_JSON)
        return None
    if len(texts) == 1 and texts[0].lstrip()[:1] in ("[", "{"):
        value = _decoded(texts[0], argument, found)
        return [value] if len(given.shape) == 2 and _is_row(value) else value
    if len(given.shape) == 1 and given.dtype in ("str", "object", ""):
        return texts
    return [_decoded(text, argument, found) for text in texts]


def _is_row(value: Any) -> bool:
    """Whether this is one row and not a list of them, or a table by columns and rows."""
    if isinstance(value, dict):
        return "rows" not in value
    cells: list[Any] = cast("list[Any]", value) if isinstance(value, list) else []
    return bool(cells) and not any(isinstance(item, (list, dict)) for item in cells)


def _decoded(text: str, argument: str, found: Findings) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        found.add((argument,), NOT_JSON)
        return None
