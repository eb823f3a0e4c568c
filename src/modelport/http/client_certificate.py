"""The certificate by which a client has shaken hands: what is in it, as far as anybody asks."""

from __future__ import annotations

import ssl
from typing import Any, cast

# The names that a certificate can have (RFC 5280, 4.2.1.6), as Python calls them and as they are called here,
# in the order in which they count.
KINDS = {"URI": "uri", "DNS": "dns", "email": "email", "IP Address": "ip"}
LONGEST = 256  # of a name that means anybody
ANY_CASE = ("dns", "email")  # whose names mean the same in capitals


class ClientCertificate:
    """`names` are those that it has, such as `dns:shop.example` and `cn:shop`; `ends` the moment, in seconds
    of the epoch, after which it holds no longer. `holder` is for whoever finds out who that is.
    """

    __slots__ = ("ends", "holder", "names")

    def __init__(self, names: tuple[str, ...], ends: float):
        self.names = names
        self.ends = ends
        self.holder: Any = None


def client_certificate(spoken: ssl.SSLObject) -> ClientCertificate | None:
    """The certificate of the other side, which TLS has found to be in order; `None` without one."""
    found = cast("dict[str, Any] | None", spoken.getpeercert())
    if not found:
        return None
    alternative: list[tuple[str, str]] = list(found.get("subjectAltName", ()))
    parts = [part for group in found.get("subject", ()) for part in group]
    common = [str(value) for name, value in parts if name == "commonName"]
    return named(alternative, common, float(ssl.cert_time_to_seconds(found["notAfter"])))


def named(alternative: list[tuple[str, str]], common: list[str], ends: float) -> ClientCertificate:
    """The certificate with these names: the alternative ones with their kinds, and the common ones."""
    names: list[str] = []
    for kind, own in KINDS.items():
        names += [f"{own}:{_normal(own, name)}" for which, name in alternative if which == kind]
    names += [f"cn:{name}" for name in common]
    return ClientCertificate(tuple(name for name in names if len(name) <= LONGEST), ends)


def _normal(kind: str, name: str) -> str:
    return name.lower() if kind in ANY_CASE else name
