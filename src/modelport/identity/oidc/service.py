"""What a server has of the issuer that its settings name."""

from __future__ import annotations

from modelport.identity.oidc.claims import Grants
from modelport.identity.oidc.fetching import Fetcher
from modelport.identity.oidc.issuer import Issuer
from modelport.identity.oidc.verifier import OidcVerifier, Rules
from modelport.identity.tokens import Tokens
from modelport.settings import Settings


class Oidc:
    """The issuer and the verifier of its tokens, which it gives to `tokens`."""

    def __init__(self, settings: Settings, tokens: Tokens):
        name = settings.oidc_issuer or ""
        algorithms = frozenset(settings.oidc_algorithms)
        audiences = frozenset(settings.oidc_audience or [settings.oidc_client_id or ""])
        self.issuer = Issuer(name, algorithms, Fetcher(name), tokens.forget)
        self.verifier = OidcVerifier(self.issuer, Rules(audiences, algorithms, Grants(settings.oidc_scopes)))
        tokens.verifiers.append(self.verifier)
