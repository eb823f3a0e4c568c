"""Whole numbers in query strings and headers."""

from __future__ import annotations

from modelport.http.problems import Problem


def whole_number(text: str | None, what: str, default: int, least: int, most: int) -> int:
    """The number that `text` writes, `default` if it is missing. Raises `Problem` 422 with its bounds."""
    if text is None or text == "":
        return default
    is_number = text.isascii() and text.isdecimal() and len(text) <= 19
    if not is_number or not least <= int(text) <= most:
        raise Problem(422, f"{what} {text[:40]!r} is no whole number from {least} to {most}")
    return int(text)
