"""Texts that end at others: what goes out of a stream is what would be left of the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelport.sources.frameworks.text_functions import Cut

LETTERS = st.text("ab", max_size=12)


@given(st.lists(LETTERS, max_size=8), st.lists(LETTERS, max_size=3))
def test_a_text_is_cut_wherever_its_pieces_end(pieces: list[str], stops: list[str]) -> None:
    cut = Cut(list(stops))
    told = [cut.take(piece) for piece in pieces]
    told.append(cut.rest())
    expected = _after_each(pieces, [stop for stop in stops if stop])
    assert cut.is_found == (expected is not None)
    assert "".join(told) == ("".join(pieces) if expected is None else expected)


def _after_each(pieces: list[str], stops: list[str]) -> str | None:
    """What is left when it is looked after each piece; `None` where nothing ends it."""
    text = ""
    for piece in pieces:
        text += piece
        places = [place for stop in stops if (place := text.find(stop)) >= 0]
        if places:
            return text[: min(places)]
    return None
