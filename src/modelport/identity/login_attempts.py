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
- *Somebody tries one password with many names*, or has names checked that there are not, which costs as much.
  Those that are strange to their address share `FREE_OF_STRANGERS` there, too, and then one attempt in
  `STRANGERS_SECONDS`. Who has logged in from there before is not among them.
- *A name that there is not is slowed down less.* Names are counted whether there is such a user or not.
- *Many attempts come at once.* Each counts as a wrong one from its beginning, and the right one clears that.
- *One that was not looked at counts as wrong*, since too many were being checked: it is `undone`.
- *Counting costs memory.* `MOST_COUNTED` are, and the one that was tried longest ago is forgotten. So that
  nobody has his own forgotten, each one that is counted costs the check of a password.

It is counted in each server for itself: with several, so many times as much can be tried. The processes of
one tell each other.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Literal, NamedTuple

import msgspec

from modelport.security.hosts import near_address
from modelport.siblings import Siblings

TOPIC = "log-ins"
FREE = 5
LONGEST_SECONDS = 300.0
FREE_OF_STRANGERS = 50
STRANGERS_SECONDS = 5.0
FORGOTTEN_SECONDS = 3600.0
MOST_COUNTED = 10_000


_What = Literal["begin", "right", "undone"]
_Of = tuple[str | None, str | None]  # an account and an address; None: any


class Count(NamedTuple):
    """Wrong passwords, and when (by the clock) the next one may be tried."""

    wrong: int = 0
    next_at: float = float("-inf")
    last_at: float = float("-inf")


class _Said(msgspec.Struct, array_like=True):
    """What another process of the server has counted."""

    what: _What
    account: str
    address: str
    is_familiar: bool


class LoginAttempts:
    """Says how long one has to wait. `clock` tells seconds that only rise."""

    def __init__(self, clock: Callable[[], float] = monotonic):
        self._clock = clock
        self._counts: dict[_Of, Count] = {}
        self._siblings: Siblings | None = None

    def share(self, siblings: Siblings) -> None:
        """Count what is tried at other processes of the server, too."""
        self._siblings = siblings
        siblings.hear(TOPIC, self._heard)

    def _tell(self, what: _What, account: str, address: str, *, is_familiar: bool) -> None:
        if self._siblings is not None:
            body = msgspec.msgpack.encode(_Said(what, account, address, is_familiar))
            self._siblings.say(TOPIC, body)

    def _heard(self, body: bytes | None) -> None:
        if body is not None:
            said = msgspec.msgpack.decode(body, type=_Said)
            act = {"begin": self._begin, "right": self._right, "undone": self._undone}[said.what]
            act(said.account, said.address, is_familiar=said.is_familiar)

    def begin(self, account: str, address: str, *, is_familiar: bool) -> float:
        """Count an attempt, and return 0; or the seconds to wait, and count nothing."""
        wait = self._begin(account, address, is_familiar=is_familiar)
        if not wait:
            self._tell("begin", account, address, is_familiar=is_familiar)
        return wait

    def _begin(self, account: str, address: str, *, is_familiar: bool) -> float:
        now = self._clock()
        counts = {of: self._count(of, now) for of in _counted(account, address, is_familiar=is_familiar)}
        wait = max(count.next_at for count in counts.values()) - now
        if wait > 0:
            return wait
        for of, count in counts.items():
            self._add(of, count, now)
        return 0.0

    def right(self, account: str, address: str, *, is_familiar: bool) -> None:
        """The attempt that was begun last was right."""
        self._tell("right", account, address, is_familiar=is_familiar)
        self._right(account, address, is_familiar=is_familiar)

    def _right(self, account: str, address: str, *, is_familiar: bool) -> None:
        own, *strangers = _counted(account, address, is_familiar=is_familiar)
        self._counts.pop(own, None)
        for of in strangers:
            found = self._counts.get(of)
            if found is not None:
                self._counts[of] = found._replace(wrong=max(found.wrong - 1, 0))

    def undone(self, account: str, address: str, *, is_familiar: bool) -> None:
        """The attempt that was begun last was not looked at: who has waited for it need not wait again."""
        self._tell("undone", account, address, is_familiar=is_familiar)
        self._undone(account, address, is_familiar=is_familiar)

    def _undone(self, account: str, address: str, *, is_familiar: bool) -> None:
        for of in _counted(account, address, is_familiar=is_familiar):
            found = self._counts.get(of)
            if found is not None:
                self._counts[of] = found._replace(wrong=max(found.wrong - 1, 0), next_at=float("-inf"))

    def wrong(self, account: str, address: str) -> int:
        """How many were wrong from this address."""
        own, *_ = _counted(account, address, is_familiar=True)
        return self._counts.get(own, Count()).wrong

    def _count(self, of: _Of, now: float) -> Count:
        found = self._counts.get(of, Count())
        return found if now - found.last_at < FORGOTTEN_SECONDS else Count()

    def _add(self, of: _Of, count: Count, now: float) -> None:
        self._counts.pop(of, None)  # it goes to the end: the first is the one that was tried longest ago
        if len(self._counts) >= MOST_COUNTED:
            del self._counts[next(iter(self._counts))]
        wrong = count.wrong + 1
        wait = _steady(wrong) if None in of else _doubling(wrong)
        self._counts[of] = Count(wrong, now + wait, now)


def _counted(account: str, address: str, *, is_familiar: bool) -> tuple[_Of, ...]:
    """What an attempt counts for: this account from this address, and, where they are strange to each other,
    all strangers of the account, and all of the address.
    """
    near = near_address(address)
    own = (account, near)
    return (own,) if is_familiar else (own, (account, None), (None, near))


def _doubling(wrong: int) -> float:
    return 0.0 if wrong < FREE else min(2.0 ** min(wrong - FREE, 20), LONGEST_SECONDS)


def _steady(wrong: int) -> float:
    return 0.0 if wrong < FREE_OF_STRANGERS else STRANGERS_SECONDS
