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
"""

from __future__ import annotations

from collections.abc import Iterable
from time import time
from typing import TypeVar

from modelport.identity.principals import Principal
from modelport.identity.quotas import OwnQuotas, Quotas
from modelport.identity.rate_windows import Lender, LentWindow, Window
from modelport.settings import Settings
from modelport.settings.written import rate_of

MOST_PRINCIPALS = 20_000
MOST_ADDRESSES = 20_000
DAY = 86400
REQUESTS, ADDRESS = "requests", "address"  # what the rates are called in answers

T = TypeVar("T")


class Allowance:
    """What one who asks has left. `calls` are under way now; `bytes` were used on the `day` (UTC)."""

    __slots__ = ("bytes", "calls", "day", "own", "quotas", "window")

    def __init__(self, own: OwnQuotas | None, quotas: Quotas, window: Window | None):
        self.own = own
        self.quotas = quotas
        self.window = window
        self.calls = 0
        self.bytes = 0
        self.day = 0

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


class Allowances:
    """The allowances of one server. With a `lender`, rates of who asks are shared with other servers."""

    def __init__(self, settings: Settings):
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
            found = Window(ADDRESS, self._per_address)
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
            found = Allowance(own, quotas, window)
            _keep(self._of, who, found, MOST_PRINCIPALS)
        else:
            found.own, found.quotas, found.window = own, quotas, window
        return found


def today() -> int:
    """The day (UTC) as a number of days since 1970."""
    return int(time()) // DAY


def _keep(kept: dict[str, T], name: str, value: T, most: int) -> None:
    """Keep one more, and forget the oldest of too many."""
    if len(kept) >= most:
        del kept[next(iter(kept))]
    kept[name] = value
