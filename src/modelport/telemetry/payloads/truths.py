"""What answers should have been, beside what they were: which values belong together, and when none do.

A truth is looked at when it is given, and so one that could never be compared is refused, with what is wrong.
The answer is in a file by then, perhaps among thousands of others; so its form is kept where predictions are
found by their ids: the answer, with one value of each kind in the place of all, compressed where it is large.
"""

from __future__ import annotations

import zlib
from math import isfinite
from typing import Any, TypeAlias, cast

import msgspec

from modelport.telemetry.payloads.meaning import HIDDEN

Plain: TypeAlias = "str | float | int | bool"
ENVELOPE = {"status", "predictions"}
MOST_ANSWER = 64 << 10  # bytes, of which the form is kept
SMALL = 512  # bytes of a form that is not compressed: that would cost ten times as much
MOST_FORM = 4 << 10  # bytes of it
MOST_NAMES = 5  # of parts, that are told


class Form(msgspec.Struct):
    """What an answer is made of; or `why` nothing can be compared with it."""

    answer: Any = None
    why: str = ""


_decode = msgspec.json.Decoder(Form).decode


def form_of(status: int, answer: dict[str, Any]) -> bytes | None:
    """The form of an answer as the payload log has it; `None` if that is too large to be kept."""
    try:
        if status >= 400:
            form = Form(why=f"the prediction has failed ({status}), and has no answer to compare it with")
        elif "value" not in answer:
            reason = answer.get("left_out") or "it is empty"
            form = Form(why=f"the answer to compare it with is not in the log: {reason}")
        elif answer["bytes"] > MOST_ANSWER:
            return None
        else:
            form = Form(_formed(answer["value"]))
        found = msgspec.json.encode(form)
        if len(found) > SMALL:
            found = zlib.compress(found, 1)
    except RecursionError:
        return None
    return found if len(found) <= MOST_FORM else None


def _formed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _formed(one) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_formed(one) for one in cast("list[Any]", value)]
    if isinstance(value, str):
        return None if value == HIDDEN else ""
    if isinstance(value, bool) or value is None:
        return value
    return 0 if isfinite(value) else None


def why_unlike(form: bytes | None, truth: Any) -> str:
    """Why a truth cannot be compared with the answer of a form; empty if it can, or nobody knows."""
    if form is None:
        return ""
    if truth in ([], {}):
        return "it holds no value"
    known = _decode(form if form.startswith(b"{") else zlib.decompress(form))
    if known.why or pairs_of(known.answer, truth):
        return known.why
    answer = without_envelope(known.answer)
    if isinstance(answer, dict) and len(cast("dict[str, Any]", answer)) == 1 and not isinstance(truth, dict):
        answer = next(iter(cast("dict[str, Any]", answer).values()))
    if isinstance(answer, list) and isinstance(truth, list):
        rows, truths = cast("list[Any]", answer), cast("list[Any]", truth)
        if len(rows) == len(truths):
            places = [place for place, row in enumerate(rows) if not pairs_of(row, truths[place])]
            if places:
                one, row = truths[places[0]], rows[places[0]]
                return f"its row {places[0]} is {_told(one)}, and that of the answer is {_told(row)}"
    return f"it is {_told(truth)}, and the answer is {_told(answer)}"


def _told(value: Any) -> str:
    if isinstance(value, dict):
        names = list(cast("dict[str, Any]", value))
        more = ", …" if len(names) > MOST_NAMES else ""
        return f"an object of {', '.join(name[:40] for name in names[:MOST_NAMES])}{more}"
    if isinstance(value, list):
        return f"a list of {len(cast('list[Any]', value))}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    return "a text" if isinstance(value, str) else "a number"


def pairs_of(answer: Any, truth: Any) -> list[tuple[Plain, Plain]]:
    """What was predicted and what is true, as they belong together; none if that cannot be told.

    A truth belongs to the whole answer, if that holds one value; a list to the rows of an answer; an object
    to parts of the same names; else to the one part of the answer that is of its kind.
    """
    found = without_envelope(answer)
    if isinstance(truth, dict):
        return _named(found, cast("dict[str, Any]", truth))
    if isinstance(found, dict) and len(cast("dict[str, Any]", found)) == 1:
        found = next(iter(cast("dict[str, Any]", found).values()))
    if isinstance(truth, list):
        truths = cast("list[Any]", truth)
        rows = cast("list[Any]", found if isinstance(found, list) else [found])
        if len(rows) != len(truths):
            return []
        each = [pairs_of(row, one) for row, one in zip(rows, truths, strict=True)]
        return [pair for pairs in each for pair in pairs] if all(each) else []
    return _one(one_value(found), truth)


def _named(found: Any, truth: dict[str, Any]) -> list[tuple[Plain, Plain]]:
    while isinstance(found, list | dict) and not (isinstance(found, dict) and truth.keys() & found.keys()):
        inner = cast("Any", list(found.values()) if isinstance(found, dict) else found)
        if len(inner) != 1:
            return []
        found = inner[0]
    if not isinstance(found, dict):
        return []
    parts = cast("dict[str, Any]", found)
    each = [pairs_of(parts[name], one) if name in parts else [] for name, one in truth.items()]
    return [pair for pairs in each for pair in pairs] if all(each) else []


def _one(found: Any, truth: Any) -> list[tuple[Plain, Plain]]:
    if isinstance(found, dict):
        like = [one for one in cast("dict[str, Any]", found).values() if _is_like(one, truth)]
        found = like[0] if len(like) == 1 else None
    return [(found, truth)] if _is_like(found, truth) else []


def _is_like(one: Any, other: Any) -> bool:
    if isinstance(other, bool) or isinstance(one, bool):
        return isinstance(one, bool) and isinstance(other, bool)
    if isinstance(other, int | float):
        return isinstance(one, int | float) and isfinite(one) and isfinite(other)
    return isinstance(other, str) and isinstance(one, str)


def without_envelope(value: Any) -> Any:
    """The predictions of `{"status": "OK", "predictions": …}`; any other value as it is."""
    body = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return body["predictions"] if body.keys() == ENVELOPE else cast("Any", value)


def one_value(value: Any) -> Any:
    """What is in lists and objects that hold one thing only."""
    found = value
    while isinstance(found, list | dict):
        is_object = isinstance(found, dict)
        items = list(cast("dict[str, Any]", found).values()) if is_object else cast("list[Any]", found)
        if len(items) != 1:
            break
        found = items[0]
    return cast("Any", found)
