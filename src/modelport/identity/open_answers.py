"""Answers that are under way, by what has let their clients in: each ends once that holds no longer.

What can go wrong, and what answers it:

- *A stream outlives the key, or the session, by which it was asked for.* It is entered here when it begins,
  and whoever looks every second what has changed in the database ends those that are to be ended.
- *Each stream asks the database.* None does: a look is one for all of a server, and of as many names as
  there are keys or sessions with open answers.
- *It was revoked between the request and the begin of its answer.* What was entered since the last look
  `is_new`, and is looked at whatever has changed.
- *Someone comes in while the database is asked.* Only those are judged that were asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container

End = Callable[[], None]


class OpenAnswers:
    """Those of the keys of a server, or those of its sessions, by their ids. For one event loop."""

    def __init__(self) -> None:
        self._ends: dict[str, set[End]] = {}
        self.is_new = False  # whether any was entered since the last look

    def enter(self, name: str, end: End) -> None:
        """An answer begins, to who came in by this key or session; `end` is called if it is to end."""
        self._ends.setdefault(name, set()).add(end)
        self.is_new = True

    def leave(self, name: str, end: End) -> None:
        """It is over."""
        those = self._ends.get(name)
        if those is not None:
            those.discard(end)
            if not those:
                del self._ends[name]

    def look(self) -> Collection[str]:
        """The keys or sessions to be asked about."""
        self.is_new = False
        return tuple(self._ends)

    def end_all_but(self, standing: Container[str], asked: Collection[str]) -> None:
        """End the answers to those that were `asked` about and do not stand."""
        for name in asked:
            if name not in standing:
                for end in tuple(self._ends.get(name, ())):
                    end()
