"""Who may come in, at one server, while `auth` is on: its keys, its users, tokens that its verifiers know."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from modelport.identity import first_link
from modelport.identity.accounts import Accounts
from modelport.identity.allowances import Allowances
from modelport.identity.certificate_holders import CertificateHolders
from modelport.identity.keys import KeyStore
from modelport.identity.known_keys import KnownKeys
from modelport.identity.named_limits import NamedLimits
from modelport.identity.open_answers import OpenAnswers
from modelport.identity.principals import Principal
from modelport.identity.proxy_users import ProxyUsers
from modelport.identity.signing_keys import VerifyingKeys
from modelport.identity.tokens import Tokens
from modelport.identity.user_tokens import ACCESS, PAGE, UserTokens, Watch
from modelport.identity.wrong_credentials import WrongCredentials
from modelport.security.log_floods import Sparingly
from modelport.settings import Settings
from modelport.settings.groups.access import Auth
from modelport.siblings import LONG_SECONDS
from modelport.storage.database import Database
from modelport.storage.errors import StoreError, StoreUnavailable
from modelport.storage.service import Storage

if TYPE_CHECKING:
    from modelport.identity.oidc.service import Oidc

log = logging.getLogger("modelport.identity")
log.addFilter(Sparingly())

NOBODY = (
    "there is no user and no key that can be used, so nobody is let in: within an hour, %s makes the first "
    "administrator, once; or `modelport users create` and `modelport keys create`, with the --data-dir or "
    "--database-url of this server"
)
KEYS = "keys known"  # what the processes of a server ask each other


class Identity:
    """`serving.life` begins it when the storage is open, and stops it before that is closed."""

    def __init__(self, storage: Storage, settings: Settings):
        self.is_on = settings.auth == Auth.ON
        self.known = KnownKeys()
        self.tokens = Tokens()
        limits = NamedLimits(settings.limits)
        self.holders = CertificateHolders(settings.tls_clients, limits)
        self.pages = Tokens()  # those in the cookies of pages
        self.accounts = Accounts(lambda: storage.database)
        verifying = VerifyingKeys()
        self.tokens.verifiers.append(UserTokens(ACCESS, storage, verifying, limits))
        self.pages.verifiers.append(UserTokens(PAGE, storage, verifying, limits))
        self._watch = Watch((self.tokens, self.pages), self.accounts.tell_slowed)
        self.allowances = Allowances(settings, storage.siblings)
        self.wrong = WrongCredentials(settings.max_wrong_credentials)
        if storage.siblings is not None:
            self.wrong.share(storage.siblings)
            self.accounts.attempts.share(storage.siblings)
            storage.siblings.answer(KEYS, self._know_keys)
        self._storage = storage
        self._running: list[asyncio.Task[None]] = []
        self.proxy_users: ProxyUsers | None = None
        if settings.proxy_user_header and settings.proxy_user_scopes:
            self.proxy_users = ProxyUsers(settings.proxy_user_scopes, limits)
        self.oidc: Oidc | None = None
        if self.is_on and settings.oidc_issuer:
            from modelport.identity.oidc.service import Oidc  # and with it PyJWT and httpx

            self.oidc = Oidc(settings, self.tokens, storage, verifying, limits)
            self.pages.verifiers.append(self.oidc.page_tokens)

    @property
    def database(self) -> Database:
        """The database. Raises `StoreUnavailable` with the reason if this server has none."""
        return self._storage.database

    @property
    def keys(self) -> KeyStore:
        """The keys of the database. Raises `StoreUnavailable` with the reason if this server has none."""
        return KeyStore(self.database)

    def begin(self) -> None:
        """Know who may come in, if there is a database, and the keys of the issuer of tokens."""
        if not self.is_on:
            return
        if self.oidc is not None:
            self.oidc.issuer.begin()
        self.look()

    def look(self) -> None:
        """Know who may come in, now that there is a database."""
        if not self.is_on:
            return
        with contextlib.suppress(StoreUnavailable):  # nobody is let in, as whoever asks is told
            database = self.database
            self._running = [
                asyncio.create_task(self.known.run(database)),
                asyncio.create_task(self._watch.run(database)),
            ]

    async def tell_keys(self) -> None:
        """Return once keys are, at each process of this server, what the database says."""
        await self._know_keys(b"")
        if self._storage.siblings is not None:
            await self._storage.siblings.ask(KEYS, seconds=LONG_SECONDS)

    async def _know_keys(self, _: bytes) -> bytes:
        if self.is_on:
            with contextlib.suppress(StoreUnavailable):
                await self.known.catch_up(self.database)
        return b""

    def open_answers(self, by: Principal) -> tuple[OpenAnswers, str] | None:
        """Where answers to somebody are entered, and under which name; `None` if nothing ends them."""
        if by.key:
            return self.known.open_answers, by.key
        return (self._watch.open_answers, by.session) if by.session else None

    async def invite(self, url: str) -> None:
        """Tell in the log by which link the first administrator is made, if nobody can come in yet.

        Where tokens of an issuer are taken, somebody can. `url` is where this server answers, with its base
        path; empty if that is not known.
        """
        try:
            token = await first_link.new_link(self.database) if self.is_on and self.oidc is None else None
        except StoreError as error:
            log.warning("it is not known now whether anybody can come in: %s", error)
            return
        if token is not None:
            log.warning(NOBODY, _first_way(url, token))

    async def stop(self) -> None:
        """Look for changes no longer."""
        running, self._running = self._running, []
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self.oidc is not None:
            await self.oidc.issuer.stop()


def _first_way(url: str, token: str) -> str:
    """A link for a browser; for a Unix socket, which no browser opens, a command."""
    if not url.startswith("unix://"):
        return f"{url}/v2/setup#{token}"
    socket, _, base_path = url.removeprefix("unix://").partition(":")
    body = f'{{"token": "{token}", "username": "NAME", "password": "PASSWORD"}}'
    return f"curl --unix-socket {socket} --json '{body}' http://localhost{base_path}/v2/setup"
