"""Traces."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting
from modelport.settings.values import wrong_collector

OFF, ON = "off", "on"


@dataclass(frozen=True, kw_only=True)
class TraceSettings:
    """Traces."""

    traces: str | None = setting(
        None,
        "address of the OpenTelemetry collector that traces are sent to by OTLP, such as "
        "http://localhost:4318; on: where OTEL_* variables say; off",
        heading="Traces",
        wrong=wrong_collector,
    )
    trace_sample: float | None = setting(
        None, "share of the requests that are traced, where clients have not decided (default: all)", most=1
    )
