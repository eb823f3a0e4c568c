"""How often a password may be tried: slower with each wrong one, and never locked.

What can go wrong, and what answers it:

- *Somebody tries passwords of one account.* From one address `FREE` are free, then each needs a wait twice as
  long as the one before, up to `LONGEST_SECONDS`.
- *They come from many addresses.* Those that are strange to the account share `FREE_OF_STRANGERS`, and then
  one attempt in `STRANGERS_SECONDS`.
- *Who does that locks the owner out.* Addresses from which they have logged in before are not strange: they
  count for themselves alone. Keys, tokens and sessions that there are go on, and so does an administrator,
  who may set another password. An attempt that has to wait counts for nothing, so that nobody makes a wait
  longer by trying meanwhile.
- *A name that there is not is slowed down less.* Names are counted whether there is such a user or not.
- *Many attempts come at once.* Each counts as a wrong one from its beginning, and the right one clears that.
- *Counting costs memory.* `MOST_COUNTED` are, and the one that was tried longest ago is forgotten.

It is counted in each server for itself: with several, so many times as much can be tried.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Hashable
from time import monotonic
from typing import NamedTuple

FREE = 5
LONGEST_SECONDS = 300.0
FREE_OF_STRANGERS = 50
STRANGERS_SECONDS = 5.0
FORGOTTEN_SECONDS = 3600.0
MOST_COUNTED = 10_000


class Count(NamedTuple):
    """Wrong passwords, and when (by the clock) the next one may be tried."""

    wrong: int = 0
    next_at: float = float("-inf")
    last_at: float = float("-inf")


class LoginAttempts:
    """Says how long one has to wait. `clock` tells seconds that only rise."""

    def __init__(self, clock: Callable[[], float] = monotonic):
        self._clock = clock
        self._counts: dict[Hashable, Count] = {}

    def begin(self, account: str, address: str, *, is_familiar: bool) -> float:
        """Count an attempt, and return 0; or the seconds to wait, and count nothing."""
        now = self._clock()
        near = near_address(address)
        own = self._count((account, near), now)
        strangers = Count() if is_familiar else self._count(account, now)
        wait = max(own.next_at, strangers.next_at) - now
        if wait > 0:
            return wait
        self._add((account, near), own, now, _doubling)
        if not is_familiar:
            self._add(account, strangers, now, _steady)
        return 0.0

    def right(self, account: str, address: str, *, is_familiar: bool) -> None:
        """The attempt that was begun last was right."""
        self._counts.pop((account, near_address(address)), None)
        strangers = self._counts.get(account)
        if strangers is not None and not is_familiar:
            self._counts[account] = strangers._replace(wrong=max(strangers.wrong - 1, 0))

    def wrong(self, account: str, address: str) -> int:
        """How many were wrong from this address."""
        return self._counts.get((account, near_address(address)), Count()).wrong

    def _count(self, of: Hashable, now: float) -> Count:
        found = self._counts.get(of, Count())
        return found if now - found.last_at < FORGOTTEN_SECONDS else Count()

    def _add(self, of: Hashable, count: Count, now: float, wait: Callable[[int], float]) -> None:
        self._counts.pop(of, None)  # it goes to the end: the first is the one that was tried longest ago
        if len(self._counts) >= MOST_COUNTED:
            del self._counts[next(iter(self._counts))]
        wrong = count.wrong + 1
        self._counts[of] = Count(wrong, now + wait(wrong), now)


def near_address(address: str) -> str:
    """An address, or the network of an IPv6 one: who has one of /64 has all of it."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _doubling(wrong: int) -> float:
    return 0.0 if wrong < FREE else min(2.0 ** min(wrong - FREE, 20), LONGEST_SECONDS)


def _steady(wrong: int) -> float:
    return 0.0 if wrong < FREE_OF_STRANGERS else STRANGERS_SECONDS
