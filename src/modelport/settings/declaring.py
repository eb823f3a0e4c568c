"""How a setting is declared: what is known of it beside its type and its default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, NamedTuple, cast

DECLARED = "declared"
MOST = 1 << 62  # of any number: frames to workers and databases carry no larger ones


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What everybody who reads, checks or shows a setting knows of it.

    A number is `least` or more, up to `most` if there is such a limit; `why` says so of one that is smaller.
    A text is one of `choices`, once `normal` has brought it to their form; or `wrong` says what is wrong with
    it (empty: nothing). `secret` values are never shown. `also` is DEEPaaS's name for it, in files and as an
    option; `short` a short option. `heading` stands above it in --help, if it begins a group.

    `of` is who has it: each application; the HTTP server that runs one; or a process that does nothing else.
    One of an application that is `of_model` may be another for one model. A relative path that `is_path`
    begins at the file of a service, where it stands in one. In a table whose `names_have_equals` what follows
    the last `=` of a text is the value. Tables in a table are the rows that `rows_of` makes of them.
    """

    help: str
    least: int = 0
    most: int | None = None
    why: str = ""
    choices: tuple[str, ...] = ()
    normal: Callable[[str], str] | None = None
    wrong: Callable[[Any], str] | None = None
    secret: bool = False
    also: str = ""
    short: str = ""
    heading: str = ""
    of: Literal["application", "server", "process"] = "application"
    of_model: bool = False
    is_path: bool = False
    names_have_equals: bool = False
    rows_of: Callable[[Mapping[Any, Any]], Mapping[str, Any]] | None = None

    def out_of_range(self, value: Any) -> str:
        """What is wrong with a value of the right type; nothing if it can be used."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._wrong_number(value)
        if self.choices:
            return "" if value in self.choices else f"is none of {', '.join(self.choices)}"
        return self.wrong(value) if self.wrong is not None else ""

    def _wrong_number(self, value: float) -> str:
        if self.most is not None and not self.least <= value <= self.most:
            return f"is not between {self.least} and {self.most}"
        if self.least and value < self.least:
            return f"is too small: {self.why or f'it must be {self.least} or more'}"
        if not 0 <= value < float("inf"):
            return "is not a number of 0 or more"
        return "" if value <= MOST else f"is too large: it can be {MOST} at most"


class Written(NamedTuple):
    """The value of a setting, and where it was written."""

    value: Any
    where: str


def over(first: Mapping[str, Written], later: Mapping[str, Written]) -> dict[str, Written]:
    """What is written in two places: the later one counts, but of tables each key."""
    found = {**first, **later}
    for name in first.keys() & later.keys():
        one, other = first[name].value, later[name].value
        if isinstance(one, dict) and isinstance(other, dict):
            found[name] = Written({**one, **other}, later[name].where)
    return found


def setting(default: Any, help: str, **known: Any) -> Any:
    """A field of `Settings`: its default, the sentence that shows it, and what else `Declared` takes."""
    made = {DECLARED: Declared(help=help, **known)}
    shown = not known.get("secret", False)
    if isinstance(default, (list, dict)):
        return field(default_factory=cast("list[str]", default).copy, repr=shown, metadata=made)
    return field(default=default, repr=shown, metadata=made)


def words_of(choices: type[StrEnum]) -> tuple[str, ...]:
    """The words of a choice, in their order."""
    return tuple(choice.value for choice in choices)
