"""Counting requests against a rate: in this server alone, or with others of the same database.

A rate of 100/m is 100 requests in each stretch of a minute, which begins with the first request after the end
of the last one. So in any minute there are twice as many at most, and what is left and when it is anew are
exact, as the fields of the answers tell.

What can go wrong, and what answers it:

- *Counting costs the hot path.* There it is a comparison and a subtraction; no lock, no list of times.
- *Servers that share a database would each let all of it in, or ask the database for each request.* They
  borrow: of each stretch a server takes a `PART` of the rate at a time, asks for more before that is used up,
  and only who comes when nothing is left waits for it. Never more is let in than the rate says. What one
  server has borrowed and does not use, the others lack until the end of the stretch.
- *The database is away.* Then each server counts for itself, so that nobody is refused for it.
"""

from __future__ import annotations

import asyncio
from math import ceil
from time import monotonic
from typing import NamedTuple, Protocol

from modelport.settings.written import Rate
from modelport.storage.errors import StoreError

PART = 16  # the parts of a rate that are borrowed at a time


class Lent(NamedTuple):
    """What the database has lent of a stretch that ends in so many seconds, and what it has beyond that."""

    requests: int
    beyond: int
    seconds: float


class Lender(Protocol):
    """Lends requests of one stretch to several servers."""

    async def lend(self, subject: str, rate: Rate, wanted: int) -> Lent:
        """Lend so many, or what there is. Raises the store's errors."""
        ...

    def in_background(self, window: LentWindow) -> None:
        """Have a window borrow, while nobody waits for it."""
        ...


class Window:
    """The requests of one subject, against its rate. `name` is what it is called in answers, and `policy` its
    item of the RateLimit-Policy field.

    Times are those of `monotonic`. Ask `is_open` before `use`.
    """

    __slots__ = ("_ends", "left", "name", "policy", "rate")

    def __init__(self, name: str, rate: Rate):
        self.name = name
        self.rate = rate
        self.policy = f'"{name}";q={rate.requests};w={rate.seconds}'
        self.left = 0  # what may be used here and now
        self._ends = 0.0

    def is_open(self, now: float) -> bool:
        """Whether one more may come in now."""
        if now >= self._ends:
            self._begin(now)
        return self.left > 0

    def use(self) -> None:
        """Count one that comes in."""
        self.left -= 1

    async def prepare(self, now: float) -> None:
        """Do what must be waited for, so that `is_open` can tell."""

    def seconds_left(self, now: float) -> int:
        """Seconds until the next stretch, at least one."""
        return max(ceil(self._ends - now), 1)

    def standing(self, now: float) -> str:
        """An item of the RateLimit field."""
        return f'"{self.name}";r={self.remaining};t={self.seconds_left(now)}'

    @property
    def remaining(self) -> int:
        """How many more may come in before the next stretch, as far as is known here."""
        return max(self.left, 0)

    def _begin(self, now: float) -> None:
        self._ends = now + self.rate.seconds
        self.left = self.rate.requests


class LentWindow(Window):
    """One that borrows of what the servers of a database have together."""

    __slots__ = ("_asking", "_beyond", "_lender", "_part", "_subject")

    def __init__(self, name: str, rate: Rate, subject: str, lender: Lender):
        super().__init__(name, rate)
        self._subject = subject
        self._lender = lender
        self._part = max(rate.requests // PART, 1)
        self._beyond = 0  # what the others have not borrowed, as it was known last
        self._asking: asyncio.Lock = asyncio.Lock()

    def use(self) -> None:
        self.left -= 1
        if self.left == self._part // 2 and self._beyond and not self._asking.locked():
            self._lender.in_background(self)

    async def prepare(self, now: float) -> None:
        if self.is_open(now) or (self._beyond <= 0 and now < self._ends):
            return
        await self.borrow(only_if_closed=True)

    async def borrow(self, *, only_if_closed: bool = False) -> None:
        """Ask the database for a part of the rate."""
        async with self._asking:
            now = monotonic()
            if only_if_closed and self.is_open(now):
                return  # who waited before has borrowed for all
            try:
                lent = await self._lender.lend(self._subject, self.rate, self._part)
            except StoreError:
                super()._begin(now)
                self._beyond = 0
                return
            kept = max(self.left, 0) if now < self._ends else 0
            self.left = kept + lent.requests
            self._beyond = lent.beyond
            self._ends = now + lent.seconds

    @property
    def remaining(self) -> int:
        return max(self.left, 0) + self._beyond

    def _begin(self, now: float) -> None:
        """What was lent of the last stretch holds no longer."""
        self.left = 0
