"""What a client can ask about runs and versions: each question as a flow that both clients run."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from modelport.client.arguments import Body, body_of
from modelport.client.calls import Calls
from modelport.client.exchange import Flow, Request, exchange
from modelport.client.run_records import Promotion, Run, Version, promotion_of, run_of, version_of

MAX_PAGE = 1000


class RunCalls:
    """The questions about runs. A model is found as `Calls` finds it."""

    def __init__(self, calls: Calls):
        self.calls = calls

    def runs(self, model: str | None, top: int, order_by: str | None) -> Flow[list[Run]]:
        """The first `top` runs."""
        listed = yield from self.listed(model, top, order_by)
        return [run_of(body) for body in listed["runs"]]

    def listed(self, model: str | None, top: int, order_by: str | None) -> Flow[dict[str, Any]]:
        """The JSON of the first `top` runs, and of the order that they are in."""
        found: list[dict[str, Any]] = []
        query = {"order_by": order_by} if order_by else {}
        while True:
            query["top"] = str(min(top - len(found), MAX_PAGE))
            page = yield from self._ask(model, "/runs", query=query)
            found += page["runs"]
            if page["next_cursor"] is None or len(found) >= top:
                return {"runs": found, "order_by": page["order_by"]}
            query["cursor"] = page["next_cursor"]

    def run(self, model: str | None, run_id: str) -> Flow[Run]:
        """A run by its id, or by `best` or `live`."""
        return run_of((yield from self.described(model, run_id)))

    def described(self, model: str | None, run_id: str) -> Flow[dict[str, Any]]:
        """The JSON of a run. Raises `ValueError` for an empty id, which is the path of all runs."""
        if not run_id:
            raise ValueError("a run's id must not be empty")
        return (yield from self._ask(model, f"/runs/{quote(run_id, safe='')}"))

    def versions(self, model: str | None) -> Flow[list[Version]]:
        """All versions, the newest first."""
        found: list[Version] = []
        query = {"limit": str(MAX_PAGE)}
        while True:
            page = yield from self._ask(model, "/versions", query=query)
            found += [version_of(body) for body in page["versions"]]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    def promote(self, model: str | None, version: int | str, **how: Any) -> Flow[Promotion]:
        """Make a version live; of `how` what is `None` is left to the server.

        It is not asked for a second time: the first may be under way.
        """
        body = {"version": version} | {name: value for name, value in how.items() if value is not None}
        return promotion_of((yield from self._change(model, "PUT", "/aliases/live", body_of(body))))

    def roll_back(self, model: str | None) -> Flow[Promotion]:
        """Make the version live that was so before. A second time would be a step further back."""
        return promotion_of((yield from self._change(model, "POST", "/rollback", Body())))

    def _ask(self, model: str | None, part: str, query: dict[str, str] | None = None) -> Flow[dict[str, Any]]:
        deadline = self.calls.deadline()
        path = yield from self.calls.model_path(model, deadline)
        response = yield from exchange(Request("GET", path + part, query or {}), deadline)
        return response.json()

    def _change(self, model: str | None, method: str, part: str, body: Body) -> Flow[dict[str, Any]]:
        deadline = self.calls.deadline()
        path = yield from self.calls.model_path(model, deadline)
        request = Request(method, path + part, body=body, repeatable=False)
        response = yield from exchange(request, deadline)
        return response.json()
