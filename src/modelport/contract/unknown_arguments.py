"""Arguments that a model does not have: a name that was misspelt would leave its default in force."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set
from typing import Any

from modelport.contract.nearest import meant, nearest
from modelport.contract.places import MISSING, Places
from modelport.contract.signature import Argument

MAX_NAMES = 20  # of the unknown ones that are named in one answer, and of those that there are
MAX_NAME = 100  # characters of a name
SUFFICIENT = 0.6  # names of arguments are short: 'alfa' is to be near 'alpha'
ALWAYS = frozenset({"accept"})  # stands for the Accept header where none can be set
CHARSET = "_charset_"  # of a form: RFC 7578, section 4.6
PLACES = {
    "query": "the query string", "form": "a form", "json": "a JSON body", "headers": "a header",
    "cookies": "a cookie", "files": "a file of a form",
}  # fmt: skip
MAX_WARNINGS = 5  # of one answer, and
MAX_WARNING = 300  # characters of each: proxies bound what headers may take


def unknown_arguments(places: Places, known: Set[str]) -> list[str]:
    """The names in a request that are none of `known`, as many as can be told of.

    The query string of a lenient request may hold anything.
    """
    if not (places.query or places.form) and places.json.keys() <= known:
        return []  # nearly always, so without a loop
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
    near = _near(name, names)
    if near:
        return f"Unknown argument{near}"
    shown = ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
    return f"Unknown argument; there is: {shown}." if shown else "Unknown argument; there are none."


def unknown_messages(names: list[str], known: Collection[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Unknown names as webargs' map of messages, and as pydantic's list of errors."""
    said = {name[:MAX_NAME]: unknown_words(name, known) for name in names}
    details = [{"loc": [name], "msg": words, "type": "extra_forbidden"} for name, words in said.items()]
    return {name: [words] for name, words in said.items()}, details


def ignored_words(places: Places, known: Set[str], placed: list[Argument]) -> list[str]:
    """What a request holds that its model does not read, in words for its client.

    `placed` are the arguments that are read from one place only.
    """
    words: list[str] = []
    if not _are_known(places, known):
        there = f"; there is: {_listed(sorted(known))}" if known else "; there are none"
        for name in unknown_arguments(places, known):
            words.append(f"unknown argument {quoted(name)} was ignored{_near(name, known) or there}")
    for argument in () if places.lenient else placed:
        name = argument.name
        if places.find(name)[1] is not MISSING and places.find(name, argument.location)[1] is MISSING:
            where = PLACES[argument.location]
            words.append(f"argument {quoted(name)} was ignored, which is read from {where} only")
    return words


def _are_known(places: Places, known: Set[str]) -> bool:
    """Whether there is nothing unknown: the common case, in the least time."""
    return places.json.keys() <= known and places.query.keys() <= known and places.form.keys() <= known


def _near(name: str, known: Iterable[str]) -> str:
    return meant(nearest(name[:MAX_NAME], known, SUFFICIENT))


def _listed(known: Iterable[str]) -> str:
    names = list(known)
    return ", ".join(map(quoted, names[:MAX_NAMES])) + (", …" if len(names) > MAX_NAMES else "")


def quoted(name: str) -> str:
    """A name of a client as messages show it: in quotes, and cut."""
    return repr(name if len(name) <= MAX_NAME else name[:MAX_NAME] + "…")


def warning_value(words: str) -> str:
    """The value of a Warning header (RFC 7234, 5.5): the code for anything that persists, and the words."""
    text = words if len(words) <= MAX_WARNING else words[:MAX_WARNING] + "..."
    quoted = text.encode("ascii", "backslashreplace").decode().replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{quoted}"'
