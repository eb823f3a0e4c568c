"""How much may be sent where at once: a target that is slow or silent must not hold up the others."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from dataclasses import dataclass

AT_ONCE = 4
AT_ONCE_TO_ONE = 3  # so that one is left for all others
SILENT_AFTER = 3  # attempts in a row without an answer
SILENT_SECONDS = 30.0
REMEMBERED = 1000  # silent targets; the oldest is forgotten

_TARGET = re.compile(r"[a-z]+://[^/?]*")


def target_of(url: str) -> str:
    """The part of a URL that says where it leads: scheme, host and port, in lower case."""
    found = _TARGET.match(url.lower())
    return found[0] if found else url.lower()


@dataclass
class _Silence:
    attempts: int
    until: float


class Targets:
    """Who is being sent to, and who has been silent. Times are seconds of a clock that never jumps."""

    def __init__(self) -> None:
        self._sending: Counter[str] = Counter()
        self._silent: OrderedDict[str, _Silence] = OrderedDict()

    def room(self) -> int:
        """How many more may begin now, even if all of them lead to the same target."""
        sending = [count for count in self._sending.values() if count < AT_ONCE_TO_ONE]
        return min(AT_ONCE - self._sending.total(), AT_ONCE_TO_ONE - max(sending, default=0))

    def full(self) -> list[str]:
        """Targets that get nothing more now."""
        return [target for target, count in self._sending.items() if count >= AT_ONCE_TO_ONE]

    def begin(self, target: str) -> None:
        """Something is being sent to `target`."""
        self._sending[target] += 1

    def end(self, target: str) -> None:
        """It is no longer."""
        self._sending[target] -= 1
        if not self._sending[target]:
            del self._sending[target]

    def is_silent(self, target: str, now: float) -> bool:
        """True if `target` gave no answer several times in a row, the last time a moment ago."""
        silence = self._silent.get(target)
        return silence is not None and silence.attempts >= SILENT_AFTER and now < silence.until

    def answered(self, target: str) -> None:
        """An answer came, whatever it says."""
        self._silent.pop(target, None)

    def stayed_silent(self, target: str, now: float) -> None:
        """No answer came."""
        before = self._silent.pop(target, None)
        attempts = before.attempts if before is not None else 0
        self._silent[target] = _Silence(attempts + 1, now + SILENT_SECONDS)
        if len(self._silent) > REMEMBERED:
            self._silent.popitem(last=False)
