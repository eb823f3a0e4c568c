"""Pages of other origins: without keys, any page could call a server that its reader can reach."""

from __future__ import annotations

from modelport.api.asgi import Scope, header
from modelport.api.problems import Problem


def is_foreign(scope: Scope) -> bool:
    """True for a request that a page of another origin makes."""
    origin = header(scope, b"origin")
    if not origin:
        return False
    return origin.partition("://")[2].lower() != header(scope, b"host").lower()


def foreign_origin() -> Problem:
    """The answer to a page of another origin."""
    return Problem(403, "pages of another origin may not call this server; --allow-origins lets them")
