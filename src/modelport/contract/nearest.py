"""The known name that somebody may have meant who wrote another one."""

from __future__ import annotations

from collections.abc import Iterable

SUFFICIENT = 0.7
MAX_NAMES = 3


def nearest(wrong: str, known: Iterable[str], sufficient: float = SUFFICIENT) -> list[str]:
    """The known names that are near enough to a wrong one to be meant, the nearest first."""
    import difflib  # with what few are told

    return difflib.get_close_matches(wrong, list(dict.fromkeys(known)), MAX_NAMES, sufficient)


def meant(names: list[str]) -> str:
    """`; did you mean 'this' or 'that'?`, or nothing where no name is near."""
    return f"; did you mean {' or '.join(map(repr, names))}?" if names else ""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean 'this' or 'that'?`, or nothing where no known name is near."""
    return meant(nearest(wrong, known))
