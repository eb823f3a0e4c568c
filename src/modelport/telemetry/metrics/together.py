"""The pages of several server processes as one: what is counted is added up, and so are most gauges."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import add

from modelport.telemetry.metrics.families import FAMILIES, Together
from modelport.telemetry.metrics.text import Page

COUNTED = ("counter", "histogram")
# Of those that are not ours: what is no number of something, and limits of each process.
RULES: dict[str, Together] = {
    "python_info": "max",
    "process_start_time_seconds": "min",
    "process_max_fds": "min",
    **{family.name: family.together for family in FAMILIES},
}
COMBINE: dict[Together, Callable[[float, float], float]] = {"sum": add, "max": max, "min": min}
LINES = "\n"


@dataclass
class _Shown:
    """What is shown of one metric: its kind, the words that help, and its values."""

    kind: str
    words: str
    values: dict[str, float] = field(default_factory=dict[str, float])


def together(pages: Iterable[bytes], *, open_metrics: bool = False) -> Page:
    """One page of several in Prometheus' own format."""
    found: dict[str, _Shown] = {}
    for text in pages:
        _add(text, found)
    page = Page(open_metrics=open_metrics)
    for name, shown in found.items():
        page.shown(name, shown.kind, shown.words, shown.values)
    return page


def counted(pages: Iterable[bytes]) -> bytes:
    """What of these pages stays true of a process that has ended: what it has counted."""
    found: dict[str, _Shown] = {}
    for text in pages:
        _add(text, found)
    page = Page(open_metrics=False)
    for name, shown in found.items():
        if shown.kind in COUNTED and RULES.get(name, "sum") == "sum":
            page.shown(name, shown.kind, shown.words, shown.values)
    return page.text()


def _add(text: bytes, found: dict[str, _Shown]) -> None:
    words = ""
    shown = _Shown("", "")
    combine = COMBINE["sum"]
    for line in text.decode().split(LINES):
        if line.startswith("# HELP "):
            words = line.split(" ", 3)[3]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            name = name.removesuffix("_total") if kind == "counter" else name
            shown = found.setdefault(name, _Shown(kind, words))
            combine = COMBINE[RULES.get(name, "sum")]
        elif line:
            key, _, number = line.rpartition(" ")
            value = _number(number)
            before = shown.values.get(key)
            shown.values[key] = value if before is None else combine(before, value)


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)
