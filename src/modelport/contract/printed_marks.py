"""The mark before a line that a model prints, as `worker.marked_lines` tells."""

from __future__ import annotations

from typing import NamedTuple

BEGIN, END = "\x1e", "\x1f"
ERROR = "!"  # behind the token, of what goes to stderr
MOST = 256  # characters of a principal


def mark_of(token: str, call: str, principal: str, *, is_error: bool = False) -> str:
    """The mark of a line that this principal's call has printed."""
    shown = principal[:MOST] if principal.isprintable() else ""
    return f"{BEGIN}{token}{ERROR * is_error} {call} {shown}{END}"


class Printed(NamedTuple):
    """A line without its mark. `call` and `principal` are empty if it has none.

    It `is_error` if its mark says that it went to stderr.
    """

    text: bytes
    call: str = ""
    principal: str = ""
    is_error: bool = False


def printed_of(line: bytes, token: str) -> list[Printed]:
    """What a line consists of: where it was begun without a mark, that part is by itself."""
    begin = f"{BEGIN}{token}".encode()
    first, *marked = line.split(begin)
    found = [Printed(first)] if first or not marked else []
    for part in marked:
        mark, end, text = part.partition(END.encode())
        stream, _, of = mark.decode("utf-8", "replace").partition(" ")
        call, _, principal = of.partition(" ")
        found.append(Printed(text, call, principal, stream == ERROR) if end else Printed(b""))
    return found
