"""Ports as a setting has them: numbers, and ranges such as 8000-8999."""

from __future__ import annotations

from collections.abc import Iterable

USUAL_PORTS = ("80", "443")


def port_numbers(ports: Iterable[str]) -> frozenset[int]:
    """Every port that is named. Raises `ValueError` for what names none."""
    numbers: set[int] = set()
    for text in ports:
        first, dash, last = text.partition("-")
        if not (first.isascii() and first.isdigit() and (not dash or (last.isascii() and last.isdigit()))):
            raise ValueError(f"{text!r} is no port, and no range of ports")
        low, high = int(first), int(last if dash else first)
        if not 1 <= low <= high <= 65535:
            raise ValueError(f"{text!r} is no port from 1 to 65535, and no range of them")
        numbers.update(range(low, high + 1))
    return frozenset(numbers)
