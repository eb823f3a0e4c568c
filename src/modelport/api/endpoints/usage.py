"""Who has used what, and may use how much."""

from __future__ import annotations

from modelport.api.endpoints import parameters as of
from modelport.api.endpoints.row import AccessScope, Endpoint, data
from modelport.api.endpoints.statuses import STORED
from modelport.api.resources.usage import OwnLimits, UsagePage

USAGE = (
    Endpoint(
        "GET", "/v2/usage", lambda on: on.usage.list, AccessScope.READ,
        "identity", "usage", "What was used on each day: one's own; that of all, for administrators",
        {200: data("A page of it, the newest day first", UsagePage)}, STORED,
        parameters=of.OF_USAGE, owned=True,
    ),
    Endpoint(
        "GET", "/v2/me/limits", lambda on: on.own_limits.own, AccessScope.READ,
        "identity", "own_limits", "What limits who asks, and what is left of it",
        {200: data("The limits", OwnLimits)}, STORED, owned=True,
    ),
)  # fmt: skip
