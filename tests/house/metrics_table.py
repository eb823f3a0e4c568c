"""The table of docs/metrics.md, made from the metrics that are declared; `make docs` renews it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from modelport.telemetry.metrics.families import FAMILIES

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN = "<!-- metrics: written by `make docs`, from modelport.telemetry.metrics.families -->"
END = "<!-- end of metrics -->"
BETWEEN = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)


def table() -> str:
    """Every metric: its name, its kind, its labels and what it says."""
    lines = ["| metric | kind | labels | |", "|---|---|---|---|"]
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        lines.append(f"| `{family.shown}` | {family.kind} | {labels} | {family.help.replace('|', '/')} |")
    return "\n".join([BEGIN, *lines, END])


if __name__ == "__main__" and "--write" in sys.argv:
    PAGE.write_text(BETWEEN.sub(lambda _: table(), PAGE.read_text(encoding="utf-8")), encoding="utf-8")
