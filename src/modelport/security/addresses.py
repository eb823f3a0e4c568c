"""Which IP addresses a fetched URL may lead to: the public internet, and nothing else.

`ipaddress.is_global` is not enough: it calls 64:ff9b::7f00:1, 2002:7f00:1::, fec0::1, ::127.0.0.1,
224.0.0.1 and the metadata addresses of two clouds public, and its tables change between patch releases
of Python. So the tables are written here, from the IANA special-purpose registries.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address

_DENIED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host; Linux connects 0.0.0.0 to loopback
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; Alibaba's metadata at 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's host agent, on a public address
        "169.254.0.0/16",  # link-local; metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocols; Oracle's metadata at 192.0.0.192
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

_GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
_DENIED_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # IETF protocols: Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4: holds an IPv4 address, which a relay would connect to
        "3fff::/20",
    )
)

# The only two forms whose embedded IPv4 address is what a healthy host really connects to. The others
# (6to4, Teredo, ::a.b.c.d, and 64:ff9b:1::/48, which is for local use by definition) are refused whatever
# they hold: a public server never needs them.
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")


def is_public_address(ip: str | IPAddress) -> bool:
    """Whether `ip` is an address on the public internet; text that is no address is not."""
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return _is_public_v4(address)
    if address.scope_id is not None:
        return False
    if address in _MAPPED or address in _NAT64:
        return _is_public_v4(IPv4Address(int(address) & 0xFFFF_FFFF))
    return address in _GLOBAL_UNICAST_V6 and not any(address in network for network in _DENIED_V6)


def _is_public_v4(address: IPv4Address) -> bool:
    return not any(address in network for network in _DENIED_V4)


# Where an operator's own receivers may stand. Not link-local and not Amazon's part of fc00::/7: there, clouds
# hand out a machine's own credentials.
_PRIVATE_V4 = tuple(map(IPv4Network, ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_PRIVATE_V6 = tuple(map(IPv6Network, ("::1/128", "fc00::/7")))
_METADATA_V6 = IPv6Network("fd00:ec2::/32")


def is_public_or_private_address(ip: str | IPAddress) -> bool:
    """Whether `ip` is public, or of a private network or this machine; never a cloud's metadata."""
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, IPv4Address):
        return is_public_address(address) or any(address in network for network in _PRIVATE_V4)
    if address.scope_id is not None or address in _METADATA_V6:
        return False
    return is_public_address(address) or any(address in network for network in _PRIVATE_V6)
