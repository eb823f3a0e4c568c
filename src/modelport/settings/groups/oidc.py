"""Tokens of another issuer, and logging in there."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting
from modelport.settings.grants import wrong_grants
from modelport.settings.values import wrong_algorithms, wrong_issuer, wrong_public_url


@dataclass(frozen=True, kw_only=True)
class OidcSettings:
    """Tokens of another issuer, and logging in there."""

    oidc_issuer: str | None = setting(
        None,
        "with auth on: who issues the tokens that are taken, as it names itself (https://…); its keys are "
        "found by OpenID Connect Discovery",
        wrong=wrong_issuer,
        heading="Tokens of another issuer",
    )
    oidc_audience: list[str] = setting(
        [], "what tokens must be meant for, one of these in their aud; oidc_client_id if there are none"
    )
    oidc_scopes: dict[str, str] = setting(
        {},
        "what claims of a token allow, as CLAIM:VALUE=SCOPES [on MODELS]: groups:lab=predict read on iris; "
        "*=predict is for everybody whom the issuer knows",
        wrong=wrong_grants,
        names_have_equals=True,
    )
    oidc_algorithms: list[str] = setting(
        ["RS256", "PS256", "ES256", "EdDSA"],
        "how tokens may be signed, beside these RS384, RS512, PS384, PS512, ES384, ES512",
        wrong=wrong_algorithms,
    )
    oidc_client_id: str | None = setting(
        None, "what the issuer calls this server; with it people log in at /v2/login/oidc"
    )
    oidc_client_secret: str | None = setting(
        None, "the secret of that client, where the issuer wants one", secret=True
    )
    oidc_login_scopes: list[str] = setting(
        ["openid", "profile", "email"], "what the issuer is asked to tell of who logs in, openid among it"
    )
    oidc_command_client_id: str | None = setting(
        None,
        "what the issuer calls `modelport login --sso`: a client without a secret, whose redirect URI is "
        "http://127.0.0.1/callback at any port",
    )
    oidc_command_scopes: list[str] = setting(
        ["openid", "profile", "email"],
        "what the issuer is asked for by that; with offline_access some give what tokens are renewed with",
    )
    public_url: str | None = setting(
        None,
        "where people reach this server, such as https://models.example.org; the issuer sends them back "
        "there. Without it they log in on this machine only",
        wrong=wrong_public_url,
    )
