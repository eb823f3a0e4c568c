"""Going on with the token that `modelport login` has kept, also where several programs do it at once.

What can go wrong, and what answers it:

- *Two commands find the same old token.* A refresh token works once, and a second use ends its session. So
  who renews it has the turn of its file, reads the file then, and has written it before the turn ends; the
  other one finds the new token there, and asks for none.
- *A program that runs for days has a token that others have renewed.* It reads the file before it asks for
  another one.
- *The user has logged out, or the session has ended.* Then what is asked fails, and says how to log in again.
  What is kept stays: to forget it is the user's to say.
- *A program ends between the answer to a refresh token and the file.* Then the session is lost, nothing else.
- *The token goes to somebody else.* As with a password, it is sent to the address of the client alone. One of
  an issuer is renewed there, on a connection of its own: what a client trusts is for the server.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from time import time

import anyio
import httpx

from modelport.client.errors import RequestRefused
from modelport.client.exchange import error_of
from modelport.client.issuers import ENDED, Issuer, IssuerRefused
from modelport.client.login import EARLY_SECONDS, OK, PATH, UNAUTHORIZED, is_worth_another, token_in
from modelport.client.login_files import Kept, LoginFile

BAD_REQUEST = 400  # what OAuth 2.0 has for a refresh token that is none


class KeptLogin(httpx.Auth):
    """Sends each request with the token that is kept in `file`, of the server at `base_url`."""

    def __init__(self, base_url: str, file: LoginFile, kept: Kept):
        self._url = base_url + PATH
        self._file = file
        self._kept = kept

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The requests that are sent for one. Raises `ModelportError` if the log-in has ended."""
        refused = ""
        for is_last in (False, True):
            if not self._is_good(self._kept, refused):
                with self._file.turn():
                    if self._has_to_ask(refused):
                        answer = yield self._asking(request)
                        answer.read()
                        self._take(answer)
            refused = self._kept.token
            request.headers["authorization"] = f"Bearer {refused}"
            response = yield request
            if is_last or not is_worth_another(request, response):
                return

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """The same for a client that awaits."""
        refused = ""
        for is_last in (False, True):
            if not self._is_good(self._kept, refused):
                async with self._file.awaited_turn():
                    if await anyio.to_thread.run_sync(self._has_to_ask, refused):
                        answer = yield self._asking(request)
                        await answer.aread()
                        await anyio.to_thread.run_sync(self._take, answer)
            refused = self._kept.token
            request.headers["authorization"] = f"Bearer {refused}"
            response = yield request
            if is_last or not is_worth_another(request, response):
                return

    def _is_good(self, kept: Kept, refused: str) -> bool:
        is_old = bool(kept.refresh_token or kept.issuer) and time() >= kept.old_at
        return kept.token != refused and not is_old

    def _has_to_ask(self, refused: str) -> bool:
        """Whether what is kept now must be renewed by the server. Raises `RequestRefused` if it cannot be.

        What must be renewed by an issuer is so when this returns: it blocks.
        """
        kept = self._file.read()
        if kept is None:
            raise RequestRefused(UNAUTHORIZED, f"{self._file.url} was logged out of: {self._how()}")
        self._kept = kept
        if self._is_good(kept, refused):
            return False
        if not kept.refresh_token and kept.issuer:
            raise self._ended()
        if not kept.refresh_token:
            raise RequestRefused(UNAUTHORIZED, f"the key kept for {self._file.url} is refused: {self._how()}")
        if kept.issuer:
            self._renew_there()
            return False
        return True

    def _asking(self, request: httpx.Request) -> httpx.Request:
        sent = {"grant_type": "refresh_token", "refresh_token": self._kept.refresh_token}
        return httpx.Request("POST", self._url, data=sent, extensions=dict(request.extensions))

    def _take(self, answer: httpx.Response) -> None:
        """Keep the token of an answer."""
        if answer.status_code == BAD_REQUEST:
            raise self._ended(answer.headers.get("x-request-id", ""))
        if answer.status_code != OK:
            raise error_of(answer)
        self._kept = kept_of(answer, self._file.url, self._kept.user)
        self._file.write(self._kept)

    def _renew_there(self) -> None:
        """Keep a new token of the issuer."""
        try:
            self._kept = Issuer(self._kept.issuer, self._kept.client_id).renew(self._kept)
        except IssuerRefused as error:
            raise self._ended() if error.error == ENDED else error from None
        self._file.write(self._kept)

    def _ended(self, request_id: str = "") -> RequestRefused:
        return RequestRefused(
            UNAUTHORIZED, f"the log-in at {self._file.url} has ended: {self._how()}", request_id
        )

    def _how(self) -> str:
        way = " --sso" if self._kept.issuer else ""
        return f"log in with `modelport login {self._file.url}{way}`"


def kept_of(answer: httpx.Response, url: str, user: str) -> Kept:
    """What is kept of an answer that has a token. Raises `RequestRefused` if it has none."""
    found = token_in(answer)
    old_at = time() + max(found.expires_in - EARLY_SECONDS, 1.0)
    return Kept(url, found.access_token, user, found.refresh_token, old_at)
