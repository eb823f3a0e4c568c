"""Arguments that a model does not have: a name that was misspelt would leave its default in force."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from modelport.contract.nearest import did_you_mean
from modelport.contract.places import Places

MAX_NAMES = 20  # of the unknown ones that are named in one answer, and of those that there are
MAX_NAME = 100  # characters of a name
ALWAYS = frozenset({"accept"})  # stands for the Accept header where none can be set
CHARSET = "_charset_"  # of a form: RFC 7578, section 4.6


def unknown_arguments(places: Places, known: Collection[str]) -> list[str]:
    """The names in a request that are none of `known`, as many as can be told of.

    The query string of a lenient request may hold anything.
    """
    found: dict[str, None] = {}
    for place in ({} if places.lenient else places.query, places.form, places.json):
        for name in place:
            if name not in known and name not in ALWAYS and not (name == CHARSET and place is places.form):
                found[name] = None
                if len(found) == MAX_NAMES:
                    return list(found)
    return list(found)


def unknown_words(name: str, known: Iterable[str]) -> str:
    """What a client is told of an unknown argument."""
    names = list(known)
    meant = did_you_mean(name[:MAX_NAME], names)
    if meant:
        return f"Unknown argument{meant}"
    shown = ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
    return f"Unknown argument; there is: {shown}." if shown else "Unknown argument; there are none."


def unknown_messages(names: list[str], known: Collection[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Unknown names as webargs' map of messages, and as pydantic's list of errors."""
    said = {name[:MAX_NAME]: unknown_words(name, known) for name in names}
    details = [{"loc": [name], "msg": words, "type": "extra_forbidden"} for name, words in said.items()]
    return {name: [words] for name, words in said.items()}, details
