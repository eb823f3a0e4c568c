"""What the tokens of users are signed with: Ed25519 (RFC 8037), in the database, for all of its servers.

What can go wrong, and what answers it:

- *A key is known to one server alone.* It is in the database before anything is signed with it, and a server
  that meets an unknown one reads them again, once a second at most: who waits for that waits together.
- *A key is used for ever.* After `SIGNS_SECONDS` a new one signs. The old one is kept, and verifies, until
  the last token that it has signed has expired; then it is removed.
- *Somebody names a key of their own* (`kid`, `jku`, `jwk`, `x5u`): a name is looked up among ours, and
  nothing else of a header is followed.
"""

from __future__ import annotations

import asyncio
import secrets
import uuid
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, delete, insert, select

from modelport.storage.database import Database
from modelport.storage.schema.users import signing_keys
from modelport.storage.writer import Transaction

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNS_SECONDS = 30 * 86400.0
KEPT_SECONDS = SIGNS_SECONDS + 2 * 86400.0  # longer than any token that it has signed
LOOK_SECONDS = 1.0


class SigningKey(NamedTuple):
    """A key by its `id`, the `kid` of tokens; `private` are its 32 bytes."""

    id: str
    private: bytes

    @property
    def signer(self) -> Ed25519PrivateKey:
        """What signs."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self.private)


def signing_key(tx: Transaction) -> SigningKey:
    """The key that signs now; a new one if the newest is old, or if there is none."""
    query = select(signing_keys).order_by(signing_keys.c.created_at.desc(), signing_keys.c.id).limit(1)
    newest = tx.connection.execute(query).mappings().one_or_none()
    if newest is not None and newest["created_at"] > tx.now - SIGNS_SECONDS:
        return SigningKey(newest["id"], newest["private"])
    tx.connection.execute(delete(signing_keys).where(signing_keys.c.created_at < tx.now - KEPT_SECONDS))
    made = SigningKey(uuid.uuid4().hex, secrets.token_bytes(32))
    tx.connection.execute(insert(signing_keys).values(id=made.id, private=made.private, created_at=tx.now))
    return made


class VerifyingKeys:
    """The public halves of those keys, as a server knows them."""

    def __init__(self) -> None:
        self._known: dict[str, Ed25519PublicKey] = {}
        self._read_at = float("-inf")
        self._turn = asyncio.Lock()

    async def find(self, key_id: str, database: Database) -> Ed25519PublicKey | None:
        """The key of this id, `None` if there is none. Raises the store's errors."""
        found = self._known.get(key_id)
        if found is not None:
            return found
        came = monotonic()
        async with self._turn:
            if self._read_at < came:
                await asyncio.sleep(max(self._read_at + LOOK_SECONDS - came, 0.0))
                known = await database.read(_all)
                self._known = {key.id: key.signer.public_key() for key in known}
                self._read_at = monotonic()
        return self._known.get(key_id)


def _all(connection: Connection) -> list[SigningKey]:
    query = select(signing_keys.c.id, signing_keys.c.private)
    return [SigningKey(row.id, row.private) for row in connection.execute(query)]
