"""The server itself: what it is, and whether it can answer.

DEEPaaS and the Open Inference Protocol have these endpoints, too, and pass over what is sent besides.
"""

from __future__ import annotations

from modelport.api.endpoints.row import AccessScope, Answer, Endpoint, data
from modelport.api.resources.server import Live, ModelList, Ready, Version, Versions

OPEN, READ, ADMIN = AccessScope.OPEN, AccessScope.READ, AccessScope.ADMIN

SERVER = (
    Endpoint(
        "GET", "/", lambda on: on.v2.versions, READ,
        "versions", "versions", "Get available API versions",
        {200: data("Get available API versions", Versions)}, is_lenient=True,
    ),
    Endpoint(
        "GET", "/v2/", lambda on: on.v2.version, READ,
        "versions", "version", "Get V2 API version information",
        {200: data("Get V2 API version information", Version)}, is_lenient=True,
    ),
    Endpoint(
        "GET", "/v2/health/live", lambda on: on.health.live, OPEN,
        "health", "live", "Whether the server runs",
        {200: data("Whether the server runs", Live)}, is_lenient=True,
    ),
    Endpoint(
        "GET", "/v2/health/ready", lambda on: on.health.ready, OPEN,
        "health", "ready", "Whether every model can answer",
        {200: data("Whether every model can answer", Ready), 503: data("Some model cannot answer", Ready)},
        is_lenient=True,
    ),
    Endpoint(
        "GET", "/v2/models/", lambda on: on.v2.models, READ,
        "models", "models", "Return loaded models and its information",
        {200: data("Return loaded models and its information", ModelList)},
        description="Every model of this server with its metadata.", is_lenient=True,
    ),
)  # fmt: skip

DEBUG = Endpoint(
    "GET", "/v2/debug/", lambda on: on.v2.debug, ADMIN,
    "debug", "debug", "Return debug information if enabled by API.",
    {
        200: Answer("Debug information if debug endpoint is enabled", media_type="text/plain"),
        204: Answer("Debug endpoint not enabled"),
    },
    is_lenient=True,
)  # fmt: skip
