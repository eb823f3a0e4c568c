"""`/v2/usage`: who has used what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelport.api.answers import json_response
from modelport.api.credentials import check, principal_of
from modelport.api.query_values import cursor_in, cursor_text, number_in
from modelport.api.resources import usage as resources
from modelport.identity.accounting import Accounting
from modelport.identity.principals import AccessScope
from modelport.telemetry.usage import Asked, UsedOnDay

MAX_PAGE = 1000
MAX_DAYS = 4000


class UsageRoutes:
    """The handlers, one method a resource."""

    def __init__(self, accounting: Accounting):
        self._accounting = accounting

    async def list(self, request: Request) -> Response:
        """`GET /v2/usage?days&principal&model&limit&cursor`: one's own; that of all for administrators."""
        query, by = request.query_params, principal_of(request.scope)
        principal = query.get("principal") or None
        if principal is not None and principal != by.id:
            check(by, AccessScope.ADMIN)
        elif principal is None and not by.may_everywhere(AccessScope.ADMIN):
            principal = by.id
        days = number_in(query, "days", 30, 1, MAX_DAYS)
        asked = Asked(days=days, principal=principal, model=query.get("model") or None)
        limit = number_in(query, "limit", 100, 1, MAX_PAGE)
        page = await self._accounting.page(asked, limit, cursor_in(query))
        names = await self._accounting.names(row.principal for row in page.rows)
        found = [usage_body(row, names) for row in page.rows]
        return json_response(resources.UsagePage(found, cursor_text(page.cursor)))


def usage_body(row: UsedOnDay, names: Mapping[str, str]) -> resources.Usage:
    """What was used on a day, as clients see it, with the names of who asks."""
    values: dict[str, Any] = msgspec.structs.asdict(row)
    values["model_seconds"] = round(row.model_seconds, 6)
    return resources.Usage(name=names.get(row.principal), **values)
