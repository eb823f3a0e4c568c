"""What a server has of the issuer that its settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from modelport.identity.named_limits import NamedLimits
from modelport.identity.oidc.claims import Grants, principal_of
from modelport.identity.oidc.fetching import Fetcher
from modelport.identity.oidc.issuer import Issuer
from modelport.identity.oidc.login import Client, Login
from modelport.identity.oidc.pages import PageSession, PageTokens, begin, rules_of
from modelport.identity.oidc.verifier import OidcVerifier, Rules
from modelport.identity.signing_keys import VerifyingKeys
from modelport.identity.tokens import Claims, Tokens
from modelport.settings import Settings

if TYPE_CHECKING:
    from modelport.storage.service import Storage


class CommandClient(NamedTuple):
    """What commands are to the issuer, and what they ask it for."""

    issuer: str
    client_id: str
    scopes: list[str]


class Oidc:
    """The issuer, the verifier of its tokens, and logging in there, where the settings name a client.

    `tokens` are those that programs send; `page_tokens` verifies those of pages, with the `keys` of users.
    """

    def __init__(
        self,
        settings: Settings,
        tokens: Tokens,
        storage: Storage,
        keys: VerifyingKeys,
        limits: NamedLimits,
    ):
        name = settings.oidc_issuer or ""
        algorithms = frozenset(settings.oidc_algorithms)
        audiences = frozenset(settings.oidc_audience or [settings.oidc_client_id or ""])
        self._grants = Grants(settings.oidc_scopes)
        self._rules = rules_of(settings)
        self._storage = storage
        self.issuer = Issuer(name, algorithms, Fetcher(name), tokens.forget)
        verifier = OidcVerifier(self.issuer, Rules(audiences, algorithms, self._grants, limits))
        tokens.verifiers.append(verifier)
        self.page_tokens = PageTokens(storage, keys, self._rules, limits)
        command = settings.oidc_command_client_id
        self.command = CommandClient(name, command, settings.oidc_command_scopes) if command else None
        self.login: Login | None = None
        if settings.oidc_client_id is not None:
            secret, scopes = settings.oidc_client_secret, tuple(settings.oidc_login_scopes)
            self.login = Login(self.issuer, verifier, Client(settings.oidc_client_id, secret, scopes))

    async def begin_page(self, claims: Claims, address: str) -> PageSession:
        """The session of a page that somebody has logged in at with these claims, from an address.

        Raises `InvalidToken`, and the store's errors.
        """
        who = principal_of(self.issuer.name, claims, self._grants)
        return await begin(self._storage.database, who, self._rules, address)
