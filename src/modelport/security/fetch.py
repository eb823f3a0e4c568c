"""The one way modelport fetches a URL that a client names.

A client's URL is a request that *our* host makes, with our place in the network. So: the URL is parsed
once, strictly; its name is looked up once, and every answer must be public; the connection goes to a
checked address and is checked again once it stands; each redirect starts over. Nothing of the
environment (proxies, .netrc) takes part, and bytes, time and hops are bounded.

httpcore is used without httpx on top of it: it has no redirects, proxies, cookies or unbounded decoders
that would have to be turned off.
"""

from __future__ import annotations

import functools
import re
import socket
import ssl
import unicodedata
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self, cast
from urllib.parse import unquote, urljoin

import anyio
import anyio.to_thread
import httpcore
from anyio.lowlevel import RunVar, checkpoint

from modelport.security.addresses import IPAddress, is_public_address
from modelport.security.urls import (
    FetchUrl,
    UrlError,
    UrlFetchFailed,
    UrlNotAllowed,
    check_url,
    refuse_odd_characters,
)

__all__ = [
    "FetchLimits",
    "FetchedFile",
    "UrlError",
    "UrlFetchFailed",
    "UrlNotAllowed",
    "check_url",
    "fetch_to_file",
    "fetch_to_file_sync",
]

CONNECT_TIMEOUT_S = 10.0  # for one address and for the TLS handshake; the total deadline rules all
BLOCK = 64 * 1024

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host name and a port to its addresses, as text; raises `OSError` when there are none."""


@dataclass(frozen=True)
class FetchLimits:
    """What one fetch may cost. `max_bytes` counts decoded bytes; the deadline is for all hops together."""

    max_bytes: int
    total_deadline_s: float = 30.0
    max_redirects: int = 3
    allowed_ports: frozenset[int] = frozenset({80, 443})
    allow_addresses: Callable[[IPAddress], bool] = is_public_address


@dataclass(frozen=True)
class FetchedFile:
    """A fetched file. `content_type` and `filename` are the server's claims, cleaned but not checked."""

    path: Path
    content_type: str
    size: int
    filename: str


# --- the connection --------------------------------------------------------------------------------

# Look-ups of a slow name server must not use up the threads that the server reads files with.
_lookup_threads: RunVar[anyio.CapacityLimiter] = RunVar("modelport_lookup_threads")


async def _system_resolve(host: str, port: int) -> Sequence[str]:
    try:
        limiter = _lookup_threads.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(16)
        _lookup_threads.set(limiter)
    look_up = functools.partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    answers = await anyio.to_thread.run_sync(look_up, abandon_on_cancel=True, limiter=limiter)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


async def _checked_addresses(url: FetchUrl, limits: FetchLimits, resolve: Resolve) -> list[IPAddress]:
    """The addresses of a URL's host: all of them allowed, or `UrlNotAllowed`."""
    if url.address is not None:
        addresses: list[IPAddress] = [url.address]
    else:
        try:
            addresses = [ip_address(answer) for answer in await resolve(url.host, url.port)]
        except (OSError, ValueError) as error:
            raise UrlFetchFailed(f"{url.host} has no address: {error}") from None
    for address in addresses:
        if not limits.allow_addresses(address):
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
def _tls_context() -> ssl.SSLContext:
    """Verifies names and chains against certifi, or the operator's own `SSL_CERT_FILE`."""
    import httpx  # only https needs it, for this one function

    return httpx.create_ssl_context()


_NETWORK_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    ssl.SSLError,  # from a broken record after the handshake
)


@asynccontextmanager
async def _opened(url: FetchUrl, addresses: Sequence[IPAddress]) -> AsyncGenerator[httpcore.Response, None]:
    """The response to a GET of `url` from one of `addresses`, on a connection of its own."""
    tls = await anyio.to_thread.run_sync(_tls_context) if url.scheme == "https" else None
    backend = _PinnedBackend(addresses)
    origin = httpcore.Origin(url.scheme.encode(), url.host.encode(), url.port)
    connection = httpcore.AsyncHTTPConnection(origin, ssl_context=tls, network_backend=backend)
    address = httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target)
    headers = [
        ("Host", url.authority),
        ("User-Agent", "modelport"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    timeouts = {"timeout": {"connect": CONNECT_TIMEOUT_S}}
    try:
        async with connection.stream("GET", address, headers=headers, extensions=timeouts) as response:
            yield response
    except _NETWORK_ERRORS as error:
        raise UrlFetchFailed(f"{url.authority}: {type(error).__name__} {error}") from error
    finally:
        await backend.aclose()


# --- the file --------------------------------------------------------------------------------------


class _Spool:
    """The file as it arrives: decoded, counted, and gone again unless it was finished."""

    def __init__(self, path: Path, max_bytes: int, coding: str):
        if coding not in ("", "identity", "gzip", "x-gzip"):
            raise UrlFetchFailed(f"Content-Encoding {coding!r}")
        self.path = path
        self.size = 0
        self._max_bytes = max_bytes
        self._inflate = zlib.decompressobj(31) if "gzip" in coding else None

    def __enter__(self) -> Self:
        self._file = self.path.open("xb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        finally:
            if kind is not None:
                self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Blocking: call it in a thread."""
        try:
            for piece in self._decoded(data):
                self.size += len(piece)
                if self.size > self._max_bytes:
                    raise UrlFetchFailed(f"more than {self._max_bytes} bytes")
                self._file.write(piece)
        except zlib.error as error:
            raise UrlFetchFailed(f"broken gzip: {error}") from None

    def finish(self, data: bytes) -> None:
        """Write the last bytes; raises `UrlFetchFailed` if the stream was cut. Blocking."""
        self.write(data)
        if self._inflate is not None and not self._inflate.eof:
            raise UrlFetchFailed("gzip stream was cut")
        self._file.flush()

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        """`data` without its coding, in pieces of bounded size whatever the ratio."""
        if self._inflate is None:
            yield data
            return
        while data:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(31)  # a gzip stream may have several members
            yield self._inflate.decompress(data, BLOCK)
            data = self._inflate.unconsumed_tail or self._inflate.unused_data


async def _save(response: httpcore.Response, path: Path, limits: FetchLimits) -> int:
    """Stream the body into a new file at `path`; the number of decoded bytes."""
    declared = _header(response, b"content-length")
    if declared.isdigit() and int(declared) > limits.max_bytes:
        raise UrlFetchFailed(f"declares {declared} bytes")
    with _Spool(path, limits.max_bytes, _header(response, b"content-encoding").lower()) as spool:
        waiting = bytearray()
        async for chunk in response.aiter_stream():
            waiting += chunk
            if len(waiting) >= BLOCK:
                await anyio.to_thread.run_sync(spool.write, bytes(waiting))
                waiting.clear()
            await checkpoint()  # one read may hold thousands of tiny chunks: let others run
        await anyio.to_thread.run_sync(spool.finish, bytes(waiting))
        return spool.size


def _header(response: httpcore.Response, name: bytes) -> str:
    """A response header as text, empty if absent; one that came twice reads as a list."""
    values = [value for key, value in response.headers if key.lower() == name]
    return b", ".join(values).decode("utf-8", "replace").strip()


_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")
_FILENAME = re.compile(r"(?:^|;)[ \t]*filename[ \t]*=[ \t]*(?:\"([^\"]*)\"|([^;\" \t]+))", re.IGNORECASE)


def _media_type(response: httpcore.Response) -> str:
    """The media type that the server claims, in lower case and without parameters."""
    claimed = _header(response, b"content-type").partition(";")[0].strip()
    return claimed.lower() if _MEDIA_TYPE.fullmatch(claimed) else "application/octet-stream"


def _filename(response: httpcore.Response, url: FetchUrl) -> str:
    """A name to show, and to take the suffix from: the server's, else the last part of the URL."""
    found = _FILENAME.search(_header(response, b"content-disposition")[:1024])
    given = (found[1] or found[2] or "") if found else ""
    return _plain_name(given) or _plain_name(unquote(url.target.partition("?")[0])) or "download"


def _plain_name(text: str) -> str:
    """`text` without folders, control and format characters, and at most 255 bytes; it may be empty."""
    name = text.replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in name if not unicodedata.category(c).startswith("C"))
    cut = name.encode("utf-8")[-255:]  # the end, for its suffix
    return cut.decode("utf-8", "ignore").strip(" .")


# --- the fetch -------------------------------------------------------------------------------------

_REDIRECTS = (301, 302, 303, 307, 308)


def _redirect_target(url: FetchUrl, response: httpcore.Response, limits: FetchLimits) -> FetchUrl:
    """Where a redirect leads, checked like the first URL; never from https to http."""
    location = _header(response, b"location")
    if not location:
        raise UrlFetchFailed("redirect to nowhere")
    refuse_odd_characters(location)  # before urljoin, which drops some of them
    try:
        joined = urljoin(str(url), location)
    except ValueError as error:
        raise UrlNotAllowed(f"bad redirect: {error}") from None
    target = check_url(joined, limits.allowed_ports)
    if url.scheme == "https" and target.scheme != "https":
        raise UrlNotAllowed("redirect from https to http")
    return target


async def _follow(url: FetchUrl, path: Path, limits: FetchLimits, resolve: Resolve) -> FetchedFile:
    """Fetch `url` through its redirects, each a new look-up, check and connection."""
    here = url
    for _ in range(limits.max_redirects + 1):
        addresses = await _checked_addresses(here, limits, resolve)
        async with _opened(here, addresses) as response:
            if response.status in _REDIRECTS:
                here = _redirect_target(here, response, limits)
                continue
            if response.status != 200:
                raise UrlFetchFailed(f"{here.authority} answered {response.status}")
            size = await _save(response, path, limits)
            return FetchedFile(path, _media_type(response), size, _filename(response, url))
    raise UrlNotAllowed(f"more than {limits.max_redirects} redirects")


async def fetch_to_file(
    url: str, path: Path, limits: FetchLimits, *, resolve: Resolve | None = None
) -> FetchedFile:
    """Fetch a client's URL into a new file at `path`, within `limits`.

    Raises `UrlNotAllowed` or `UrlFetchFailed`, and `OSError` if the file cannot be written (`path`
    must not exist). The file is there only if the fetch succeeded. `resolve` replaces the system's
    name look-up; its answers are checked all the same.
    """
    checked = check_url(url, limits.allowed_ports)
    with anyio.move_on_after(limits.total_deadline_s):
        return await _follow(checked, path, limits, resolve or _system_resolve)
    raise UrlFetchFailed(f"not done after {limits.total_deadline_s} s")


def fetch_to_file_sync(
    url: str, path: Path, limits: FetchLimits, *, resolve: Resolve | None = None
) -> FetchedFile:
    """`fetch_to_file` for a thread that runs no event loop."""
    return anyio.run(functools.partial(fetch_to_file, url, path, limits, resolve=resolve))
