"""Limits of some who ask, as a setting says them: `role:user` → `rate 100/m max_calls_at_once 4`.

In a file a table says the same: `[limits.role.user]` with `rate = "100/m"`. A name begins as the audit has
it: with what it is a name of.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from modelport.settings.certificate_holders import normal_holder
from modelport.settings.declaring import MOST
from modelport.settings.grants import EVERYBODY
from modelport.settings.values import wrong_rate, wrong_size

RATE, CALLS, JOBS, BYTES = "rate", "max_calls_at_once", "max_queued_jobs_per_principal", "bytes_per_day"
NAMES = (RATE, CALLS, JOBS, BYTES)  # those of the settings that count for everybody
ROLE, USER, OIDC, CERTIFICATE, PROXY = "role", "user", "oidc", "certificate", "proxy"
ROLES = ("admin", "developer", "user")  # those of `identity.roles.Role`
KINDS = (ROLE, USER, OIDC, CERTIFICATE, PROXY)
NAMED = re.compile(f"(?P<kind>{'|'.join(KINDS)}):(?P<name>.+)", re.DOTALL)
WHO = (
    "names nobody who has limits; write role:user, user:NAME, oidc:SUBJECT, certificate:dns:shop.example or "
    f"proxy:NAME, and {EVERYBODY} for every subject, certificate or name of a proxy"
)
FORM = "write names and values, such as rate 100/m max_calls_at_once 4"


class Limited(NamedTuple):
    """Whose limits: a name, or `*`, of a kind."""

    kind: str
    name: str


def rows_of(table: Mapping[Any, Any]) -> dict[str, Any]:
    """The rows that say the same as tables: of `[limits.role.user]`, and of `[limits."role:user"]`.

    Raises `TypeError` for values that are none of limits, and `ValueError` for a name that is there twice.
    """
    found: dict[str, Any] = {}
    for name, row in _flat(table):
        if name in found:
            raise ValueError(name)
        found[name] = _text_of(cast("Mapping[Any, Any]", row)) if isinstance(row, Mapping) else row
    return found


def _flat(table: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, row in table.items():
        inner = cast("dict[Any, Any]", row) if isinstance(row, dict) else dict[Any, Any]()
        of_kind = (Mapping, str) if name in KINDS else Mapping
        if inner and all(isinstance(one, of_kind) for one in inner.values()):
            yield from ((f"{name}:{who}", one) for who, one in inner.items())
        else:
            yield str(name), row


def _text_of(row: Mapping[Any, Any]) -> str:
    if not all(type(value) in (str, int, float) for value in row.values()):
        raise TypeError
    return " ".join(f"{str(name).replace('-', '_')} {_joined(value)}" for name, value in row.items())


def limited_of(text: str) -> Limited:
    """Read `role:user`. Raises `ValueError`."""
    found = NAMED.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} {WHO}")
    kind, name = found["kind"], found["name"]
    if kind == ROLE and name not in ROLES:
        raise ValueError(f"{text!r} is no role: roles are {', '.join(ROLES)}")
    if kind == USER and name == EVERYBODY:
        raise ValueError(f"{text!r} {WHO}; users have roles")
    if kind == USER:
        return Limited(kind, folded(name))
    return Limited(kind, normal_holder(name) if kind == CERTIFICATE else name)


def folded(name: str) -> str:
    """The name of a user as it is compared: two that look alike but for case are one."""
    return unicodedata.normalize("NFKC", name).casefold()


def limits_of(text: str) -> dict[str, str]:
    """Read `rate 100/m max_calls_at_once 4`. Raises `ValueError`."""
    words = text.split()
    if not words or len(words) % 2:
        raise ValueError(f"{text!r} has no limits with their values; {FORM}")
    found: dict[str, str] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
            raise ValueError(f"there is no limit {name!r}; {hint}")
        if name in found:
            raise ValueError(f"{name} is there twice")
        wrong = _wrong(name, value)
        if wrong:
            raise ValueError(f"{name}: {value!r} {wrong}")
        found[name] = value
    return found


def wrong_limits(table: Mapping[str, str]) -> str:
    """What is wrong with such a table; nothing if it can be used."""
    names = set[Limited]()
    for name, text in table.items():
        try:
            limited = limited_of(name)
            limits_of(text)
        except ValueError as error:
            return f"cannot be used, in {name!r}: {error}"
        if limited in names:
            return f"cannot be used, since {name!r} is there twice: it is the same in capitals"
        names.add(limited)
    return ""


def _wrong(name: str, value: str) -> str:
    if name == RATE:
        return wrong_rate(value)
    if name == BYTES:
        return wrong_size(value)
    is_number = value.isascii() and value.isdigit() and len(value) < 20 and int(value) <= MOST
    return "" if is_number else "is no number of 0 or more, and 0 for no limit"


def _joined(value: Any) -> str:
    return "".join(str(value).split()) or "''"
