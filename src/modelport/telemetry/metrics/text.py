"""The text of metrics, in the two formats that Prometheus reads: its own 0.0.4, and OpenMetrics 1.0.0.

Sources: https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/.

prometheus-client writes both, too. It takes 6 µs a line, which for fifty models (4,700 lines) is 3 % of a
processor at a scrape a second; here it is half a microsecond. The tests read what is written by its parsers.
What that library itself collects, of the process and of Python, it gives us as data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from modelport.histogram import Histogram
from modelport.telemetry.metrics.families import Family

if TYPE_CHECKING:
    from prometheus_client import Metric

MOST_LABELS = 1 << 14  # combinations of them that are remembered from one scrape to the next
UNITS = ("seconds", "bytes", "ratio")


class Page:
    """The lines of one scrape. Those of a family stand together, whenever they were added."""

    def __init__(self, *, open_metrics: bool):
        self.open_metrics = open_metrics
        self._lines: dict[str, list[str]] = {}  # by family
        self._foreign: list[str] = []

    def add(self, family: Family, values: tuple[str, ...], value: float) -> None:
        """The value of a counter or gauge, for these values of its labels."""
        labels = labelled(family.labels, values)
        self._of(family).append(
            f"{family.shown}{{{labels}}} {value!r}\n" if labels else f"{family.shown} {value!r}\n"
        )

    def histogram(self, family: Family, values: tuple[str, ...], histogram: Histogram) -> None:
        """What a histogram of the family's bounds has counted, for these values of its labels."""
        labels = labelled(family.labels, values)
        begin = f"{family.name}_bucket{{{labels}," if labels else f"{family.name}_bucket{{"
        counts = list(accumulate(histogram.counts))
        lines = self._of(family)
        lines += [f"{begin}{end}{count}\n" for end, count in zip(_ends(family.bounds), counts, strict=True)]
        braces = f"{{{labels}}}" if labels else ""
        lines.append(
            f"{family.name}_sum{braces} {histogram.total!r}\n{family.name}_count{braces} {counts[-1]}\n"
        )

    def foreign(self, metrics: Iterable[Metric]) -> None:
        """What prometheus-client has collected."""
        for metric in metrics:
            self._foreign.append(self._head(metric.name, metric.type, metric.documentation))
            for sample in metric.samples:
                labels = labelled(tuple(sample.labels), tuple(sample.labels.values()))
                self._foreign.append(
                    f"{sample.name}{{{labels}}} {sample.value!r}\n"
                    if labels
                    else f"{sample.name} {sample.value!r}\n"
                )

    def shown(self, name: str, kind: str, words: str, values: Mapping[str, float]) -> None:
        """What another page has shown of a metric, by what stands before the values; its words as there."""
        head = self._head(name, kind, words.replace("\\n", "\n").replace("\\\\", "\\"))
        self._foreign += [head, *(f"{key} {value!r}\n" for key, value in values.items())]

    def _of(self, family: Family) -> list[str]:
        lines = self._lines.get(family.name)
        if lines is None:
            lines = self._lines[family.name] = [self._head(family.name, family.kind, family.help)]
        return lines

    def _head(self, name: str, kind: str, words: str) -> str:
        words = words.replace("\\", "\\\\").replace("\n", "\\n")
        if not self.open_metrics:
            shown = f"{name}_total" if kind == "counter" else name
            return f"# HELP {shown} {words}\n# TYPE {shown} {kind}\n"
        quoted = words.replace('"', '\\"')
        unit = name.rpartition("_")[2]
        says = f"# UNIT {name} {unit}\n" if unit in UNITS else ""
        return f"# HELP {name} {quoted}\n# TYPE {name} {kind}\n{says}"

    def text(self) -> bytes:
        """All of it."""
        parts = [line for lines in self._lines.values() for line in lines]
        end = ["# EOF\n"] if self.open_metrics else []
        return "".join([*parts, *self._foreign, *end]).encode()

    @property
    def content_type(self) -> str:
        """The media type of the text."""
        if self.open_metrics:
            return "application/openmetrics-text; version=1.0.0; charset=utf-8"
        return "text/plain; version=0.0.4; charset=utf-8"


Source = Callable[[Page], None]


@lru_cache(MOST_LABELS)
def labelled(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """Labels as they stand between the braces."""
    return ",".join([f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)])


def _escaped(value: str) -> str:
    if value.isalnum():
        return value
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@cache
def _ends(bounds: tuple[float, ...]) -> tuple[str, ...]:
    """The end of each line of a histogram, but for its count."""
    return (*(f'le="{float(bound)!r}"}} ' for bound in bounds), 'le="+Inf"} ')
