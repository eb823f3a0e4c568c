"""Who may come in, at one server: its keys, and tokens that its verifiers know, while `auth` is on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from modelport.identity.certificate_holders import CertificateHolders
from modelport.identity.keys import KeyStore
from modelport.identity.known_keys import KnownKeys
from modelport.identity.tokens import Tokens, Verifier
from modelport.settings import Settings
from modelport.settings.groups.access import Auth
from modelport.storage.database import Database
from modelport.storage.errors import StoreUnavailable
from modelport.storage.service import Storage

if TYPE_CHECKING:
    from modelport.identity.oidc.service import Oidc


class Identity:
    """`serving.life` begins it when the storage is open, and stops it before that is closed."""

    def __init__(self, storage: Storage, settings: Settings):
        self.is_on = settings.auth == Auth.ON
        self.known = KnownKeys()
        self.tokens = Tokens()
        self.holders = CertificateHolders(settings.tls_clients)
        self._storage = storage
        self._running: asyncio.Task[None] | None = None
        self.oidc: Oidc | None = None
        if self.is_on and settings.oidc_issuer:
            from modelport.identity.oidc.service import Oidc  # and with it PyJWT and httpx

            self.oidc = Oidc(settings, self.tokens)

    @property
    def verifiers(self) -> list[Verifier]:
        """Who verifies tokens; whoever can adds itself."""
        return self.tokens.verifiers

    @property
    def database(self) -> Database:
        """The database. Raises `StoreUnavailable` with the reason if this server has none."""
        return self._storage.database

    @property
    def keys(self) -> KeyStore:
        """The keys of the database. Raises `StoreUnavailable` with the reason if this server has none."""
        return KeyStore(self.database)

    def begin(self) -> None:
        """Know the keys that there are, if there is a database, and those of the issuer of tokens."""
        if not self.is_on:
            return
        if self.oidc is not None:
            self.oidc.issuer.begin()
        with contextlib.suppress(StoreUnavailable):  # nobody is let in, as whoever asks is told
            self._running = asyncio.create_task(self.known.run(self.database))

    async def stop(self) -> None:
        """Look for changes no longer."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        if self.oidc is not None:
            await self.oidc.issuer.stop()
