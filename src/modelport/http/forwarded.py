"""What a proxy says of the client that it asks for: believed of proxies that are trusted, and of nobody else.

What can go wrong, and what answers it:

- *Anybody can send these fields.* They are read on connections of trusted addresses alone. On all others they
  mean nothing, and the client is who has connected.
- *A client sends them to the proxy, which passes them on.* A proxy adds the address that it has seen at the
  right. So the client is the right-most address that is no trusted proxy; what stands left of it is the
  client's own word. Of `X-Forwarded-Proto`, `X-Forwarded-Host` and `Forwarded` the right-most value counts.
- *A proxy sets one of the fields, and passes on another that a client has sent.* Only the `fields` that the
  settings name are read: those that the proxy sets itself, each time.
- *What stands there is no address.* Then whoever has said so is the last one that is known.
- *Heads are remembered by their bytes,* which mean one thing from a proxy and another from somebody else. So
  those of proxies are remembered apart.
- *A user's name comes twice.* One may be the client's. Both are kept, with a line end between them, which no
  name has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple

from modelport.http.asgi import Headers

UNIX = "unix"  # among trusted addresses: whoever connects by a Unix socket
FOR, PROTO, HOST, FORWARDED = "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"
FIELDS = (FOR, PROTO, HOST, FORWARDED)
SCHEMES = ("http", "https")
MOST_HOPS = 32
BETWEEN_USERS = b"\n"
# One `name=value` of Forwarded, and what follows it (RFC 7239, 4).
PAIR = re.compile(r'[ \t]*([A-Za-z0-9!#$%&\'*+.^_`|~-]+)=("(?:[^"\\]|\\.)*"|[^",; \t]*)[ \t]*([,;]|$)')
PORT = re.compile(r":(\d{1,5})")
IPAddress = IPv4Address | IPv6Address


class Told(NamedTuple):
    """What a proxy says of a request; `None` and empty is what it does not say."""

    client: tuple[str, int] | None = None
    scheme: str = ""
    host: str = ""
    user: bytes | None = None


class TrustedProxies:
    """The proxies at these addresses and networks, which set these `fields`, and a `user_field` perhaps.

    Raises `ValueError` for what is no address or network.
    """

    def __init__(self, trusted: Iterable[str], fields: Iterable[str], user_field: str = ""):
        trusted = list(trusted)
        self._networks = [ip_network(one, strict=False) for one in trusted if one != UNIX]
        self._has_unix = UNIX in trusted
        self._fields = frozenset(field.encode() for field in fields)
        self._user_field = user_field.encode()

    def trusts(self, client: tuple[str, int] | None, *, by_unix: bool) -> bool:
        """Whether who has connected, by a Unix socket or from this address, is one of them.

        Without either it is nobody: who has gone already had an address.
        """
        if by_unix or client is None:
            return by_unix and self._has_unix
        address = _address_of(client[0])
        return address is not None and self._has(address)

    def _has(self, address: IPAddress) -> bool:
        return any(address in network for network in self._networks)

    def told(self, headers: Headers) -> Told:
        """What the head of a request says that came by one of them."""
        values: dict[bytes, list[str]] = {}
        users: list[bytes] = []
        for name, value in headers:
            if name in self._fields:
                values.setdefault(name, []).append(value.decode("latin-1"))
            elif name == self._user_field:
                users.append(value)
        user = BETWEEN_USERS.join(users) if users else None
        if not values:
            return Told(user=user)
        hops = _listed(values.get(FOR.encode()))
        scheme, host = _last(values.get(PROTO.encode())), _last(values.get(HOST.encode()))
        if FORWARDED.encode() in values:
            elements = _elements(", ".join(values[FORWARDED.encode()]))
            hops = [one.get("for", "") for one in elements]
            last = elements[-1] if elements else {}
            scheme, host = last.get("proto", scheme), last.get("host", host)
        scheme = scheme.lower() if scheme.lower() in SCHEMES else ""
        return Told(self._client(hops), scheme, host, user)

    def _client(self, hops: list[str]) -> tuple[str, int] | None:
        """The right-most of these that is no trusted proxy, or the left-most if all are."""
        found: tuple[str, int] | None = None
        for hop in reversed(hops[-MOST_HOPS:]):
            place = _place_of(hop)
            if place is None:
                break
            address, port = place
            found = (str(address), port)
            if not self._has(address):
                break
        return found


def _listed(values: list[str] | None) -> list[str]:
    return [part.strip() for value in values or () for part in value.split(",")]


def _last(values: list[str] | None) -> str:
    return _listed(values)[-1] if values else ""


def _elements(text: str) -> list[dict[str, str]]:
    """The elements of a `Forwarded`: what each proxy has said. None, if it cannot be read to its end."""
    elements: list[dict[str, str]] = [{}]
    place = 0
    while place < len(text):
        found = PAIR.match(text, place)
        if found is None:
            return []
        name, value, end = found[1].lower(), found[2], found[3]
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        elements[-1].setdefault(name, value)
        if end == ",":
            elements.append({})
        place = found.end()
    return elements


def _place_of(hop: str) -> tuple[IPAddress, int] | None:
    """Address and port (0 if it says none) of a hop: `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]`, `[::1]:5`."""
    if hop.startswith("["):
        host, bracket, rest = hop[1:].partition("]")
        if not bracket:
            return None
    elif hop.count(":") == 1:
        host, rest = hop.split(":")
        rest = f":{rest}"
    else:
        host, rest = hop, ""
    port = PORT.fullmatch(rest)
    address = _address_of(host)
    if address is None or (rest and port is None):
        return None
    return address, int(port[1]) if port else 0


def _address_of(text: str) -> IPAddress | None:
    """An address; an IPv4 one that is written as an IPv6 one is an IPv4 one."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
