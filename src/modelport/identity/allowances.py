"""What those who ask have left of what they may use, at one server.

What can go wrong, and what answers it:

- *Somebody has as many names as they like.* Who asks with a key or a token was let in; addresses are
  anybody's, and of IPv6 ones the network of 64 bits counts. No more than `MOST_PRINCIPALS` and
  `MOST_ADDRESSES` are kept, and the oldest are forgotten: somebody with so many addresses is let in more
  often, and nobody else less.
- *A key is replaced, or its quotas are others.* What was used is counted for who asks, not for the key; a
  change begins a new stretch.
- *Bytes are known when a request is over.* So they are over-run by what is under way then, and, where servers
  share a database, by what comes until they have told each other, which is every few seconds.
- *A server has several processes.* They count calls together (`SharedCounts`), and addresses borrow from what
  the first of them lends, as who asks does from the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import time
from typing import TypeVar

from modelport.identity.principals import Principal
from modelport.identity.quotas import OwnQuotas, Quotas
from modelport.identity.rate_windows import Lender, Lent, LentWindow, Window
from modelport.settings import Settings
from modelport.settings.written import Rate, rate_of
from modelport.shared_counts import SharedCount
from modelport.siblings import Siblings
from modelport.storage.errors import StoreUnavailable

MOST_PRINCIPALS = 20_000
MOST_ADDRESSES = 20_000
DAY = 86400
REQUESTS, ADDRESS = "requests", "address"  # what the rates are called in answers

T = TypeVar("T")


class Allowance:
    """What one who asks has left. `bytes` were used on the `day` (UTC); other processes `share` the calls."""

    __slots__ = ("_calls", "_shared", "bytes", "day", "own", "quotas", "window")

    def __init__(
        self,
        own: OwnQuotas | None,
        quotas: Quotas,
        window: Window | None,
        shared: SharedCount | None = None,
    ):
        self.own = own
        self.quotas = quotas
        self.window = window
        self._calls = 0
        self._shared = shared
        self.bytes = 0
        self.day = 0

    @property
    def calls(self) -> int:
        """How many calls are under way now."""
        return self._calls if self._shared is None else self._shared.total()

    def count_call(self, number: int) -> None:
        """A call begins (1), or ends (-1)."""
        self._calls += number
        if self._shared is not None:
            self._shared.add(number)

    def has_calls(self) -> bool:
        """Whether one more call may be under way."""
        most = self.quotas.calls_at_once
        return not most or self.calls < most

    def has_bytes(self) -> bool:
        """Whether anything is left of the bytes of today."""
        most = self.quotas.bytes_per_day
        return not most or self.bytes_today() < most

    def bytes_today(self) -> int:
        """How many bytes were used today."""
        return self.bytes if today() == self.day else 0

    def add_bytes(self, count: int) -> None:
        """Count bytes that were used now."""
        self.set_bytes(today(), count + self.bytes_today())

    def set_bytes(self, day: int, count: int) -> None:
        """So many were used on a day."""
        self.day, self.bytes = day, count


class SiblingLender:
    """Lends what the processes of one server have together, at the first of them."""

    def __init__(self, siblings: Siblings):
        self._siblings = siblings
        self._borrowing: set[asyncio.Task[None]] = set()

    async def lend(self, subject: str, rate: Rate, wanted: int) -> Lent:
        """Lend requests of the stretch that is. Raises `StoreUnavailable` where nobody lends any more."""
        lent = await self._siblings.lend(subject, rate.requests, rate.seconds, wanted)
        if lent is None:
            raise StoreUnavailable("the first process does not answer")
        return Lent(*lent)

    def in_background(self, window: LentWindow) -> None:
        """Have a window borrow, while nobody waits for it."""
        task = asyncio.get_running_loop().create_task(window.borrow())
        self._borrowing.add(task)
        task.add_done_callback(self._borrowing.discard)


class Allowances:
    """The allowances of one server. With a `lender`, rates of who asks are shared with other servers.

    `siblings` are the other processes of it.
    """

    def __init__(self, settings: Settings, siblings: Siblings | None = None):
        self._siblings = siblings
        self._lender_of_addresses = None if siblings is None else SiblingLender(siblings)
        self._quotas = Quotas.of_all(settings)
        self._are_limited = self._quotas != Quotas()
        self._per_address = rate_of(settings.rate_per_address) if settings.rate_per_address else None
        self._of: dict[str, Allowance] = {}
        self._addresses: dict[str, Window] = {}
        self.lender: Lender | None = None
        self.count_bytes = False  # of anybody

    @property
    def by_address(self) -> bool:
        """Whether addresses are limited."""
        return self._per_address is not None

    def of(self, principal: Principal) -> Allowance | None:
        """That of somebody; `None` if nothing limits them."""
        own = principal.quotas
        if own is None and not self._are_limited:
            return None
        found = self._of.get(principal.id)
        if found is None or found.own is not own:
            found = self._renewed(principal.id, found, own)
        return found

    def of_address(self, origin: str) -> Window | None:
        """That of an address or a network; `None` if nothing limits it, or there is none."""
        if self._per_address is None or not origin:
            return None
        found = self._addresses.get(origin)
        if found is None:
            lender = self._lender_of_addresses
            found = (
                Window(ADDRESS, self._per_address)
                if lender is None
                else LentWindow(ADDRESS, self._per_address, origin, lender)
            )
            _keep(self._addresses, origin, found, MOST_ADDRESSES)
        return found

    def has(self, principal: str) -> bool:
        """Whether anything limits somebody who has asked."""
        return principal in self._of

    def count(self, principal: str, size: int) -> None:
        """Count the bytes of a request of somebody, and of its answer."""
        found = self._of.get(principal)
        if found is not None and found.quotas.bytes_per_day:
            found.add_bytes(size)

    def by_bytes(self) -> Iterable[tuple[str, Allowance]]:
        """Those whose bytes count, by the id of who asks."""
        return [(who, one) for who, one in self._of.items() if one.quotas.bytes_per_day]

    def _renewed(self, who: str, found: Allowance | None, own: OwnQuotas | None) -> Allowance:
        quotas = self._quotas.of(own)
        if found is not None and found.quotas == quotas:
            found.own = own
            return found
        self.count_bytes = self.count_bytes or bool(quotas.bytes_per_day)
        window = None
        if quotas.rate is not None and self.lender is None:
            window = Window(REQUESTS, quotas.rate)
        elif quotas.rate is not None and self.lender is not None:
            window = LentWindow(REQUESTS, quotas.rate, who, self.lender)
        if found is None:
            found = Allowance(own, quotas, window, self._shared(who))
            _keep(self._of, who, found, MOST_PRINCIPALS)
        else:
            found.own, found.quotas, found.window = own, quotas, window
        return found

    def _shared(self, who: str) -> SharedCount | None:
        place = self._siblings.place if self._siblings is not None else None
        return None if place is None or place.calls is None else place.calls.of(who, place.number)


def today() -> int:
    """The day (UTC) as a number of days since 1970."""
    return int(time()) // DAY


def _keep(kept: dict[str, T], name: str, value: T, most: int) -> None:
    """Keep one more, and forget the oldest of too many."""
    if len(kept) >= most:
        del kept[next(iter(kept))]
    kept[name] = value
