"""Server-sent events are read whole however their bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.client.server_events import EventParser, ServerEvent

STREAM = (
    "id: 1\nevent: log\ndata: é ☃\n\n: keep-alive\n\nid: 2\r\ndata: a\r\ndata:b\r\n\r\ndata:\rid\r\r\n\n"
).encode()
EVENTS = [ServerEvent("log", "é ☃", "1"), ServerEvent("message", "a\nb", "2"), ServerEvent("message", "", "")]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_the_cuts_do_not_matter(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    parser = EventParser()
    found = [event for a, b in pairwise(places) for event in parser.feed(STREAM[a:b])]
    assert found == EVENTS


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: not complete\n", []),
        (b"event: nothing\n\n", []),
        (b"retry: 5\nunknown: 1\ndata: x\n\n", [ServerEvent("message", "x", "")]),
        (b"data:  two spaces\n\n", [ServerEvent("message", " two spaces", "")]),
        (b"id: 1\0\ndata: \xff\n\n", [ServerEvent("message", "\N{REPLACEMENT CHARACTER}", "")]),
        (
            b"id: 4\ndata: x\n\ndata: y\n\n",
            [ServerEvent("message", "x", "4"), ServerEvent("message", "y", "4")],
        ),
    ],
)
def test_odd_streams(stream: bytes, events: list[ServerEvent]) -> None:
    assert EventParser().feed(stream) == events


def test_a_long_line_in_many_pieces() -> None:
    parser = EventParser()
    for _ in range(10_000):
        assert parser.feed(b"data: " if _ == 0 else b"x" * 100) == []
    assert parser.feed(b"\n\n") == [ServerEvent("message", "x" * 999_900, "")]
