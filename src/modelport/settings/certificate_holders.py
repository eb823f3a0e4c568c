"""What holders of certificates may do, as a setting says it: `dns:shop.example` → `predict read on iris`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from modelport.settings.grants import EVERYBODY, Granted, granted_of

HOLDER = re.compile(r"(?P<kind>cn|dns|uri|email|ip):.+", re.DOTALL)
ANY_CASE = ("dns", "email")  # whose names mean the same in capitals


def holders_of(table: Mapping[str, str]) -> dict[str, Granted]:
    """Read the table; `*` is whoever has a certificate. Raises `ValueError`."""
    found: dict[str, Granted] = {}
    for text, granted in table.items():
        found[normal_holder(text)] = granted_of(granted)
    return found


def normal_holder(text: str) -> str:
    """A name in a certificate, in the form in which names are compared, or `*`. Raises `ValueError`."""
    named = HOLDER.fullmatch(text)
    if named is None and text != EVERYBODY:
        raise ValueError(
            f"{text!r} names no holder of a certificate; write for example dns:shop.example or cn:shop, "
            f"uri:…, email:… or ip:…, or {EVERYBODY} for whoever has one"
        )
    is_any_case = named is not None and named["kind"] in ANY_CASE
    return text.lower() if is_any_case else text


def wrong_holders(table: Mapping[str, str]) -> str:
    """What is wrong with such a table; nothing if it can be used."""
    try:
        holders_of(table)
    except ValueError as error:
        return f"cannot be used: {error}"
    return ""
