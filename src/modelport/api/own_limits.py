"""`/v2/me/limits`: what limits who asks, and what is left of it."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import principal_of
from modelport.api.limiting import TURN, Left, Turn, at_once
from modelport.api.resources.usage import Limit, OwnLimits
from modelport.identity.principals import Principal
from modelport.jobs.service import JobService

NO_STORE = {"cache-control": "no-store"}


class OwnLimitRoutes:
    """The handlers, one method a resource."""

    def __init__(self, jobs: JobService):
        self._jobs = jobs

    async def own(self, request: Request) -> Response:
        """`GET /v2/me/limits`: one's own limits; this very request is counted already."""
        turn = cast("Turn | None", request.scope.get(TURN))
        left = turn.left() if turn is not None else Left()
        jobs = await self._queued_jobs(principal_of(request.scope))
        return json_response(
            OwnLimits(left.rate, left.calls_at_once, jobs, left.bytes_per_day, left.rate_per_address),
            NO_STORE,
        )

    async def _queued_jobs(self, by: Principal) -> Limit | None:
        """How many of their jobs may wait; `None` if nothing limits these. Raises the store's errors."""
        most = self._jobs.limits_of(by).of_principal
        if not most or self._jobs.unavailable:
            return None
        return at_once(most, await self._jobs.store.waiting_of(by.id, most))
