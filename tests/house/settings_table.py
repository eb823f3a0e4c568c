"""The table of docs/settings.md, made from the settings; `make docs` renews it."""

from __future__ import annotations

import dataclasses
import re
import sys
from pathlib import Path

from modelport.settings.checking import declarations, setting_fields
from modelport.settings.of_models import names_of_own

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
BEGIN = "<!-- settings: written by `make docs`, from modelport.settings -->"
END = "<!-- end of settings -->"
BEGIN_OWN = "<!-- own settings: written by `make docs`, from modelport.settings -->"
END_OWN = "<!-- end of own settings -->"
BETWEEN_OWN = re.compile(re.escape(BEGIN_OWN) + ".*?" + re.escape(END_OWN), re.DOTALL)
BETWEEN = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)


def table() -> str:
    """Every setting: its name, its default and what it does."""
    lines = ["| setting | default | |", "|---|---|---|"]
    for field in setting_fields():
        lines.append(
            f"| `{field.name}` | {_default(field)} | {declarations()[field.name].help.replace('|', '/')} |"
        )
    return "\n".join([BEGIN, *lines, END])


def own_list() -> str:
    """The settings that one model may have for itself."""
    names = ", ".join(f"`{name}`" for name in names_of_own())
    return f"{BEGIN_OWN}\n{names}\n{END_OWN}"


def _default(field: dataclasses.Field[object]) -> str:
    value = field.default
    if value in (None, "") or value is dataclasses.MISSING:
        return ""
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


if __name__ == "__main__" and "--write" in sys.argv:
    page = BETWEEN.sub(lambda _: table(), PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(BETWEEN_OWN.sub(lambda _: own_list(), page), encoding="utf-8")
