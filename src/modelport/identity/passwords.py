"""Passwords, as argon2id (RFC 9106) keeps them: in threads of their own, and never many at once.

What can go wrong, and what answers it:

- *Hashing is dear on purpose*: 64 MiB and a tenth of a second of a processor for each. Whoever sends many
  passwords must not fill the memory, nor the threads that others need. So `AT_ONCE` are hashed at a time,
  in threads that do nothing else, `MOST_WAITING` wait, and the next one is told to come again (503).
- *A name that there is not answers sooner.* What is compared with is then the hash of a password that
  nobody has, made with the same costs.
- *A client leaves.* What has begun cannot be stopped; it counts until it has ended.
- *One password is typed in two ways.* An accent may be one character or two: both are the same here (NFC).
- *A password of megabytes.* It is refused before it is hashed, by its length.
"""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from modelport.problems import Problem

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE = 2
MOST_WAITING = 32
MEMORY_KIB, PASSES, LANES = 64 << 10, 3, 1  # the second choice of RFC 9106, in one thread
LEAST, MOST = 10, 1000  # characters
NOBODYS = (  # random bytes with these costs: no password is known that leads to them
    "$argon2id$v=19$m=65536,t=3,p=1$ESwr/wmZgW3PPNA60G/rRw$85pcq2lvSCzISFBr/5TckdBOFoBZ43s7XODnV2Q4bGU"
)
BUSY = "too many passwords are being checked now; try again in a moment"
T = TypeVar("T")
_threads: ThreadPoolExecutor | None = None


class Passwords:
    """Hashes passwords and checks them. Its threads are those of the process; what waits is counted here."""

    def __init__(self) -> None:
        self._under_way = 0

    async def hash(self, password: str) -> str:
        """What is kept of a password. Raises `Problem` 503 if too many wait."""
        return await self._run(_hash, _normal(password))

    async def is_right(self, password: str, kept: str | None) -> bool:
        """Whether it is the password of which `kept` was kept; with none it takes as long, and is not.

        Raises `Problem` 503 if too many wait.
        """
        if len(password) > MOST:
            return False
        found = await self._run(_is_right, _normal(password), kept or NOBODYS)
        return found and kept is not None

    async def _run(self, work: Callable[..., T], *arguments: str) -> T:
        if self._under_way >= AT_ONCE + MOST_WAITING:
            raise Problem(503, BUSY, [("Retry-After", "2")])
        self._under_way += 1
        running = asyncio.get_running_loop().run_in_executor(_executor(), work, *arguments)
        running.add_done_callback(self._has_ended)
        return await asyncio.shield(running)

    def _has_ended(self, running: asyncio.Future[Any]) -> None:
        self._under_way -= 1
        if not running.cancelled():
            running.exception()  # whoever waited may have left


def check_new(password: str, name: str) -> None:
    """Raise `Problem` 422 for one that nobody should have."""
    if not LEAST <= len(password) <= MOST:
        raise Problem(422, f"password: {LEAST} to {MOST} characters")
    if _normal(password).casefold() == _normal(name).casefold() or len(set(password)) < 4:
        raise Problem(422, "password: this one is guessed at once; take another")


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _executor() -> ThreadPoolExecutor:
    global _threads  # one for the process, whatever has servers in it: the bound is one of its memory
    if _threads is None:
        _threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="modelport passwords")
    return _threads


def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def _hash(password: str) -> str:
    return _hasher().hash(password.encode("utf-8", "surrogatepass"))


def _is_right(password: str, kept: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(kept, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
