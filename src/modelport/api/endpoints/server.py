"""Whether the server can answer.

The Open Inference Protocol has these endpoints, too, and passes over what is sent besides.
"""

from __future__ import annotations

from modelport.api.endpoints.row import AccessScope, Endpoint, data
from modelport.api.resources.server import Live, Ready
from modelport.api.resources.statistics import Statistics

# Prometheus reads it, and knows it without a document.
METRICS = Endpoint(
    "GET", "/metrics", lambda on: on.metrics.get, AccessScope.READ, summary="What is counted, for Prometheus",
    is_lenient=True, setting="metrics", is_probe=True,
)  # fmt: skip

SERVER = (
    Endpoint(
        "GET", "/v2/health/live", lambda on: on.health.live, AccessScope.OPEN,
        "health", "live", "Whether the server runs",
        {200: data("Whether the server runs", Live)}, is_lenient=True, is_probe=True,
    ),
    Endpoint(
        "GET", "/v2/health/ready", lambda on: on.health.ready, AccessScope.OPEN,
        "health", "ready", "Whether every model can answer",
        {200: data("Whether every model can answer", Ready), 503: data("Some model cannot answer", Ready)},
        is_lenient=True, is_probe=True,
    ),
    METRICS,
    Endpoint(
        "GET", "/v2/statistics", lambda on: on.statistics.get, AccessScope.READ,
        "health", "statistics", "Counts, queues and workers of each model that one may read of, as numbers",
        {200: data("What metrics show of models, for the page", Statistics)},
    ),
)  # fmt: skip
