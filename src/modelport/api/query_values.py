"""The text of the server's own query options and headers, read; what cannot be read is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelport.problems import Problem

# The words that an argument of a model may have for a boolean, and none: `?follow`.
YES = frozenset({"", "1", "on", "t", "true", "y", "yes"})
NO = frozenset({"0", "f", "false", "n", "no", "off"})
MAX_CURSOR = 1 << 62  # the number of a row or of an event


def whole_number(text: str | None, what: str, default: int, least: int, most: int) -> int:
    """The number that `text` writes, `default` if it is missing. Raises `Problem` 422 with its bounds."""
    if text is None:
        return default
    digits = text.removeprefix("-")
    is_number = digits.isascii() and digits.isdecimal() and len(digits) <= 19
    if not is_number or not least <= int(text) <= most:
        raise Problem(422, f"{what} {text[:40]!r} is no whole number from {least} to {most}")
    return int(text)


def number_in(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """The number of a query option; `default` also if it is empty, as forms and clients send what is not set.

    Raises `Problem` 422.
    """
    return whole_number(query.get(name) or None, name, default, least, most)


def cursor_in(query: Mapping[str, str]) -> int | None:
    """Where a page of a listing begins; `None` for the first. Raises `Problem` 422."""
    return number_in(query, "cursor", 0, 0, MAX_CURSOR) or None


def cursor_text(cursor: int | None) -> str | None:
    """The cursor of the next page as listings tell it, to whose clients it is text."""
    return None if cursor is None else str(cursor)


def yes_or_no(text: str | None, what: str) -> bool:
    """Whether `text` says yes; not if it is missing. Raises `Problem` 422."""
    said = "0" if text is None else text.lower()
    if said not in YES | NO:
        raise Problem(422, f"{what} {said[:40]!r} is neither true nor false")
    return said in YES


def one_of(text: str | None, what: str, choices: Iterable[str]) -> str | None:
    """`text` as it is, which may be missing. Raises `Problem` 422 if it is none of the choices."""
    known = list(choices)
    if text is not None and text not in known:
        raise Problem(422, f"{what} {text[:40]!r} is none of {', '.join(known)}")
    return text
