"""What a client can ask about how a model is doing, and tell of it: flows that both clients run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from modelport.client.arguments import Body
from modelport.client.calls import Calls
from modelport.client.exchange import Flow, Request, exchange

AT_ONCE = 200  # truths that are sent together
REPORT_SECONDS = 150.0  # that a report may take


class MonitoringCalls:
    """The questions about monitoring. A model is found as `Calls` finds it."""

    def __init__(self, calls: Calls):
        self.calls = calls

    def feedback(self, model: str | None, truths: Mapping[str, Any]) -> Flow[dict[str, Any]]:
        """Tell what answers should have been, by the ids of their requests: what became of it, in all."""
        if not truths:
            raise ValueError("feedback: there are no truths to tell")
        deadline = self.calls.deadline()
        path = yield from self.calls.model_path(model, deadline)
        found: dict[str, Any] = {"kept": 0, "known": 0, "waiting": 0, "refused": []}
        for some in _parts(truths):
            sent = [{"request_id": request_id, "truth": truth} for request_id, truth in some]
            body = Body(json=msgspec.json.encode({"feedback": sent}))
            answer = (yield from exchange(Request("POST", f"{path}/feedback", body=body), deadline)).json()
            found = {name: found[name] + answer[name] for name in found}
        return found

    def monitoring(
        self, model: str | None, window: str | None, version: int | str | None, reference: str | None
    ) -> Flow[dict[str, Any]]:
        """The report on a model."""
        deadline = self.calls.deadline(REPORT_SECONDS)
        path = yield from self.calls.model_path(model, deadline)
        given = {"window": window, "version": version, "reference": reference}
        query = {name: str(value) for name, value in given.items() if value is not None}
        return (yield from exchange(Request("GET", f"{path}/monitoring", query), deadline)).json()

    def prune(self, model: str | None, older_than: str | None) -> Flow[dict[str, Any]]:
        """Remove what the payload log has of a model; how many `files` and `bytes` that were."""
        deadline = self.calls.deadline()
        path = yield from self.calls.model_path(model, deadline)
        query = {} if older_than is None else {"older_than": older_than}
        return (yield from exchange(Request("DELETE", f"{path}/payloads", query), deadline)).json()


def _parts(truths: Mapping[str, Any]) -> Iterator[list[tuple[str, Any]]]:
    items = iter(truths.items())
    while some := list(islice(items, AT_ONCE)):
        yield some
