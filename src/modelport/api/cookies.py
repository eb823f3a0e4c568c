"""The cookie by which a page is logged in, and when it counts.

A browser sends a cookie by itself, whoever has it ask. So it counts for what changes something, or runs a
model, only if the browser says that a page of this very server asks: by `Sec-Fetch-Site: same-origin`, by an
`Origin` that is this server's, or by such a `Referer`. Another page that `allow_origins` lets in is none of
those: it sends a token. The cookie is `HttpOnly`, so that no script reads it, `SameSite=Strict`, so that no
other site has it sent at all, and `Secure` where the page came by https.

Browsers have one set of cookies for all ports of a host. So the port by which a page is reached is in the
name, and two servers of a machine do not log each other out. Where the page came by https the name begins
with `__Host-`, so that no other host can set it, or with `__Secure-` under a base path, whose cookies cannot
be so; and where a request is known to come by https, no other name counts.
"""

from __future__ import annotations

from time import time

from modelport.api.admission import is_same, origin_of, page_of
from modelport.http.asgi import Scope
from modelport.security.hosts import split_authority

NAME = "modelport_session"
HOST, SECURE = "__Host-", "__Secure-"
NOT_OF_A_PAGE = (
    "a session's cookie counts here only if a page of this server sends it, which the browser says in "
    "Sec-Fetch-Site or Origin; programs send a token or a key"
)
SAME_ORIGIN = b"same-origin"


def session_in(scope: Scope) -> bytes | None:
    """The session's cookie, if the request has one: the first, which is that of the longest path."""
    found: dict[bytes, bytes] = {}
    for field, value in scope["headers"]:
        for pair in value.split(b";") if field == b"cookie" else ():
            name, _, content = pair.strip().partition(b"=")
            found.setdefault(name, content)
    if not found:
        return None
    plain = () if scope.get("scheme") == "https" else ("",)
    names = (f"{prefix}{of_port(NAME, scope)}".encode() for prefix in (HOST, SECURE, *plain))
    return next((found[name] for name in names if name in found), None)


def of_port(name: str, scope: Scope) -> str:
    """The name of a cookie of this server alone: with the port, if the host of the request has one."""
    hosts = _all(scope, b"host")
    place = split_authority(hosts[0].decode("latin-1")) if hosts else None
    return f"{name}_{place[1]}" if place is not None and place[1] else name


def is_of_own_page(scope: Scope) -> bool:
    """Whether the browser says that a page of this server asks."""
    sites, hosts = _all(scope, b"sec-fetch-site"), _all(scope, b"host")
    if sites:
        return [site.strip().lower() for site in sites] == [SAME_ORIGIN]
    pages = _all(scope, b"origin") or [page_of(referer) for referer in _all(scope, b"referer")]
    origin = origin_of(pages[0]) if len(pages) == 1 else None
    return origin is not None and is_same(origin, hosts)


def cookie_of(scope: Scope, token: str, expires_at: float, base_path: str) -> str:
    """The value of `Set-Cookie` that logs a page in."""
    seconds = max(int(expires_at - time()), 0)
    prefix, secure = "", ""
    if _is_https(scope):
        prefix, secure = SECURE if base_path else HOST, "; Secure"
    name = prefix + of_port(NAME, scope)
    return f"{name}={token}; Path={base_path or '/'}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def no_cookie(scope: Scope, base_path: str) -> str:
    """The value of `Set-Cookie` that logs a page out."""
    return cookie_of(scope, "", 0.0, base_path)


def _is_https(scope: Scope) -> bool:
    """Whether the page came by https: to this server, or to a proxy, as the page's origin tells."""
    origins = _all(scope, b"origin")
    return scope.get("scheme") == "https" or (bool(origins) and origins[0].startswith(b"https://"))


def _all(scope: Scope, name: bytes) -> list[bytes]:
    return [value for field, value in scope["headers"] if field == name]
