"""The one way modelport fetches a URL that a client names.

A client's URL is a request that *our* host makes, with our place in the network. So: the URL is parsed
once, strictly; its name is looked up once, and every answer must be public; the connection goes to a
checked address (see `connections`); each redirect starts over; bytes, time and hops are bounded.
"""

from __future__ import annotations

import functools
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urljoin

import anyio
import anyio.to_thread
import httpcore
from anyio.lowlevel import checkpoint

from modelport.security.addresses import IPAddress, is_public_address
from modelport.security.connections import Resolve, checked_addresses, opened, system_resolve
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

BLOCK = 64 * 1024


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


Fields = Sequence[tuple[str, str]]

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


async def _follow(
    url: FetchUrl, path: Path, limits: FetchLimits, resolve: Resolve, headers: Fields
) -> FetchedFile:
    """Fetch `url` through its redirects, each a new look-up, check and connection."""
    here = url
    for _ in range(limits.max_redirects + 1):
        addresses = await checked_addresses(here, limits.allow_addresses, resolve)
        async with opened(here, addresses, "GET", headers) as response:
            if response.status in _REDIRECTS:
                here = _redirect_target(here, response, limits)
                continue
            if response.status != 200:
                raise UrlFetchFailed(f"{here.authority} answered {response.status}")
            size = await _save(response, path, limits)
            return FetchedFile(path, _media_type(response), size, _filename(response, url))
    raise UrlNotAllowed(f"more than {limits.max_redirects} redirects")


async def fetch_to_file(
    url: str,
    path: Path,
    limits: FetchLimits,
    *,
    resolve: Resolve | None = None,
    headers: Fields = (),
) -> FetchedFile:
    """Fetch a client's URL into a new file at `path`, within `limits`.

    Raises `UrlNotAllowed` or `UrlFetchFailed`, and `OSError` if the file cannot be written (`path`
    must not exist). The file is there only if the fetch succeeded. `resolve` replaces the system's
    name look-up; its answers are checked all the same. `headers` are sent, too, wherever it leads.
    """
    checked = check_url(url, limits.allowed_ports)
    with anyio.move_on_after(limits.total_deadline_s):
        return await _follow(checked, path, limits, resolve or system_resolve, headers)
    raise UrlFetchFailed(f"not done after {limits.total_deadline_s} s")


def fetch_to_file_sync(
    url: str,
    path: Path,
    limits: FetchLimits,
    *,
    resolve: Resolve | None = None,
    headers: Fields = (),
) -> FetchedFile:
    """`fetch_to_file` for a thread that runs no event loop."""
    fetch = functools.partial(fetch_to_file, url, path, limits, resolve=resolve, headers=headers)
    return anyio.run(fetch)
