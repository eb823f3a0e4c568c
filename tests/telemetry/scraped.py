"""What a scrape holds, as the parsers of prometheus-client read it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as open_metrics
from prometheus_client.parser import text_string_to_metric_families
from serving import wait_until

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# As Prometheus 3 sends it.
PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


class Scrape:
    """The samples of one scrape, by name and labels."""

    def __init__(self, families: list[Metric]):
        self.families = families
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of what has this name, with or without its prefix, and these labels among others."""
        name = name if name.startswith(("process_", "python_")) else f"modelport_{name}"
        wanted = set(labels.items())
        return sum(value for (named, has), value in self.samples.items() if named == name and wanted <= has)

    def has(self, name: str, **labels: str) -> bool:
        """Whether there is such a sample."""
        wanted = set(labels.items())
        return any(named == f"modelport_{name}" and wanted <= has for named, has in self.samples)

    def counters(self) -> dict[Any, float]:
        """Everything that may only rise."""
        rising = {
            sample.name
            for family in self.families
            if family.type in ("counter", "histogram")
            for sample in family.samples
        }
        return {key: value for key, value in self.samples.items() if key[0] in rising}


def scraped(client: httpx.Client, path: str = "/metrics", **headers: str) -> Scrape:
    """What the server shows now. A series must not be there twice."""
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    if answer.headers["content-type"] == OPEN_METRICS:
        families = list(open_metrics.text_string_to_metric_families(answer.text))
    else:
        assert answer.headers["content-type"] == PLAIN
        families = list(text_string_to_metric_families(answer.text))
    found = Scrape(families)
    assert len(found.samples) == sum(len(family.samples) for family in families)
    return found


def scraped_when(client: httpx.Client, holds: Callable[[Scrape], bool]) -> Scrape:
    """The first scrape of which something holds that happens in a moment."""
    found: list[Scrape] = []

    def look() -> bool:
        found[:] = [scraped(client)]
        return holds(found[0])

    wait_until(look, lambda: str(sorted(found[0].samples.items(), key=str)))
    return found[0]
