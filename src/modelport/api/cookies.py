"""The cookie by which a page is logged in, and when it counts.

A browser sends a cookie by itself, whoever has it ask. So it counts for what changes something, or runs a
model, only if the browser says that a page of this very server asks: by `Sec-Fetch-Site: same-origin`, by an
`Origin` that is this server's, or by such a `Referer`. Another page that `allow_origins` lets in is none of
those: it sends a token. The cookie is `HttpOnly`, so that no script reads it, `SameSite=Strict`, so that no
other site has it sent at all, and `Secure` where the page came by https.
"""

from __future__ import annotations

from time import time

from modelport.api.admission import is_same, origin_of, page_of
from modelport.http.asgi import Scope

NAME = "modelport_session"
NOT_OF_A_PAGE = (
    "a session's cookie counts here only if a page of this server sends it, which the browser says in "
    "Sec-Fetch-Site or Origin; programs send a token or a key"
)
SAME_ORIGIN = b"same-origin"


def session_in(scope: Scope) -> bytes | None:
    """The session's cookie, if the request has one: the first, which is that of the longest path."""
    wanted = NAME.encode()
    for field, value in scope["headers"]:
        for pair in value.split(b";") if field == b"cookie" else ():
            name, _, content = pair.strip().partition(b"=")
            if name == wanted:
                return content
    return None


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
    secure = "; Secure" if _is_https(scope) else ""
    return f"{NAME}={token}; Path={base_path or '/'}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"


def no_cookie(scope: Scope, base_path: str) -> str:
    """The value of `Set-Cookie` that logs a page out."""
    return cookie_of(scope, "", 0.0, base_path)


def _is_https(scope: Scope) -> bool:
    """Whether the page came by https: to this server, or to a proxy, as the page's origin tells."""
    origins = _all(scope, b"origin")
    return scope.get("scheme") == "https" or (bool(origins) and origins[0].startswith(b"https://"))


def _all(scope: Scope, name: bytes) -> list[bytes]:
    return [value for field, value in scope["headers"] if field == name]
