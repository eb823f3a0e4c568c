"""Logging in at an issuer: the authorization code flow with PKCE (OpenID Connect Core 3.1, RFC 7636, 9700).

What can go wrong, and what answers it:

- *A code of somebody else is slipped in* (a log-in that the browser has not begun), *or the answer of another
  issuer* (mix-up). The `state` that comes back must be the one in the cookie of the browser that began, the
  ID token must have its `nonce`, and `iss`, where it comes back, must be the issuer (RFC 9207).
- *A code is stolen.* It is worth nothing without the verifier in the cookie (S256 alone), and where the
  client has a secret, without that.
- *The browser is sent elsewhere with it.* The redirect URI is one, made of a setting and never of a request,
  but on this machine.
- *The ID token is of another client, log-in or issuer.* `verifier` looks at each.
- *What is told of a user is another's.* It must have the `sub` of the ID token (Core 5.3.2), and takes the
  place of nothing that this one says.
- *Secrets are logged.* Of an answer of the issuer that is an error only its code is, if it has that form.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote_plus, urlencode

from modelport.identity.oidc.attempt import Attempt, LoginFailed
from modelport.identity.oidc.fetching import IssuerFailed
from modelport.identity.oidc.issuer import AWAY, Doors, Issuer
from modelport.identity.oidc.verifier import OidcVerifier
from modelport.identity.tokens import Claims, InvalidToken, VerifierUnavailable

log = logging.getLogger("modelport.identity")

MAX_CODE = 4096
ERROR = re.compile(r"[a-z_]{1,60}")
NO_DOOR = "the issuer lets nobody log in: its document names no authorization_endpoint and token_endpoint"


class Client(NamedTuple):
    """What this server is to the issuer, and what it asks to be told of users."""

    id: str
    secret: str | None
    scopes: tuple[str, ...]


class Login:
    """Logs people in at an issuer."""

    def __init__(self, issuer: Issuer, verifier: OidcVerifier, client: Client):
        self._issuer = issuer
        self._verifier = verifier
        self._client = client

    async def begin(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser is sent. Raises `VerifierUnavailable`, and `LoginFailed` if nobody can log in."""
        doors = await self._issuer.doors()
        if not doors.authorization or not doors.token:
            raise LoginFailed(NO_DOOR)
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self._client.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        between = "&" if "?" in doors.authorization else "?"
        return f"{doors.authorization}{between}{urlencode(asked)}"

    async def finish(self, attempt: Attempt, told: Mapping[str, str], redirect_uri: str) -> Claims:
        """The claims of who has come back, with what the issuer has told the browser to say.

        Raises `LoginFailed`, and `VerifierUnavailable` if that cannot be told now.
        """
        doors = await self._issuer.doors()
        code = self._code_in(attempt, told, doors)
        answer = await self._exchange(code, attempt, redirect_uri, doors)
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str):
            raise LoginFailed("the issuer has sent no ID token")
        try:
            claims = await self._verifier.verify_id_token(id_token, self._client.id, attempt.nonce)
        except InvalidToken as error:
            raise LoginFailed(f"the ID token of the issuer is not valid: {error}") from None
        if doors.user and isinstance(access_token, str) and access_token.isascii():
            claims = {**await self._user(doors.user, access_token, claims.get("sub")), **claims}
        return claims

    async def end(self, back: str) -> str:
        """Where the browser is sent to log out at the issuer; empty if that has no such place."""
        doors = await self._issuer.doors()
        if not doors.end:
            return ""
        between = "&" if "?" in doors.end else "?"
        asked = {"client_id": self._client.id, "post_logout_redirect_uri": back}
        return f"{doors.end}{between}{urlencode(asked)}"

    def _code_in(self, attempt: Attempt, told: Mapping[str, str], doors: Doors) -> str:
        if not hmac.compare_digest(told.get("state", "").encode(), attempt.state.encode()):
            raise LoginFailed("this is the end of another log-in than this browser has begun last")
        names = told.get("iss")
        if names != self._issuer.name and (names is not None or doors.names_itself):
            raise LoginFailed("another issuer has answered")
        if "error" in told:
            error = told["error"] if ERROR.fullmatch(told["error"]) else "error"
            raise LoginFailed(f"the issuer has not let you in: {error}")
        code = told.get("code", "")
        if not 0 < len(code) <= MAX_CODE:
            raise LoginFailed("the issuer has sent no code")
        return code

    async def _exchange(self, code: str, attempt: Attempt, redirect_uri: str, doors: Doors) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers: dict[str, str] = {}
        client = self._client
        if client.secret is None or doors.secret_in_form:
            form["client_id"] = client.id
            form |= {"client_secret": client.secret} if client.secret is not None else {}
        else:  # RFC 6749, 2.3.1
            pair = f"{quote_plus(client.id)}:{quote_plus(client.secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        try:
            status, answer = await self._issuer.fetcher.post(doors.token, form, headers)
        except IssuerFailed as error:
            log.warning("the issuer %s cannot be used now: %s", self._issuer.name, error)
            raise VerifierUnavailable(AWAY) from None
        if status == 200:
            return answer
        error = answer.get("error")
        error = error if isinstance(error, str) and ERROR.fullmatch(error) else "error"
        log.warning("the issuer %s gives no token for a code: %d, %s", self._issuer.name, status, error)
        raise LoginFailed(f"the issuer gives no token for its code: {error}")

    async def _user(self, door: str, access_token: str, subject: Any) -> dict[str, Any]:
        """What the issuer tells of a user beside; nothing if it does not, or tells of another."""
        try:
            found = await self._issuer.fetcher.get(door, {"authorization": f"Bearer {access_token}"})
        except IssuerFailed as error:
            log.warning("the issuer %s tells nothing more of a user: %s", self._issuer.name, error)
            return {}
        return found if subject and found.get("sub") == subject else {}
