"""The code blocks of a page of the docs, and what the page says is to be done with each.

A comment on the line before a block says what it is:

    <!-- file: NAME -->     it is the content of this file
    <!-- serve -->          it starts a server, which runs until the next one
    <!-- prints -->         it is what the block before it printed; `…` stands for anything
    <!-- fails -->          it is run, and ends with an error
    <!-- not run: WHY -->   it is not run

Without a comment, bash and Python blocks are run; blocks of another kind are only shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[a-z ]+)(?:: (?P<value>[^\n]*?))? -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
MARKS = {None, "file", "serve", "prints", "fails", "not run"}
RUNNABLE = {"bash", "python"}


@dataclass(frozen=True)
class Block:
    """One block: where it stands, its language, its mark and that mark's value."""

    where: str
    language: str
    text: str
    mark: str | None
    value: str

    @property
    def runs(self) -> bool:
        return self.mark in ("serve", "fails") or (self.mark is None and self.language in RUNNABLE)


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page, in order. Raises `ValueError` for a mark that means nothing."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("language")) + 1
        where = f"{page.name}:{line}"
        if match["mark"] not in MARKS:
            raise ValueError(f"{where}: {match['mark']!r} is no mark of a block")
        found.append(Block(where, match["language"], match["text"], match["mark"], match["value"] or ""))
    return found
