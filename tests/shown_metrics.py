"""What series the server shows, and whether expressions of Prometheus name nothing else."""

from __future__ import annotations

import re

from modelport.telemetry.metrics.families import FAMILIES
from modelport.telemetry.metrics.process import collected

OF_TARGETS = {"instance", "job"}  # labels that Prometheus adds
METRIC = re.compile(r"\b((?:modelport|process|python)_\w+|up\b)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
GROUPED = re.compile(r"\b(?:by|without|on|ignoring) \(([^)]*)\)")
SPAN = re.compile(r"\[(?:\d+[smh]|\$__rate_interval)\]")


def labels_of_each() -> dict[str, set[str]]:
    """The labels of each series that the server shows, by its name."""
    found: dict[str, set[str]] = {"up": set()}
    for family in FAMILIES:
        labels = set(family.labels)
        if family.kind == "histogram":
            found[f"{family.name}_bucket"] = labels | {"le"}
            found |= {f"{family.name}_{end}": labels for end in ("sum", "count")}
        else:
            found[family.shown] = labels
    for metric in collected():
        found |= {sample.name: set(sample.labels) for sample in metric.samples}
    return found


SHOWN = labels_of_each()


def wrong_in(expression: str) -> list[str]:
    """What an expression names that there is not: metrics, and labels of those that it names."""
    wrong: list[str] = []
    known: set[str] = set(OF_TARGETS)
    for name, matchers in METRIC.findall(expression):
        if name not in SHOWN:
            wrong.append(name)
            continue
        known |= SHOWN[name]
        has = SHOWN[name] | OF_TARGETS
        wrong += [f"{name}{{{label}}}" for label in MATCHER.findall(matchers) if label not in has]
    for group in GROUPED.findall(expression):
        wrong += [f"by {label}" for label in re.findall(r"\w+", group) if label not in known]
    if re.search(r"\b(?:rate|increase)\(", expression) and not SPAN.search(expression):
        wrong.append("a rate over no time")
    if not METRIC.search(expression) or expression.count("(") != expression.count(")"):
        wrong.append("no expression")
    return wrong
