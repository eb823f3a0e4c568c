"""Logging in with a name and a password, and going on with the tokens that a server gives for them.

What can go wrong, and what answers it:

- *Several threads or tasks meet an old token.* A refresh token works once, and a second use ends its session:
  so one of them asks for the next token, and the others wait for it.
- *The session has ended*, for it is old, or something was taken from its user. Then the password is sent
  again, once, and the request too, where its body is there still; if that is refused, so is the call.
- *The password goes to somebody else.* It is sent to the address of the client alone, and no redirect from
  there is followed.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Generator
from time import monotonic

import anyio
import httpx
import msgspec

from modelport.client.errors import RequestRefused

EARLY_SECONDS = 30.0  # before a token expires, another one is asked for
PATH = "/v2/token"
OK, UNAUTHORIZED = 200, 401
UNREADABLE = "the server has answered a password or a refresh token with something that is no token"


class Token(msgspec.Struct):
    """What a server gives for a password or a refresh token; `expires_in` seconds."""

    access_token: str
    refresh_token: str
    expires_in: float


class _Refused(msgspec.Struct):
    detail: str = ""


class Login(httpx.Auth):
    """Sends each request with a token of this user, from the server at `base_url`."""

    def __init__(self, base_url: str, user: str, password: str):
        self._url = base_url + PATH
        self._password = {"grant_type": "password", "username": user, "password": password}
        self._token = ""
        self._refresh = ""
        self._old_at = float("-inf")
        self._lock = threading.Lock()
        self._turn = anyio.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The requests that are sent for one. Raises `RequestRefused` if the user may not come in."""
        for is_last in (False, True):
            with self._lock:
                while (asking := self._next(request)) is not None:
                    answer = yield asking
                    answer.read()
                    self._take(answer)
                token = self._token
            request.headers["authorization"] = f"Bearer {token}"
            response = yield request
            if is_last or not is_worth_another(request, response):
                return
            with self._lock:
                self._forget(token)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The same for a client that awaits."""
        for is_last in (False, True):
            async with self._turn:
                while (asking := self._next(request)) is not None:
                    answer = yield asking
                    await answer.aread()
                    self._take(answer)
                token = self._token
            request.headers["authorization"] = f"Bearer {token}"
            response = yield request
            if is_last or not is_worth_another(request, response):
                return
            async with self._turn:
                self._forget(token)

    def _next(self, request: httpx.Request) -> httpx.Request | None:
        """What to ask before the request can be sent; `None` if there is a token."""
        if self._token and monotonic() < self._old_at:
            return None
        renewing = {"grant_type": "refresh_token", "refresh_token": self._refresh}
        sent = renewing if self._refresh else self._password
        return httpx.Request("POST", self._url, data=sent, extensions=dict(request.extensions))

    def _take(self, answer: httpx.Response) -> None:
        """Keep the token of an answer. Raises `RequestRefused` if the password has been refused."""
        renewed, self._refresh, self._token = bool(self._refresh), "", ""
        if answer.status_code == OK:
            found = token_in(answer)
            self._token, self._refresh = found.access_token, found.refresh_token
            self._old_at = monotonic() + max(found.expires_in - EARLY_SECONDS, 1.0)
        elif not renewed:  # else the password is sent next
            raise RequestRefused(answer.status_code, _detail(answer), answer.headers.get("x-request-id", ""))

    def _forget(self, token: str) -> None:
        """This token is none any more, unless there is another one already."""
        if token == self._token:
            self._token = self._refresh = ""


def token_in(answer: httpx.Response) -> Token:
    """The token of an answer. Raises `RequestRefused` if it has none."""
    try:
        return msgspec.json.decode(answer.content, type=Token)
    except msgspec.DecodeError:
        raise RequestRefused(answer.status_code, UNREADABLE, "") from None


def is_worth_another(request: httpx.Request, response: httpx.Response) -> bool:
    """Whether the token was refused, and the body of the request is in memory, to be sent again."""
    return response.status_code == UNAUTHORIZED and isinstance(request.stream, httpx.ByteStream)


def _detail(answer: httpx.Response) -> str:
    try:
        return msgspec.json.decode(answer.content, type=_Refused).detail or str(answer.status_code)
    except msgspec.DecodeError:
        return f"{answer.status_code} {answer.reason_phrase}"
