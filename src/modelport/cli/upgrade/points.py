"""What is found of a package: the points of the upgrade notes, and what stands under each."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelport.cli.upgrade.source_file import Edit


@dataclass
class Found:
    """One place of a package that a point of the notes is about.

    `write` is what to write instead. `edits` are those that do it; they belong to a `group` if they are
    right only together with the others of it. `why_not` says why there are none. A `note` needs nothing.
    """

    place: str
    said: str
    write: str = ""
    edits: list[Edit] = field(default_factory=list[Edit])
    why_not: str = ""
    group: str = ""
    note: bool = False


@dataclass
class Point:
    """A point of the notes, and what was found."""

    title: str
    found: list[Found] = field(default_factory=list[Found])
