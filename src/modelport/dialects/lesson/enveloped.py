"""Which paths are those of resources at the root, whose answers have the lesson's envelope."""

from __future__ import annotations

from functools import cache

from modelport.api.dialects import servers
from modelport.api.endpoints.pages import PAGES


@cache
def apart() -> frozenset[str]:
    """The first parts of paths that stand below the root and are no resource of it: documents, other APIs."""
    return frozenset({first_part(row.path) for row in PAGES}.union(*(server.apart for server in servers())))


def first_part(path: str) -> str:
    """What stands between the first slash of a path and the next."""
    return path[1:].partition("/")[0]
