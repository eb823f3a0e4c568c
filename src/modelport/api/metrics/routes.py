"""`GET /metrics`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.credentials import check, principal_of
from modelport.identity.principals import AccessScope
from modelport.telemetry.metrics.scrapes import Metrics

OPEN_METRICS = "application/openmetrics-text"
PLAIN = ("text/plain", "text/*", "*/*")


class MetricsRoutes:
    """The handler of scrapes. They tell of every model: unless that is open, it is for who may read all."""

    def __init__(self, metrics: Metrics, *, is_open: bool):
        self._metrics = metrics
        self._is_open = is_open

    async def get(self, request: Request) -> Response:
        """The metrics, in OpenMetrics where the client likes that best, else in Prometheus' own format."""
        if not self._is_open:
            check(principal_of(request.scope), AccessScope.READ, everywhere=True)
        accept = ",".join(request.headers.getlist("accept"))
        content_type, text = await self._metrics.scrape(open_metrics=prefers_open_metrics(accept))
        return Response(text, headers={"content-type": content_type, "vary": "accept"})


def prefers_open_metrics(accept: str) -> bool:
    """Whether an Accept header puts OpenMetrics, of a version that we write, before the plain format."""
    best, plain = 0.0, 0.0
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        given: dict[str, str] = {}
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            given[name] = value
        weight = _weight(given.get("q", "1"))
        if media == OPEN_METRICS and given.get("version", "1.0.0") in ("1.0.0", "0.0.1"):
            best = max(best, weight)
        elif media in PLAIN:
            plain = max(plain, weight)
    return best > 0 and best >= plain


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
