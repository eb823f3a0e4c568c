"""Choosing a media type by an Accept header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from functools import lru_cache

MAX_RANGES = 100
SEEN_OR_HEARD = ("image", "audio", "video")  # a body of such a type can be no arguments, whoever names it


@lru_cache(maxsize=512)
def parse_accept(header: str) -> tuple[tuple[str, float], ...]:
    """The media ranges of an Accept header with their weights. Garbage counts as `*/*`."""
    ranges: list[tuple[str, float]] = []
    for part in header.split(",")[:MAX_RANGES]:
        pieces = part.split(";")
        media = pieces[0].strip().lower()
        if media.count("/") != 1 or not all(media.split("/")):
            continue
        ranges.append((media, _weight(pieces[1:])))
    return tuple(ranges) or (("*/*", 1.0),)


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 1.0
            return weight if 0.0 <= weight <= 1.0 else 1.0
    return 1.0


def best_media_type(header: str | None, choices: list[str]) -> str | None:
    """The choice that the header likes best, the earlier one on a tie; `None` if it likes none.

    A choice `*/*` fits any range that is not refused, a choice `image/*` any picture.
    """
    if not header:
        return choices[0]
    return _best(header, tuple(choices))


@lru_cache(maxsize=512)
def _best(header: str, choices: tuple[str, ...]) -> str | None:
    ranges = parse_accept(header)
    best: str | None = None
    best_weight = 0.0
    for choice in choices:
        weight = _choice_weight(choice, ranges)
        if weight > best_weight:
            best, best_weight = choice, weight
    return best


def _choice_weight(choice: str, ranges: tuple[tuple[str, float], ...]) -> float:
    if choice == "*/*":
        return max(weight for _, weight in ranges)
    kind = choice.split(";")[0].strip().lower()
    main, _, form = kind.partition("/")
    if form == "*":
        of_kind = [weight for media, weight in ranges if media.partition("/")[0] == main]
        if of_kind:
            return max(of_kind)
    for wanted in (kind, f"{main}/*", "*/*"):
        for media, weight in ranges:
            if media == wanted:
                return weight
    return 0.0
