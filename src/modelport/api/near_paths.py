"""The path that somebody may have meant who asked for one that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelport.contract.nearest import meant, nearest

MAX_PATH = 200  # longer ones are not misspelt
PLAIN = re.compile(r"\w[\w.~@-]*")  # what names are made of: nothing else is a slip, or said back
SUFFICIENT_PARTS = 2  # of a path, below which nothing of it says what was meant


def near_path(path: str, known: Iterable[str], base_path: str = "") -> str:
    """`; did you mean '/v2/models/…'?`, or nothing where no route is near.

    `known` has `{…}` for the parts that are names: these are taken as they were asked. A part too many or too
    few may stand in front, as where an address has the `/v2` already, or not yet. All are below `base_path`,
    which the answer has, too.
    """
    asked = path.strip("/").split("/")
    if len(path) > MAX_PATH or not all(map(PLAIN.fullmatch, asked)):
        return ""
    if len(asked) < SUFFICIENT_PARTS:
        near = nearest(path, (one for one in known if "{" not in one))
        return meant([base_path + one for one in near[:1]])
    found: set[str] = set()
    for one in known:
        parts = one.strip("/").split("/")
        for given in (asked, asked[1:], [parts[0], *asked]):
            if len(given) == len(parts):
                filled = (
                    name if part.startswith("{") else part for part, name in zip(parts, given, strict=True)
                )
                found.add("/" + "/".join(filled))
    found.discard("/" + "/".join(asked))
    near = nearest("/" + "/".join(asked), sorted(found))
    return meant([base_path + one for one in near[:1]])
