"""Slowing down who sends wrong credentials.

What can go wrong, and what answers it:

- *Others come from the same address* (NAT, a proxy). Nobody is shut out by it: a key that is right is let in
  whatever else comes from there, since to look it up costs no more than to refuse it. What is wrong is
  answered 429 instead of 401, with the time after which it is looked at as usual. A token costs a signature
  to verify, so of those that are not known yet `PROOFS_PER_SECOND` are looked at meanwhile.
- *Whoever is slowed down costs as much as before.* Nothing waits for them: no task, no timer, no connection
  is held; the answer is there already, as bytes (`api.direct`).
- *Addresses cost memory.* IPv6 ones count by their networks (/64), and no more than `MOST` are known; the
  oldest are forgotten first. Who has been quiet for `FORGET_SECONDS` begins anew.
- *It is used to guess keys.* They have 256 random bits: what this bounds is the cost of refusing.
"""

from __future__ import annotations

from time import monotonic

from modelport.siblings import Siblings

TOPIC = "wrong credentials"
MOST = 4096
FORGET_SECONDS = 600.0
MOST_SECONDS = 60.0
PROOFS_PER_SECOND = 10


class _Sender:
    """One address: how many wrong ones it has sent, until when it is slow, when the last came."""

    __slots__ = ("count", "last", "proofs", "second", "until")

    def __init__(self) -> None:
        self.count = 0
        self.until = 0.0
        self.last = 0.0
        self.second = 0
        self.proofs = 0

    def is_used_up(self, second: int) -> bool:
        """Whether as many were looked at in this second as may be."""
        return second == self.second and self.proofs >= PROOFS_PER_SECOND


class WrongCredentials:
    """Those that came from each address. `most` are answered as usual; with 0 all of them are."""

    def __init__(self, most: int):
        self._most = most
        self._senders: dict[str, _Sender] = {}
        self._siblings: Siblings | None = None

    def share(self, siblings: Siblings) -> None:
        """Count what comes to other processes of the server, too."""
        self._siblings = siblings
        siblings.hear(TOPIC, lambda body: self._count(body.decode()) if body else None)

    def note(self, origin: str) -> None:
        """A wrong one has come from there. On a Unix socket there is no origin, and nobody is slowed down."""
        if not self._most or not origin:
            return
        if self._siblings is not None and not self.seconds_left(origin):
            self._siblings.say(TOPIC, origin.encode())
        self._count(origin)

    def _count(self, origin: str) -> None:
        now = monotonic()
        sender = self._senders.pop(origin, None)
        if sender is None or now - sender.last > FORGET_SECONDS:
            sender = _Sender()
        if len(self._senders) >= MOST:
            del self._senders[next(iter(self._senders))]
        self._senders[origin] = sender
        sender.last = now
        if now < sender.until:
            return
        sender.count += 1
        if sender.count > self._most:
            sender.until = now + min(2.0 ** (sender.count - self._most - 1), MOST_SECONDS)

    def seconds_left(self, origin: str) -> float:
        """How long wrong ones from there are not answered as usual; 0 if they are."""
        sender = self._senders.get(origin)
        return max(sender.until - monotonic(), 0.0) if sender is not None else 0.0

    def has_proofs(self, origin: str) -> bool:
        """Whether something that costs more than a look-up would be looked at now."""
        sender = self._senders.get(origin)
        now = monotonic()
        return sender is None or now >= sender.until or not sender.is_used_up(int(now))

    def may_prove(self, origin: str) -> bool:
        """Whether what costs more than a look-up is looked at now. It is counted."""
        sender = self._senders.get(origin)
        if sender is None:
            return True
        now = monotonic()
        if now >= sender.until:
            return True
        if int(now) != sender.second:
            sender.second, sender.proofs = int(now), 0
        sender.proofs += 1
        return sender.proofs <= PROOFS_PER_SECOND
