"""The table of docs/settings.md, made from the settings; `make docs` renews it."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

from modelport.settings import Settings
from modelport.settings.checking import declarations

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
BEGIN = "<!-- settings: written by `make docs`, from modelport.settings -->"
END = "<!-- end of settings -->"
BETWEEN = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)


def table() -> str:
    """Every setting: its name, its default and what it does."""
    lines = ["| setting | default | |", "|---|---|---|"]
    for field in dataclasses.fields(Settings):
        lines.append(
            f"| `{field.name}` | {_default(field)} | {declarations()[field.name].help.replace('|', '/')} |"
        )
    return "\n".join([BEGIN, *lines, END])


def _default(field: dataclasses.Field[object]) -> str:
    value = field.default
    if value in (None, "") or value is dataclasses.MISSING:
        return ""
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(BETWEEN.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
