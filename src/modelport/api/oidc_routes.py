"""`/v2/login/oidc`: people log in at an issuer, and come back with a session of the page.

What can go wrong, and what answers it:

- *A link leads over the log-in to a foreign page* (open redirect). `next` is a path of this server: one slash
  at its beginning, no backslash, which browsers read as one, and nothing that they leave out.
- *Another browser ends the log-in than has begun it*, or one that was made to (login CSRF). What was begun is
  in a cookie of the browser, for ten minutes, used once; with https no other host can set it (`__Host-`).
- *The issuer sends the browser to a name that a request has made up.* Where it comes back is `public_url`;
  without that only names of this machine are taken from a request.
- *The cookie of the session is not sent with the next page*, since the browser comes from another site and
  the cookie is `SameSite=Strict`. So the answer is a page of ours, which goes on by itself.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from modelport.api.answers import json_response
from modelport.api.cookies import HOST, cookie_of, of_port
from modelport.api.resources.users import CommandLogin, LoginWays
from modelport.http.asgi import Scope, header
from modelport.identity.oidc.attempt import Attempt, LoginFailed, new_attempt
from modelport.identity.service import Identity
from modelport.identity.tokens import InvalidToken, VerifierUnavailable
from modelport.problems import Problem
from modelport.security.hosts import is_own_machine, split_authority

if TYPE_CHECKING:
    from modelport.identity.oidc.login import Login
    from modelport.identity.oidc.service import Oidc

BEGIN, CALLBACK, END = "/v2/login/oidc", "/v2/login/oidc/callback", "/v2/logout/oidc"
COOKIE = "modelport_login"
COOKIE_SECONDS = 600
MAX_COOKIE = 4096
MAX_NEXT = 1024
NEXT = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # printable ASCII without a space or a backslash
NO_URL = (
    "this server does not know where people reach it, and so where the issuer is to send them back: set "
    "public_url"
)
NO_ISSUER = "nobody logs in at an issuer here: the server has no oidc_client_id"
NO_END = "the issuer has no page to log out at: its document names no end_session_endpoint"
BEGIN_AGAIN = (
    "this log-in was begun in another browser, more than ten minutes ago, or has ended: begin again at"
)
HEADERS = {
    "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class _Begun(msgspec.Struct, forbid_unknown_fields=True):
    """What the cookie of a log-in has."""

    state: str
    nonce: str
    verifier: str
    next: str


class OidcRoutes:
    """The handlers, one method a resource. `public_url` is where people reach the server, if it is known."""

    def __init__(self, identity: Identity, public_url: str | None, base_path: str):
        self._identity = identity
        self._public_url = public_url
        self._base_path = base_path

    async def ways(self, request: Request) -> Response:
        """`GET /v2/login`: how people log in here, for a page that asks them to."""
        oidc = self._identity.oidc
        issuer = oidc.issuer.name if oidc is not None and oidc.login is not None else None
        if issuer is not None and not self._knows_origin(request.scope):
            issuer = None  # it could not send them back
        command = oidc.command if oidc is not None else None
        told = None if command is None else CommandLogin(command.issuer, command.client_id, command.scopes)
        return json_response(LoginWays(password=self._identity.is_on, issuer=issuer, command=told))

    async def begin(self, request: Request) -> Response:
        """`GET /v2/login/oidc?next`: send the browser to the issuer."""
        there = request.query_params.get("next", self._base_path or "/")
        if len(there) > MAX_NEXT or not NEXT.fullmatch(there):
            raise Problem(422, "next: a path of this server, which begins with one slash")
        _, login = self._issuer()
        attempt, origin = new_attempt(), self._origin(request.scope)
        try:
            url = await login.begin(attempt, self._redirect_uri(origin))
        except LoginFailed as error:
            raise Problem(501, str(error)) from None
        except VerifierUnavailable as error:
            raise _away(error) from None
        begun = _Begun(attempt.state, attempt.nonce, attempt.verifier, there)
        value = base64.urlsafe_b64encode(msgspec.json.encode(begun)).decode()
        name = _cookie_name(origin, request.scope)
        return _sent_to(url, [("set-cookie", _cookie(name, value, COOKIE_SECONDS))])

    async def callback(self, request: Request) -> Response:
        """`GET /v2/login/oidc/callback`: the browser comes back from the issuer."""
        self._issuer()
        origin = self._origin(request.scope)
        name = _cookie_name(origin, request.scope)
        begun = _begun_in(request.cookies.get(name, ""))
        gone = ("set-cookie", _cookie(name, "", 0))
        try:
            if begun is None:
                raise Problem(400, f"{BEGIN_AGAIN} {self._base_path}{BEGIN}")
            cookie = await self._session(request, begun, origin)
        except Problem as problem:
            problem.headers.append(gone)
            raise
        answer = _page_to(begun.next)
        for name, value in (gone, ("set-cookie", cookie)):
            answer.headers.append(name, value)
        return answer

    async def end(self, request: Request) -> Response:
        """`GET /v2/logout/oidc`: log out at the issuer, too. The session of the page `/v2/logout` ends."""
        _, login = self._issuer()
        try:
            url = await login.end(self._origin(request.scope) + (self._base_path or "/"))
        except VerifierUnavailable as error:
            raise _away(error) from None
        if not url:
            raise Problem(501, NO_END)
        return _sent_to(url)

    async def _session(self, request: Request, begun: _Begun, origin: str) -> str:
        """The cookie of the session of who has come back."""
        oidc, login = self._issuer()
        attempt = Attempt(begun.state, begun.nonce, begun.verifier)
        client = request.scope.get("client")
        told = request.query_params
        try:
            if len(told.multi_items()) > len(told):
                raise LoginFailed("the issuer has sent something twice")
            claims = await login.finish(attempt, told, self._redirect_uri(origin))
            session = await oidc.begin_page(claims, str(client[0]) if client else "")
        except (LoginFailed, InvalidToken) as error:
            again = f"begin again at {self._base_path}{BEGIN}"
            raise Problem(400, f"you are not logged in: {error}; {again}") from None
        except VerifierUnavailable as error:
            raise _away(error) from None
        as_reached = {**request.scope, "scheme": origin.partition(":")[0]}
        return cookie_of(as_reached, session.token, session.expires_at, self._base_path)

    def _issuer(self) -> tuple[Oidc, Login]:
        oidc = self._identity.oidc
        if oidc is None or oidc.login is None:
            raise Problem(404, NO_ISSUER)
        return oidc, oidc.login

    def _redirect_uri(self, origin: str) -> str:
        return f"{origin}{self._base_path}{CALLBACK}"

    def _knows_origin(self, scope: Scope) -> bool:
        """Whether it is known where people reach this server."""
        if self._public_url is not None:
            return True
        place = split_authority(header(scope, b"host"))
        return place is not None and is_own_machine(place[0].strip("[]"))

    def _origin(self, scope: Scope) -> str:
        """Where people reach this server. Raises `Problem` 503 if that is not known."""
        if not self._knows_origin(scope):
            raise Problem(503, NO_URL)
        if self._public_url is not None:
            return self._public_url.rstrip("/")
        return f"{scope['scheme']}://{header(scope, b'host')}"


def _away(error: VerifierUnavailable) -> Problem:
    return Problem(503, str(error), [("Retry-After", "5")])


def _sent_to(url: str, headers: Iterable[tuple[str, str]] = ()) -> Response:
    return Response(status_code=303, headers={"location": url, **HEADERS, **dict(headers)})


def _page_to(path: str) -> Response:
    """A page that goes on to another of this server."""
    there = escape(path)
    return HTMLResponse(
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={there}">'
        f'<title>Logged in</title><p>You are logged in. <a href="{there}">Go on</a></p>\n',
        headers=HEADERS,
    )


def _cookie_name(origin: str, scope: Scope) -> str:
    return (HOST if origin.startswith("https:") else "") + of_port(COOKIE, scope)


def _cookie(name: str, value: str, seconds: int) -> str:
    secure = "; Secure" if name.startswith(HOST) else ""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def _begun_in(cookie: str) -> _Begun | None:
    """The log-in that a browser has begun; `None` if there is none that can be read."""
    if not 0 < len(cookie) <= MAX_COOKIE:
        return None
    try:
        begun = msgspec.json.decode(base64.urlsafe_b64decode(cookie), type=_Begun)
    except (ValueError, msgspec.DecodeError):
        return None
    is_whole = begun.state and begun.nonce and begun.verifier and NEXT.fullmatch(begun.next)
    return begun if is_whole else None
