"""Asking an issuer: over TLS or on this machine, within a time and a size, and following nobody elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from modelport.security.hosts import is_own_machine
from modelport.settings.values import wrong_secure_url

DEADLINE_SECONDS = 10.0
MAX_BYTES = 1 << 20
MAX_URL = 2048
CONNECTIONS = httpx.Limits(max_connections=8, max_keepalive_connections=2)


class IssuerFailed(Exception):
    """An issuer that gives no answer that can be used, in words for who runs the server."""


class Fetcher:
    """Asks one issuer, and those that it names, for JSON. `close` it at the end."""

    def __init__(self, issuer: str, deadline_seconds: float = DEADLINE_SECONDS):
        self._is_local = is_own_machine(urlsplit(issuer).hostname or "")
        self._deadline = deadline_seconds
        self._client: asyncio.Task[httpx.AsyncClient] | None = None

    def check(self, url: Any, what: str) -> str:
        """A URL that the issuer names, if secrets may go there. Raises `IssuerFailed`.

        Only an issuer on this machine can name others on this machine: to one elsewhere they are not its own.
        """
        if not isinstance(url, str) or len(url) > MAX_URL or wrong_secure_url(url):
            raise IssuerFailed(f"its {what} is no https URL")
        if not self._is_local and is_own_machine(urlsplit(url).hostname or ""):
            raise IssuerFailed(f"its {what} is on this machine, and the issuer is not")
        return url

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object at a URL. Raises `IssuerFailed`."""
        status, found = await self._ask("GET", url, headers or {}, None)
        if status != 200:
            raise IssuerFailed(f"{url} answers {status}")
        return found

    async def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON object of what is answered to a form. Raises `IssuerFailed`."""
        return await self._ask("POST", url, headers, form)

    async def close(self) -> None:
        """End the connections."""
        making, self._client = self._client, None
        if making is not None:
            with contextlib.suppress(OSError, ValueError):  # it could not be made
                await (await making).aclose()

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None
    ) -> tuple[int, dict[str, Any]]:
        asked = {"accept": "application/json", "accept-encoding": "identity", **headers}
        try:
            async with asyncio.timeout(self._deadline):
                client = await self._made()
                async with client.stream(method, url, headers=asked, data=form) as answer:
                    return answer.status_code, _object_of(await _body_of(answer))
        except TimeoutError:
            raise IssuerFailed(f"{url} gives no whole answer within {self._deadline:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise IssuerFailed(f"{url} cannot be asked: {type(error).__name__}: {error}") from None

    async def _made(self) -> httpx.AsyncClient:
        """The client, which reads the certificates of the system when it is made."""
        if self._client is None:
            self._client = asyncio.create_task(asyncio.to_thread(self._make))
        try:
            return await asyncio.shield(self._client)
        except (OSError, ValueError) as error:
            self._client = None
            raise IssuerFailed(f"the certificates that it is judged by cannot be read: {error}") from None

    def _make(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            timeout=self._deadline, limits=CONNECTIONS, follow_redirects=False, trust_env=not self._is_local
        )


async def _body_of(answer: httpx.Response) -> bytes:
    """What is sent, as it is sent: a packed body could be of any size."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise IssuerFailed(f"{answer.url} answers with a content coding that was not asked for")
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > MAX_BYTES:
            raise IssuerFailed(f"{answer.url} answers more than {MAX_BYTES} bytes")
    return bytes(body)


def _object_of(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer, empty if it is none: what the status says is told all the same."""
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
