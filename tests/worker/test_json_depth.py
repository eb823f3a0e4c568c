"""How deep a body nests, told without reading it: the same as counting, and at once where it is hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.dialects.codecs.json_body import is_deeper

LARGE = 5_000_000
TEXT = st.text(st.sampled_from('[]{}"\\a'), max_size=4)
VALUES = st.recursive(
    TEXT | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@given(VALUES, st.integers(1, 7))
def test_it_is_what_counting_says(value: Any, most: int) -> None:
    raw = json.dumps(value).encode()
    assert is_deeper(raw, most) == (depth(value) > most)
    padded = b'["' + b"x" * 70_000 + b'", ' + raw + b"]"  # more than what is looked at first
    assert is_deeper(padded, most + 1) == (depth(value) > most)


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * LARGE,
        b"[" * LARGE + b"]" * LARGE,
        b'{"a":' * (LARGE // 5),
        b"[" + b"[]," * (LARGE // 3) + b"[" * 100,
        (b"[" + b"[" * 62 + b"]" * 62 + b",") * (LARGE // 126),
        b"[" * 65 + b'"' + b'\\"' * LARGE,
    ],
    ids=["open", "closed", "objects", "at the end", "stairs", "a text without an end"],
)
def test_hostile_bodies_are_too_deep(raw: bytes) -> None:
    assert is_deeper(raw, 64)


@pytest.mark.parametrize("raw", [b"[" + b"[]," * (LARGE // 3) + b"[]]", b'"' + b"[" * LARGE + b'"'])
def test_large_bodies_are_not(raw: bytes) -> None:
    assert not is_deeper(raw, 64)
