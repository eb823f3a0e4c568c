"""Names of servers, and origins of web pages, in the one form in which they are compared."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

DEFAULT_PORTS = {"http": "80", "https": "443"}
NETWORK_BITS = 64  # of an IPv6 address: who has one of a network has all of them

_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._~-]{1,255})(?::([0-9]{0,5}))?")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_][a-z0-9_-]{0,62}(?:\.[a-z0-9_][a-z0-9_-]{0,62})*")
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]{0,30})://(.+)", re.IGNORECASE)


def split_authority(authority: str) -> tuple[str, str] | None:
    """Name and port of a `Host` header: in lower case, without a final dot, the port empty if none is said.

    An IPv6 address keeps its brackets. `None` for what is no `name[:port]`.
    """
    found = _AUTHORITY.fullmatch(authority.strip(" \t"))
    if found is None:
        return None
    return found[1].lower().removesuffix("."), found[2] or ""


def is_address(name: str) -> bool:
    """Whether a name that `split_authority` found is an IP address, which nobody's DNS can redirect.

    Only the dotted form of four numbers counts: browsers write no other one into `Host`.
    """
    try:
        if name.startswith("["):
            IPv6Address(name[1:-1])
        else:
            IPv4Address(name)
    except ValueError:
        return False
    return True


def is_own_machine(host: str) -> bool:
    """Whether what listens at this address or name can be reached from this machine only."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def host_pattern(text: str) -> str:
    """A name of a server as a setting has it: `*`, a name, an address, or `*.` and a domain.

    Raises `ValueError` for what is none of these, one with a port or a scheme for instance.
    """
    if text == "*":
        return text
    star, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    name = name.lower().removesuffix(".")
    if not name.isascii():
        import idna

        name = idna.encode(name, uts46=True).decode("ascii")
    bare = f"[{name}]" if ":" in name and not name.startswith("[") else name
    if not star and is_address(bare):
        return bare
    if not _NAME.fullmatch(name):
        raise ValueError(f"{text!r} is no name of a server")
    return star + name


def normal_origin(text: str) -> str:
    """An origin as browsers write it: scheme, host in lower case, and a port that is not the usual one.

    Raises `ValueError` for what is no origin: one with a path, `null`, a mere name.
    """
    found = _ORIGIN.fullmatch(text.removesuffix("/"))
    place = found and split_authority(_ascii(found[2]))
    if not found or not place:
        raise ValueError(f"{text!r} is no origin")
    scheme, (name, port) = found[1].lower(), place
    return f"{scheme}://{name}:{port}" if port and port != DEFAULT_PORTS.get(scheme) else f"{scheme}://{name}"


def _ascii(authority: str) -> str:
    if authority.isascii():
        return authority
    import idna

    name, colon, port = authority.partition(":")
    return idna.encode(name, uts46=True).decode("ascii") + colon + port


def near_address(address: str) -> str:
    """An address, or the network of an IPv6 one: who has one of a /64 has all of it. Other texts stay."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else str(ip_network((found, NETWORK_BITS), strict=False))
