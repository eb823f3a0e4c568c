"""An issuer of tokens, as a program asks it that has no secret: RFC 8252, with PKCE.

What can go wrong, and what answers it:

- *The document of the issuer names another one, or a door in the clear.* It is not used (OpenID Connect
  Discovery 4.3), and neither is a door on this machine that an issuer elsewhere names.
- *A code is stolen on its way.* It is worth nothing without the verifier, which this process alone has.
- *The issuer is slow, or sends too much.* An answer has a deadline and a size.
- *Secrets are told.* Of an answer that is an error only its code is, if it has that form.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from time import monotonic, time
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

import httpx
import msgspec

from modelport.client.errors import ConnectionFailed, RequestRefused
from modelport.client.login import EARLY_SECONDS, OK
from modelport.client.login_files import Kept
from modelport.variables import CA_FILE

DEADLINE_SECONDS = 10.0
MAX_BYTES = 1 << 20
MAX_URL = 2048
WELL_KNOWN = "/.well-known/openid-configuration"
ERROR = re.compile(r"[a-z_]{1,60}")
NEVER = 1e11  # seconds of the epoch: when a token grows old of which the issuer does not say that
ENDED = "invalid_grant"  # what is said of a refresh token that is none


class Doors(NamedTuple):
    """Where an issuer is asked for what; `revocation` may be empty. Whether it `names_itself` to browsers."""

    authorization: str
    token: str
    revocation: str
    names_itself: bool


class Attempt(NamedTuple):
    """What one log-in is known by, and the secret that its code is worth something with."""

    state: str
    verifier: str


class IssuerRefused(RequestRefused):
    """An issuer has refused something. `error` is its code (RFC 6749, 5.2)."""

    def __init__(self, issuer: str, status: int, error: str):
        self.error = error
        super().__init__(status, f"the issuer {issuer} refuses: {error}")


def new_attempt() -> Attempt:
    """One with secrets that nobody has."""
    return Attempt(secrets.token_urlsafe(32), secrets.token_urlsafe(48))


class Issuer:
    """The issuer of this name. Its methods block; they raise `ConnectionFailed` and `IssuerRefused`."""

    def __init__(self, name: str, client_id: str):
        self.name = name
        self.client_id = client_id
        self._is_here = _is_here(_host_of(name))

    def doors(self) -> Doors:
        """Where it is asked for what."""
        if _host_of(self.name) is None:
            raise ConnectionFailed(f"the server names an issuer that is none: {self.name[:200]!r}")
        self._check(self.name, "name")
        status, found = self._ask("GET", self.name.rstrip("/") + WELL_KNOWN)
        if status != OK:
            raise ConnectionFailed(f"the issuer {self.name} has no document of itself: it answers {status}")
        if found.get("issuer") != self.name:
            raise ConnectionFailed(f"the issuer {self.name} calls itself otherwise in its document")
        methods = found.get("code_challenge_methods_supported")
        if isinstance(methods, list) and "S256" not in methods:
            raise ConnectionFailed(f"the issuer {self.name} does not take PKCE with S256, which this needs")
        revocation = found.get("revocation_endpoint")
        return Doors(
            self._check(found.get("authorization_endpoint"), "authorization_endpoint"),
            self._check(found.get("token_endpoint"), "token_endpoint"),
            self._check(revocation, "revocation_endpoint") if revocation else "",
            found.get("authorization_response_iss_parameter_supported") is True,
        )

    def page(self, doors: Doors, attempt: Attempt, redirect_uri: str, scopes: list[str]) -> str:
        """Where a browser logs in."""
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": attempt.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{doors.authorization}{'&' if '?' in doors.authorization else '?'}{urlencode(asked)}"

    def exchange(self, doors: Doors, attempt: Attempt, redirect_uri: str, code: str) -> Kept:
        """What a code is worth; `url` and `user` of what is returned are empty."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return self._tokens(doors, form | {"code_verifier": attempt.verifier}, "")

    def renew(self, kept: Kept) -> Kept:
        """What is to be kept in place of this, whose token has grown old."""
        form = {"grant_type": "refresh_token", "refresh_token": kept.refresh_token}
        made = self._tokens(self.doors(), form, kept.refresh_token)
        return msgspec.structs.replace(made, url=kept.url, user=kept.user)

    def revoke(self, refresh_token: str) -> bool:
        """Have a refresh token end (RFC 7009). Whether the issuer has said that it does."""
        door = self.doors().revocation
        if not door:
            return False
        form = {"token": refresh_token, "token_type_hint": "refresh_token", "client_id": self.client_id}
        return self._ask("POST", door, form)[0] == OK

    def _tokens(self, doors: Doors, form: Mapping[str, str], refresh_token: str) -> Kept:
        status, found = self._ask("POST", doors.token, {**form, "client_id": self.client_id})
        if status != OK:
            error = found.get("error")
            is_code = isinstance(error, str) and ERROR.fullmatch(error)
            raise IssuerRefused(self.name, status, str(error) if is_code else f"HTTP {status}")
        token, lasts = found.get("access_token"), found.get("expires_in")
        refresh_token = _text(found.get("refresh_token")) or refresh_token
        if not _text(token):
            raise ConnectionFailed(f"the issuer {self.name} has answered without an access token")
        old_at = NEVER
        with suppress(TypeError, ValueError, OverflowError):
            old_at = time() + max(float(cast("Any", lasts)) - EARLY_SECONDS, 1.0)
        return Kept("", _text(token), "", refresh_token, min(old_at, NEVER), self.name, self.client_id)

    def _check(self, url: Any, what: str) -> str:
        """A URL that secrets may go to. Raises `ConnectionFailed`."""
        host = _host_of(url)
        is_here = _is_here(host)
        if host is None or not (str(url).startswith("https://") or is_here):
            raise ConnectionFailed(f"the {what} of the issuer {self.name} is no https URL")
        if is_here and not self._is_here:
            raise ConnectionFailed(f"the {what} of the issuer {self.name} is on this machine, and it is not")
        return str(url)

    def _ask(
        self, method: str, url: str, form: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of an answer; an empty one of what is none."""
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        try:
            with (
                httpx.Client(
                    verify=_trusted(), timeout=DEADLINE_SECONDS, trust_env=not self._is_here
                ) as http,
                http.stream(method, url, headers=headers, data=form) as answer,
            ):
                body, ends = bytearray(), monotonic() + DEADLINE_SECONDS
                for piece in answer.iter_raw():
                    body += piece
                    if len(body) > MAX_BYTES or monotonic() > ends:
                        raise ConnectionFailed(f"the issuer {self.name} is slow, or answers too much")
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            if isinstance(error, ConnectionFailed):
                raise
            raise ConnectionFailed(f"the issuer {self.name} cannot be asked now: {error}") from error
        with suppress(msgspec.DecodeError):
            return status, msgspec.json.decode(body, type=dict[str, Any])
        return status, {}


def _trusted() -> Any:
    """What TLS is spoken with: the authorities of httpx, and those of MODELPORT_CA_FILE beside them."""
    context = httpx.create_ssl_context()
    file = os.environ.get(CA_FILE)
    if file:
        is_folder = Path(file).is_dir()
        context.load_verify_locations(None if is_folder else file, file if is_folder else None)
    return context


def _host_of(url: Any) -> str | None:
    """The host in a URL of the web that can be shown and has no user; `None` if it is none."""
    if not isinstance(url, str) or not (url.isascii() and url.isprintable()) or len(url) > MAX_URL:
        return None
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    is_of_web = parts.scheme in ("http", "https") and not parts.userinfo and " " not in url
    return parts.host if is_of_web and parts.host else None


def _is_here(host: str | None) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value.isascii() and value.isprintable() else ""
