"""Code stays small enough to be read: no file, function or parameter list grows beyond its limit."""

from __future__ import annotations

import sizes

# What may be larger, how large, and why. A name that no longer needs its entry fails the test.
ALLOWED: dict[str, tuple[int, str]] = {
    "src/modelport/sources/frameworks/text_functions.py:chat": (7, "its parameters are those of a request"),
}


def over_limit() -> dict[str, tuple[str, int]]:
    return {
        where: (measure, value)
        for measure, value, where in sizes.measures(sizes.ROOT / "src")
        if value > sizes.LIMITS[measure]
    }


def test_nothing_grows_beyond_its_limit() -> None:
    for measure, rows in sizes.worst(sizes.ROOT / "src").items():
        print(f"{measure} (limit {sizes.LIMITS[measure]}):", *(f"\n  {v:5} {where}" for v, where in rows))
    too_large = {
        where: found for where, found in over_limit().items() if found[1] > ALLOWED.get(where, (0, ""))[0]
    }
    assert too_large == {}


def test_no_exception_outlives_its_reason() -> None:
    assert set(ALLOWED) <= set(over_limit())
