"""An argument that came several times in a query, a form or headers, where one value is meant.

To take one of them would leave the others unread, and nobody would know which one it was.
"""

from __future__ import annotations

from collections.abc import Sized

from modelport.contract.places import Places
from modelport.contract.unknown_arguments import quoted


def why_repeated(places: Places, name: str, place: str, found: Sized) -> str:
    """What is wrong with values that `Places.find` has found, of which there should be one; empty if nothing.

    An API that is lenient has the first of them: then the answer says that the others were not read.
    """
    if place in ("", "json") or len(found) == 1:
        return ""
    if places.lenient:
        note_repeated(places, name, found)
        return ""
    return f"It came {len(found)} times, and one value is meant; send it once."


def note_repeated(places: Places, name: str, found: Sized) -> None:
    """Note that only the first value was read, as DEEPaaS has it: the answer says so."""
    places.ignored.append(f"argument {quoted(name)} came {len(found)} times, and only the first was read")
