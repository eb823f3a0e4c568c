"""The way by which models ask each other: who has asked whom, up to the one that is asked now."""

from __future__ import annotations

from collections.abc import Sequence

MOST_MODELS = 16  # of a way
LOOP_DETECTED = 508


def wrong_way(way: Sequence[str], name: str) -> str:
    """What is wrong if the last model of a way asks this one, in words; empty if nothing is."""
    whole = " → ".join([*way, name])
    if name in way:
        return f"the models ask each other in a circle: {whole}"
    if len(way) >= MOST_MODELS:
        return f"more than {MOST_MODELS} models ask each other one behind the other: {whole}"
    return ""
