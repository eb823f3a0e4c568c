"""How many connections there may be, in all and from one address."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable

from modelport.http.refusals import ADDRESS_FULL, SERVER_FULL, Refusal
from modelport.security.hosts import near_address

MOST_TURNED_AWAY = 64  # that are told so at a time
IDLE_S = 1.0  # a connection on which nothing is asked for so long may give way to a new one
LOOK_S = 0.1  # between two searches for connections that could give way


class Crowd:
    """Counts the connections of one server: `most` in all, `most_of_one` from one address."""

    def __init__(self, most: int = sys.maxsize, most_of_one: int = sys.maxsize):
        self.most = most
        self.most_of_one = most_of_one
        self._turned_away: dict[object, Callable[[], None]] = {}
        self._all = 0
        self._of: Counter[str] = Counter()
        self._looked = 0.0

    def enter(
        self, origin: str, now: float, make_room: Callable[[], bool], *, is_one: bool = True
    ) -> Refusal | None:
        """Count a new connection from `origin`; if it cannot be taken, say why, and do not count it.

        Without an origin, on a Unix socket, they count for no address, and neither if it is not one, but a
        proxy of many. In a full house `make_room` is asked, now and then, to close a connection that nobody
        uses.
        """
        if origin and is_one and self._of[origin] >= self.most_of_one:
            return ADDRESS_FULL
        if self._all >= self.most:
            if now - self._looked < LOOK_S:
                return SERVER_FULL
            self._looked = now
            if not make_room():
                return SERVER_FULL
        self._all += 1
        self._of[origin] += 1
        return None

    def turn_away(self, connection: object, end: Callable[[], None]) -> None:
        """Remember a connection that is told that there is no room; the oldest of too many is ended."""
        if len(self._turned_away) >= MOST_TURNED_AWAY:
            oldest = next(iter(self._turned_away))
            self._turned_away.pop(oldest)()
        self._turned_away[connection] = end

    def has_gone(self, connection: object) -> None:
        """A connection that was turned away has ended."""
        self._turned_away.pop(connection, None)

    def leave(self, origin: str) -> None:
        """A connection that was counted has ended."""
        self._all -= 1
        self._of[origin] -= 1
        if not self._of[origin]:
            del self._of[origin]


def close_idle(connections: Iterable[tuple[float, Callable[[], None]]], now: float) -> bool:
    """Close those that have been idle for longest, a sixteenth of all; false if none is idle.

    A connection is told by the time since which nothing was asked for on it, and what closes it.
    """
    all_of_them = sorted(connections, key=lambda pair: pair[0])
    idle = [close for since, close in all_of_them if since < now - IDLE_S]
    for close in idle[: max(len(all_of_them) // 16, 1)]:
        close()
    return bool(idle)


def origin_of(client: tuple[str, int] | None) -> str:
    """Whom a connection is counted for: its address, the network of an IPv6 one; empty for a Unix socket."""
    return near_address(client[0]) if client is not None else ""
