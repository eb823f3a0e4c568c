"""Whether there are traces, where they go, and of how many requests: our settings first, then OpenTelemetry's
variables.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from modelport.settings import Settings
from modelport.settings.groups.traces import OFF, ON
from modelport.telemetry.traces.variables import PATH

log = logging.getLogger("modelport.telemetry")

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
ALWAYS, NEVER, RATIO, PARENT = "always_on", "always_off", "traceidratio", "parentbased_"


class Chosen(NamedTuple):
    """Where spans are posted (empty: where OpenTelemetry's variables say), and how requests are chosen."""

    endpoint: str
    ratio: float
    follows_parent: bool


def chosen_traces(settings: Settings, variables: Mapping[str, str]) -> Chosen | None:
    """How a server traces; `None` if it does not."""
    wanted = settings.traces
    if wanted == OFF or variables.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if wanted is None:
        exporters = variables.get("OTEL_TRACES_EXPORTER", "otlp").strip() or "otlp"
        if exporters != "otlp" or not any(variables.get(name) for name in ENDPOINTS):
            return None
    ratio, follows_parent = _sampler(variables)
    if settings.trace_sample is not None:
        ratio, follows_parent = settings.trace_sample, True
    return Chosen("" if wanted in (None, ON) else _posted_to(wanted), ratio, follows_parent)


def _posted_to(url: str) -> str:
    """Where spans are posted: below a collector's address, or at the path that is written."""
    parts = urlsplit(url)
    return url if parts.path.strip("/") else parts._replace(path=f"/{PATH}").geturl()


def _sampler(variables: Mapping[str, str]) -> tuple[float, bool]:
    """The ratio that OTEL_TRACES_SAMPLER asks for, and whether clients that have decided are followed."""
    name = variables.get("OTEL_TRACES_SAMPLER", "").strip().lower() or PARENT + ALWAYS
    kind = name.removeprefix(PARENT)
    follows = name.startswith(PARENT)
    if kind in (ALWAYS, NEVER):
        return float(kind == ALWAYS), follows
    argument = variables.get("OTEL_TRACES_SAMPLER_ARG", "").strip() or "1"
    try:
        ratio = float(argument)
    except ValueError:
        ratio = -1.0
    if kind != RATIO or not 0 <= ratio <= 1:
        log.warning(
            "OTEL_TRACES_SAMPLER: there is no sampler %s with %s; each request is traced", name, argument
        )
        return 1.0, True
    return ratio, follows
