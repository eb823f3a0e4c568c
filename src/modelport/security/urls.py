"""What a client may write where a URL is asked for: one strict parser, and the errors that clients see."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote, urlsplit

import idna

from modelport.contract.errors import ModelportError
from modelport.security.addresses import IPAddress

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_URL_CHARACTERS = 8192


class UrlError(ModelportError):
    """A URL that cannot be fetched, in words a client may see.

    They are the same words whatever happened: a client that could tell a refused address from a dead
    host, or a closed port from a wrong certificate, could map the network behind us. `why` is for the
    operator's log only.
    """

    status = 422
    code = "url_not_allowed"
    reason = "The URL cannot be fetched: it must be a public http or https address that answers in time."

    def __init__(self, why: str):
        self.why = why
        super().__init__(self.reason)


class UrlNotAllowed(UrlError):
    """The URL, an address behind it or a redirect is refused."""


class UrlFetchFailed(UrlError):
    """The URL is allowed, but its server did not deliver a whole file within the limits."""


@dataclass(frozen=True)
class FetchUrl:
    """A URL after `check_url`: what was checked is what is connected to."""

    scheme: str
    host: str  # an ASCII name, or an IP address without brackets
    port: int
    target: str
    address: IPAddress | None  # set when the host is an IP address

    @property
    def authority(self) -> str:
        """Host and port, as in the `Host` header."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


# Parsers disagree on these: some drop them, some end the host there.
_ODD_CHARACTERS = re.compile(r"[\x00-\x20\x7f-\xa0\\#\u2028\u2029]")
_AUTHORITY = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[^\[\]:@%/?]+))(?::(?P<port>[0-9]{1,5}))?")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def refuse_odd_characters(text: str) -> None:
    """Raise `UrlNotAllowed` for text that no parser should be given as a URL, or a part of one."""
    if len(text) > MAX_URL_CHARACTERS or _ODD_CHARACTERS.search(text):
        raise UrlNotAllowed("bad URL: too long, or with a character that no URL has")


def check_url(url: str, allowed_ports: Iterable[int] = (80, 443)) -> FetchUrl:
    """Parse a URL that a client gave; raises `UrlNotAllowed` for all but a plain http or https URL.

    Only the text is judged here. The addresses behind it are judged when they are connected to.
    """
    try:
        refuse_odd_characters(url)
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS:
            raise ValueError("scheme is not http or https")
        authority = _AUTHORITY.fullmatch(parts.netloc)
        if authority is None:
            raise ValueError("no host, or a user, or a port that is no number")
        port = int(authority["port"] or DEFAULT_PORTS[parts.scheme])
        if port not in allowed_ports:
            raise ValueError(f"port {port} is not allowed")
        host, address = _checked_host(authority["v6"], authority["name"])
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        return FetchUrl(parts.scheme, host, port, quote(target, safe=string.punctuation), address)
    except ValueError as error:  # UnicodeError and idna's errors are ValueErrors
        raise UrlNotAllowed(f"bad URL: {error}") from None


def _checked_host(v6: str | None, name: str | None) -> tuple[str, IPAddress | None]:
    """The host in the one form that is used from here on, and its address if it is one."""
    if v6 is not None:
        address = IPv6Address(v6)
        return str(address), address
    host = (name or "").lower()
    if not host.isascii():
        if len(host) > 253:
            raise ValueError("host is too long")
        host = idna.encode(host, uts46=True).decode("ascii")  # ①②⑦.0.0.1 becomes 127.0.0.1 here
    host = host.removesuffix(".")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # The system's resolver also takes 2130706433, 0x7f.1, 017700000001 and 127.1: only the dotted
        # form, which has one meaning, is an address for us, and no real name ends in a number.
        address = IPv4Address(host)
        return str(address), address
    if not _NAME.fullmatch(host):
        raise ValueError("host is not a name")
    return host, None
