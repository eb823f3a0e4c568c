"""What a model prints, line by line, each with a mark that says which call it is of.

The server reads one pipe of a process whose calls may run side by side, and a line in it must not be taken
for one of another call. So each line of a call begins with a mark:

    RS token SP call SP principal US

What goes to stderr has an exclamation mark behind the token. That is a secret of this process, so that no
text that a client has sent, and a model prints, makes a mark; `call` is `#` and its number, or the id of the
request, where a model was asked by another one. What is printed outside of a call, by threads that belong to
none, or past Python's streams, has no mark. Text of one call never goes on in a line that another one has
begun: that line ends first.
"""

from __future__ import annotations

import re
import sys
import threading
from functools import partial

from modelport.contract.calls import Call
from modelport.contract.current_call import running_call
from modelport.contract.printed_marks import mark_of
from modelport.worker.whole_lines import Who, WholeLines, replaced_streams

GOES_ON = re.compile(
    r"([\n\r])(?=[^\n\r])"
)  # another line follows, or the same one anew, as of a progress bar


class MarkedLines(WholeLines):
    """A text stream in which each line says which call has printed it."""

    token = ""
    is_error = False
    _owner: Who | None = None  # of the line that has no end yet
    _returned = False  # it begins anew with the next text

    def _who(self) -> Who:
        call = running_call()
        return threading.get_ident(), self._mark(call) if call is not None else ""

    def _mark(self, call: Call) -> str:
        return mark_of(self.token, _name(call), call.by, is_error=self.is_error)

    def _out(self, text: str, who: Who) -> None:
        if not text:
            return
        mark = who[1]
        begin = ""
        if self._owner != who:
            begin = mark if self._owner is None else f"\n{mark}"
        elif self._returned and text[0] not in "\n\r":
            begin = mark
        self._owner = None if text[-1] == "\n" else who
        self._returned = text[-1] == "\r"
        super()._out(begin + (GOES_ON.sub(partial(_followed, mark), text) if mark else text), who)


def _followed(mark: str, found: re.Match[str]) -> str:
    return found[0] + mark


def _name(call: Call) -> str:
    """What the server knows a call by."""
    return call.request_id if call.way and call.request_id else f"#{call.id:x}"


def mark_lines(token: str) -> None:
    """Make stdout and stderr of this process such streams."""
    for stream in replaced_streams(MarkedLines):
        stream.token, stream.is_error = token, stream is sys.stderr
