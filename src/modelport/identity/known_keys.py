"""The keys that a server knows: who asks with each of them, by one look-up.

What can go wrong, and what answers it:

- *A key is looked up for each request.* All that can be used are in memory, by their hashes; a credential
  that was found is remembered as it was sent, so that the hot path neither hashes nor reads. What is
  remembered is bounded, and forgotten with each change and when a key expires.
- *A key is revoked on another server.* Each looks every second whether keys have changed, and at once where
  it was itself that changed them: a revocation holds within two seconds. Answers that are still being sent
  to who came in by it are ended then (`open_answers`).
- *The database goes away.* What is known goes on for `MAX_AGE_SECONDS`, since a restart of a database is no
  reason to refuse everybody; then nobody is let in (503), since nobody knows what was revoked meanwhile. A
  server that could never read its keys lets nobody in from the start. A bug in reading them is the same.
  A key that is not known meanwhile may be one that was just made: 503, not a 401 after which a program
  throws its key away.
- *Somebody tries keys.* One that is none by its form costs nothing; any other costs one hash, which is
  cheaper than to look at its checksum, and one look-up, and no database. They have 256 random bits.
- *How long a check takes tells of a key.* What is compared is found by its hash: of a digest that says
  nothing of the key, or of the text by Python's keyed hash, which nobody outside can steer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from time import monotonic, time

from modelport.identity.key_text import KEY, hash_of
from modelport.identity.keys import CHANGED, Key, KeyStore
from modelport.identity.open_answers import OpenAnswers
from modelport.identity.principals import Principal
from modelport.storage.database import Database
from modelport.storage.errors import StoreError, StoreUnavailable

log = logging.getLogger("modelport.identity")

MAX_AGE_SECONDS = 300.0
LATE_SECONDS = 2.0  # a look that takes longer may find keys that are not known here
USED_SECONDS = 60.0  # how often it is noted which keys were used
MOST_REMEMBERED = 10_000
MOST_BYTES = 256  # of a credential that is remembered: one key may be sent with any number of spaces


class KnownKeys:
    """`run` it while the database is open; before that it knows nobody. `clock` tells the epoch's seconds."""

    def __init__(self, clock: Callable[[], float] = time):
        self._clock = clock
        self._keys: dict[bytes, Key] = {}
        self._by_id: dict[str, Key] = {}
        self.state = 0  # another number each time that there are other keys
        self.open_answers = OpenAnswers()
        self._stamp: tuple[int, int] | None = None
        self._read_at: float | None = None
        self._unread_since: float | None = None  # the begin of a look that has not ended well yet
        self._next_end = float("inf")  # when the first of them expires
        self._used: dict[str, float] = {}
        self._looking = asyncio.Lock()
        self.remembered: dict[bytes, Principal] = {}  # by the credential as it was sent

    def find(self, text: str, sent: bytes) -> Principal | None:
        """Who asks with the key `text`, that was `sent` so; `None` for one that cannot be used.

        Raises `StoreUnavailable` if it is not known which keys there are.
        """
        if KEY.fullmatch(text) is None:
            return None
        if self._is_old:
            raise StoreUnavailable("the database cannot say now which keys there are: try again later")
        key = self._keys.get(hash_of(text))
        now = self._clock()
        if key is None and self._may_lack_keys:
            raise StoreUnavailable("the database cannot say now whether this is a new key: try again later")
        if key is None or _has_expired(key, now):
            return None
        if len(self.remembered) < MOST_REMEMBERED and len(sent) <= MOST_BYTES:
            self.remembered[sent] = key.principal
        self._used[key.id] = now
        return key.principal

    async def run(self, database: Database) -> None:
        """Keep to what the database says, until this is cancelled."""
        store = KeyStore(database)
        noted = monotonic()
        async with database.changes.subscribe(CHANGED) as changed:
            while True:
                changed.clear()
                await self._look(store)
                if self._clock() >= self._next_end or self._is_old:
                    self._forget()
                self._end_answers()
                if self._used and monotonic() - noted > USED_SECONDS:
                    noted = monotonic()
                    await self._note_used(store)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(database.poll_seconds):
                        await changed.wait()

    async def catch_up(self, database: Database) -> None:
        """Know what has just been changed, by whichever server."""
        await self._look(KeyStore(database))
        self._end_answers()

    @property
    def _is_old(self) -> bool:
        return self._read_at is None or monotonic() - self._read_at > MAX_AGE_SECONDS

    @property
    def _may_lack_keys(self) -> bool:
        return self._unread_since is not None and monotonic() - self._unread_since > LATE_SECONDS

    async def _look(self, store: KeyStore) -> None:
        async with self._looking:
            await self._read(store)

    async def _read(self, store: KeyStore) -> None:
        if self._unread_since is None:
            self._unread_since = monotonic()
        try:
            stamp = await store.stamp()
            if stamp != self._stamp:
                self._keys = dict(await store.usable())
                self.state += 1
                self._by_id = {key.id: key for key in self._keys.values()}
                self._stamp = stamp
                self._forget()
            self._read_at, self._unread_since = monotonic(), None
        except StoreError as error:
            log.warning("the keys cannot be read now: %s", error)
        except Exception:  # a bug: what is known grows old, and then nobody is let in; never for ever
            log.exception("the keys could not be read")

    def _forget(self) -> None:
        """Look each credential up anew: what it was found to be may hold no longer."""
        self.remembered.clear()
        now = self._clock()
        ends = [key.expires_at for key in self._keys.values() if key.expires_at is not None]
        self._next_end = min((end for end in ends if end > now), default=float("inf"))

    def _end_answers(self) -> None:
        """End what is still being sent to who may not come in any longer."""
        asked, now = self.open_answers.look(), self._clock()
        if asked:
            found = (self._by_id.get(name) for name in asked)
            standing = {key.id for key in found if key is not None and not _has_expired(key, now)}
            self.open_answers.end_all_but(() if self._is_old else standing, asked)

    async def _note_used(self, store: KeyStore) -> None:
        used, self._used = self._used, {}
        self.remembered.clear()  # who goes on asking is found again, and so noted again
        try:
            await store.used(used)
        except StoreError as error:
            log.warning("it cannot be noted now which keys are used: %s", error)


def _has_expired(key: Key, now: float) -> bool:
    return key.expires_at is not None and key.expires_at <= now
