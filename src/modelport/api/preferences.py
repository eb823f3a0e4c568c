"""What a client says about how it wants to wait: the Prefer header (RFC 7240)."""

from __future__ import annotations

import re

import msgspec

WAIT = re.compile(r"\d{1,9}")
LONGEST_WAIT = 3600.0


class Preferences(msgspec.Struct):
    """`respond_async`: answer 202 with a job. `wait`: seconds in which the client wants the answer."""

    respond_async: bool = False
    wait: float | None = None

    def __bool__(self) -> bool:
        return self.respond_async or self.wait is not None

    def applied(self, *, accepted: bool) -> str:
        """The Preference-Applied header of an answer: 202 if `accepted`, else the result itself."""
        words = ["respond-async"] if accepted else []
        if self.wait is not None:
            words.append(f"wait={self.wait:g}")
        return ", ".join(words)


def preferences(header: str) -> Preferences:
    """The preferences of a Prefer header. Unknown and malformed ones are ignored, as RFC 7240 wants."""
    found = Preferences()
    for part in header.split(","):
        name, _, value = part.partition(";")[0].partition("=")
        name = name.strip().lower()
        value = value.strip().strip('"')
        if name == "respond-async":
            found.respond_async = True
        elif name == "wait" and found.wait is None and WAIT.fullmatch(value):
            found.wait = min(float(value), LONGEST_WAIT)
    return found
