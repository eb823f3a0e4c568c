"""Lines of the access log in JSON: those that are made in parts say what those say that are made whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelport.telemetry.access_log import AT_ONCE, AccessLines, Item, RequestLog
from modelport.telemetry.exchanges import Exchange

BEGAN = 1_790_000_000.0
ADDRESSES = ("", "127.0.0.1", "::1")
# When it began, its seconds, bytes in and out, the address that asked.
Asked: TypeAlias = tuple[float, float, int, int, str]

hostile = st.text(max_size=20) | st.sampled_from(
    ('"},{"time":"0', "\u2028\x1b[31m\r\n\x00", '{0}%s\\"', "a" * 3000)
)
alike = st.builds(
    Exchange,
    began=st.just(0.0),
    started=st.just(0.0),
    method=st.sampled_from(("POST", "GET")),
    path=hostile,
    principal=st.sampled_from(("", "key:1")),
    who=hostile,
    model=st.sampled_from(("", "iris")),
    version=st.integers(0, 9),
    client_request_id=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20),
)
asked_ones = st.tuples(
    st.sampled_from((BEGAN, BEGAN + 0.0004, BEGAN + 0.0015, BEGAN + 1.25)),
    st.floats(0, 2),
    st.integers(0, 2),
    st.integers(0, 1 << 40),
    st.sampled_from(ADDRESSES),
)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(alike, min_size=2, max_size=2), st.lists(st.tuples(st.integers(0, 1), asked_ones), max_size=12)
)
def test_lines_made_in_parts_say_what_whole_ones_say(
    likes: list[Exchange], asked: list[tuple[int, Asked]]
) -> None:
    told: list[Any] = []

    def note(items: Sequence[Item]) -> list[str]:
        told.extend(items)
        return []

    log = RequestLog(note, lambda text, lines: None, lambda seconds, call: None)
    tells = [log.of(like) for like in likes]
    parts: list[Item] = []
    whole: list[Item] = []
    for number, (which, (began, seconds, bytes_in, bytes_out, client)) in enumerate(asked):
        request_id = f"{number:032x}"
        tells[which](bytes_in, bytes_out, began, seconds, request_id, client)
        log.write()
        parts += told
        told.clear()
        said: dict[str, Any] = {
            "began": began,
            "seconds": seconds,
            "bytes_in": bytes_in,
            "bytes_out": bytes_out,
        }
        said |= {"request_id": request_id, "client": client, "status": 200}
        whole.append(msgspec.structs.replace(likes[which], **said))
    found = [_said(line) for line in AccessLines(json=True, since=lambda: 0.0).lines_of(parts)]
    assert found == [_said(line) for line in AccessLines(json=True).lines_of(whole)]
    assert len(found) == len(asked)


def _said(line: str) -> list[tuple[str, Any]]:
    """What a line says, in its order."""
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    said: dict[str, Any] = json.loads(line)
    said["seconds"] = pytest.approx(said["seconds"], abs=2e-6)
    return list(said.items())


def test_the_first_line_after_quiet_is_said_at_once_and_the_others_together() -> None:
    said: list[tuple[str, int]] = []
    timers: list[Callable[[], None]] = []
    log = RequestLog(
        AccessLines(json=True).lines_of,
        lambda text, lines: said.append((text, lines)),
        lambda seconds, call: timers.append(call),
    )
    tell = log.of(Exchange(began=0.0, started=0.0, method="POST", path="/predict"))

    def ask(number: int) -> None:
        for _ in range(number):
            tell(1, 1, 0.0, 0.001, "a" * 32, "127.0.0.1")

    def was_said() -> list[int]:
        texts = list(said)
        said.clear()
        assert [text.count("\n") for text, _ in texts] == [lines for _, lines in texts]
        return [lines for _, lines in texts]

    ask(1)
    assert was_said() == [1]
    ask(2 * AT_ONCE + 3)
    assert was_said() == [AT_ONCE, AT_ONCE]
    timers.pop()()
    assert was_said() == [3]
    timers.pop()()
    assert (was_said(), timers) == ([], [])
    ask(2)
    assert was_said() == [1]
    log.write()
    assert was_said() == [1]
