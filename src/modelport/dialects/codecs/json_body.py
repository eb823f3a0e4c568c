"""JSON bodies, read strictly.

Invalid UTF-8, NaN, numbers beyond a double, lone surrogates, NUL, trailing text, duplicate keys and
nesting beyond the limit are refused, because what reads the answer later trips over them.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, cast

import msgspec

from modelport.contract.errors import BadRequest

_decoder = msgspec.json.Decoder()
# One that nobody closes goes to the end, or each quote in it would be tried as a beginning.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
BACKSLASH = ord("\\")
PIECE = 1 << 16
PASSES = 4
STEP = {ord("["): 1, ord("]"): -1}
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
NESTS = frozenset({dict, list})
MANY = 16
NOT_JSON = "Invalid JSON body."  # webargs 5's own words
INVALID = {"json": [NOT_JSON]}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
TOO_LARGE = "the JSON body has a number that no double can hold"
NOT_IN_JSON = "JSON has no NaN and no Infinity: send null for a number that is missing"


def parse_json(raw: bytes, max_depth: int = 64, python_numbers: bool = False) -> Any:
    """The value of a JSON body. Raises `BadRequest` (400) saying what is wrong with it.

    `python_numbers` takes NaN and Infinity too, which Python's own `json` writes.
    """
    if len(raw) > max_depth and raw.count(b"[") + raw.count(b"{") > max_depth and is_deeper(raw, max_depth):
        raise _refused(f"the JSON body is nested deeper than {max_depth}")
    try:
        value: Any = _decoder.decode(raw)
    except msgspec.ValidationError:  # without a type to fit, that is a number out of range
        raise _refused(TOO_LARGE) from None
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        value = _with_python_numbers(raw) if python_numbers else None
        if value is None:
            if not python_numbers and _with_python_numbers(raw) is not None:
                raise _refused(NOT_IN_JSON) from None
            if raw.startswith(BYTE_ORDER_MARK):
                raise _refused("the JSON body begins with a byte order mark: send it without") from None
            raise BadRequest(f"the body is not valid JSON: {error}", body=INVALID) from None
    # A byte is found at once; `in` with several makes and drops an error, and costs as much as all the rest.
    if BACKSLASH in raw and raw.find(rb"\u0000") >= 0 and _has_nul(value):
        raise _refused("the JSON body holds a NUL character")
    # Every key is followed by a colon: as many colons as keys means that no key came twice.
    if raw.count(b":") != (_keys(value) if value.__class__ in NESTS else 0):
        _refuse_duplicates(raw)
    return value


def _keys(value: Any) -> int:
    """How many keys there are in an object or a list, and in all that are in it."""
    count = 0
    if value.__class__ is dict:
        count, value = len(value), value.values()
    if len(value) > MANY and NESTS.isdisjoint(map(type, value)):  # such as numbers, by the thousand
        return count
    for item in value:
        if item.__class__ in NESTS:
            count += _keys(item)
    return count


def _refused(detail: str) -> BadRequest:
    """The error for what Python's own `json` reads: that it is refused here needs words."""
    return BadRequest(detail, body={"json": [NOT_JSON, detail]})


def _with_python_numbers(raw: bytes) -> Any | None:
    """The value of JSON with NaN or Infinity in it; `None` for any other that is not valid."""
    if b"NaN" not in raw and b"Infinity" not in raw:
        return None
    try:
        value = json.loads(raw.decode())
        json.dumps(value, ensure_ascii=False).encode()  # lone surrogates: what reads them later trips
    except (ValueError, RecursionError):
        return None
    return value


def is_deeper(raw: bytes, most: int) -> bool:
    """Whether arrays and objects nest deeper than `most` in `raw`, text in strings not counted.

    Its beginning is looked at first: hostile bodies are too deep from there on, and cost nothing more.
    """
    if len(raw) > PIECE and _deepest(STRING.sub(b"", raw[:PIECE])) > most:
        return True
    left = _brackets(STRING.sub(b"", raw))
    taken = 0
    while taken < min(most, PASSES):  # each takes away the innermost brackets, of which most bodies consist
        less = left.replace(b"[]", b"")
        if len(less) == len(left):
            break
        left, taken = less, taken + 1
    return _deepest(left, most - taken) > most - taken


def _brackets(text: bytes) -> bytes:
    return text.translate(None, NO_BRACKETS).replace(b"{", b"[").replace(b"}", b"]")


def _deepest(text: bytes, enough: int = 1 << 30) -> int:
    """How deep the brackets nest, closed or not; what is more than `enough` is not counted further."""
    left = _brackets(text)
    depth = deepest = 0
    for start in range(0, len(left), PIECE):
        piece = left[start : start + PIECE]
        deepest = max(deepest, max(accumulate(map(STEP.__getitem__, piece), initial=depth)))
        if deepest > enough:
            break
        depth += piece.count(b"[") - piece.count(b"]")
    return deepest


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return any("\0" in key for key in found) or any(_has_nul(item) for item in found.values())
    return isinstance(value, list) and any(_has_nul(item) for item in cast("list[Any]", value))


def _refuse_duplicates(raw: bytes) -> None:
    def pairs(found: list[tuple[str, Any]]) -> None:
        keys = {key for key, _ in found}
        if len(keys) != len(found):
            twice = next(key for key in keys if sum(key == other for other, _ in found) > 1)
            raise _refused(f"the JSON body has the key {twice[:100]!r} twice")

    try:
        json.loads(raw, object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"the body is not valid JSON: {error}", body=INVALID) from None
