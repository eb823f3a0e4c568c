"""Connections to hosts that a client names: looked up once, checked, pinned to what was checked.

A name is looked up once, and every answer must be allowed; the connection goes to a checked address and
is checked again once it stands. Nothing of the environment (proxies, .netrc) takes part.

httpcore is used without httpx on top of it: it has no redirects, proxies, cookies or unbounded decoders
that would have to be turned off.
"""

from __future__ import annotations

import functools
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import cast

import anyio
import anyio.to_thread
import httpcore
from anyio.lowlevel import RunVar

from modelport.security.addresses import IPAddress
from modelport.security.urls import FetchUrl, UrlFetchFailed, UrlNotAllowed

CONNECT_TIMEOUT_S = 10.0  # for one address and for the TLS handshake; the total deadline rules all

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to its addresses, as text; raises `OSError` when there are none."""

NETWORK_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    ssl.SSLError,  # from a broken record after the handshake
)

# Look-ups of a slow name server must not use up the threads that the server reads files with.
_lookup_threads: RunVar[anyio.CapacityLimiter] = RunVar("modelport_lookup_threads")


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver knows for a name."""
    try:
        limiter = _lookup_threads.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(16)
        _lookup_threads.set(limiter)
    look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    answers = await anyio.to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=limiter)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


async def checked_addresses(
    url: FetchUrl, allowed: Callable[[IPAddress], bool], resolve: Resolve
) -> list[IPAddress]:
    """The addresses of a URL's host: all of them allowed, or `UrlNotAllowed`."""
    if url.address is not None:
        addresses: list[IPAddress] = [url.address]
    else:
        try:
            addresses = [ip_address(answer) for answer in await resolve(url.host, url.port)]
        except (OSError, ValueError) as error:
            raise UrlFetchFailed(f"{url.host} has no address: {error}") from None
    for address in addresses:
        if not allowed(address):
            raise UrlNotAllowed(f"{url.host} is at {address}")
    return addresses


class _PinnedBackend(httpcore.AsyncNetworkBackend):
    """Connects to one of the checked addresses, whatever host it is asked for."""

    def __init__(self, addresses: Sequence[IPAddress]):
        self._addresses = addresses
        self._network = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())
        self._stream: httpcore.AsyncNetworkStream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """The first address that answers, with the other end of the connection checked."""
        failure: Exception = httpcore.ConnectError("no address")
        for address in self._addresses:
            try:
                stream = await self._network.connect_tcp(str(address), port, timeout=timeout)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            self._stream = stream
            peer = stream.get_extra_info("server_addr")  # getpeername(); nothing has been sent yet
            if peer is None or ip_address(peer[0]) != address:
                raise UrlNotAllowed(f"connected to {peer}, not to {address}")
            return stream
        raise failure

    async def aclose(self) -> None:
        """Close what was opened: httpcore leaves the socket open if it is cancelled in the handshake."""
        if self._stream is not None:
            with anyio.CancelScope(shield=True):
                await self._stream.aclose()


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Verifies names and chains against certifi, or the operator's own `SSL_CERT_FILE`."""
    import httpx  # only https needs it, for this one function

    return httpx.create_ssl_context()


@asynccontextmanager
async def opened(
    url: FetchUrl,
    addresses: Sequence[IPAddress],
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    content: bytes | None = None,
) -> AsyncGenerator[httpcore.Response, None]:
    """The response to a request for `url` from one of `addresses`, on a connection of its own.

    `headers` come after those that every request has. Network errors become `UrlFetchFailed`.
    """
    tls = await anyio.to_thread.run_sync(tls_context) if url.scheme == "https" else None
    backend = _PinnedBackend(addresses)
    origin = httpcore.Origin(url.scheme.encode(), url.host.encode(), url.port)
    connection = httpcore.AsyncHTTPConnection(origin, ssl_context=tls, network_backend=backend)
    address = httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target)
    sent = [
        ("Host", url.authority),
        ("User-Agent", "modelport"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
        *headers,
    ]
    timeouts = {"timeout": {"connect": CONNECT_TIMEOUT_S}}
    try:
        async with connection.stream(
            method, address, headers=sent, content=content, extensions=timeouts
        ) as response:
            yield response
    except NETWORK_ERRORS as error:
        raise UrlFetchFailed(f"{url.authority}: {type(error).__name__} {error}") from error
    finally:
        await backend.aclose()
