"""What models print: lines, bounded, harmless."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.engine.output import KEPT_LINES, LINES_A_SECOND, MAX_LINE, LineCutter, Output, printable


def lines_of(pieces: list[bytes]) -> list[bytes]:
    lines: list[bytes] = []
    cutter = LineCutter(lines.append)
    for piece in pieces:
        cutter.feed(piece)
    cutter.finish()
    return lines


@given(st.lists(st.binary(max_size=50).map(lambda data: data.replace(b"\r", b"")), max_size=8))
def test_lines_are_the_same_however_the_bytes_were_cut(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    assert lines_of(pieces) == (whole.removesuffix(b"\n").split(b"\n") if whole else [])


@given(st.lists(st.binary(max_size=3 * MAX_LINE), max_size=4))
def test_no_line_is_longer_than_the_limit(pieces: list[bytes]) -> None:
    assert all(len(line) <= MAX_LINE + len(b" [cut]") for line in lines_of(pieces))


def test_a_line_that_is_too_long_says_so_and_the_next_is_whole() -> None:
    first, second = lines_of([b"x" * MAX_LINE, b"y" * MAX_LINE, b"\nnext\n"])
    assert first == b"x" * MAX_LINE + b" [cut]"
    assert second == b"next"


@given(st.binary(max_size=200))
def test_printed_bytes_are_harmless_text(line: bytes) -> None:
    assert all(c.isprintable() or c == "\t" for c in printable(line))


def test_memory_and_log_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    output = Output("m", lambda: now[0])
    with caplog.at_level(logging.INFO, "modelport.model"):
        for number in range(KEPT_LINES + 10):
            output.add(b"%d" % number)
        assert len(caplog.messages) == LINES_A_SECOND
        now[0] = 1.0
        output.add(b"last")
    assert caplog.messages[-2:] == [
        f"m: {KEPT_LINES + 10 - LINES_A_SECOND} more lines of output were not logged",
        "m: last",
    ]
    assert len(output.lines) == KEPT_LINES
    assert output.tail(2) == f"{KEPT_LINES + 9}\nlast"
