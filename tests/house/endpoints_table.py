"""The table of routes in docs/http-api.md, which has each row of the table of endpoints.

`make docs` writes a line for each row that is new, from its summary and its query options, and removes those
of rows that are gone. What a line says of a route may be written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from modelport.api.endpoints.row import Endpoint
from modelport.api.endpoints.table import ENDPOINTS

PAGE = Path(__file__).parents[2] / "docs" / "http-api.md"
HEAD = "| route | |\n|---|---|\n"
ROUTE = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`")


def named(row: Endpoint) -> str:
    """The route of a row as the page writes it."""
    return f"{row.method} {row.route}".replace(":path", "")


def renewed(page: str, rows: Sequence[Endpoint] = ENDPOINTS) -> str:
    """The page with a line for each row: a new one comes after that of the row before it."""
    begin = page.index(HEAD) + len(HEAD)
    end = page.index("\n\n", begin) + 1
    routes = {named(row) for row in rows}
    lines = [line for line in page[begin:end].splitlines() if routes & set(ROUTE.findall(line))]
    at = 0
    for row in rows:
        there = [number for number, line in enumerate(lines) if named(row) in ROUTE.findall(line)]
        if not there and row.method != "OPTIONS":
            lines.insert(at, _line(row))
            there = [at]
        at = there[0] + 1 if there else at
    return page[:begin] + "\n".join([*lines, ""]) + page[end:]


def _line(row: Endpoint) -> str:
    options = ", ".join(f"`{option}`" for option in row.query_options)
    words = "; ".join(filter(None, (row.summary[:1].lower() + row.summary[1:], options)))
    return f"| `{named(row)}` | {words.replace('|', '/')} |"


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
