"""Rows that fail: what is said of each, and when it is no longer the rows that are to blame."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from modelport.contract.calls import HIDDEN, Answer, Call
from modelport.worker.batch_jobs.chunks import Fault
from modelport.worker.host import Host
from modelport.worker.world import end_if_forked

MAX_TRACES = 10  # in the log of a job
MAX_DETAIL = 1000
FIRST_FAILURES = 100  # of a model that has not answered one row: it is broken, and not the rows


class Faults:
    """What becomes of the errors of single rows of a job: the first `traces` have theirs in its log.

    Where no client may read them they are `hidden`, for the log of the server.
    """

    def __init__(self, host: Host, traces: int):
        self._host = host
        self._traces = traces
        self.hidden: list[str] = []
        self._failures = 0
        self._has_answered = False

    def of(self, call: Call, error: BaseException) -> Fault:
        """The fault of the row that has raised. Raises the error itself where the model fails for any row."""
        end_if_forked(self._host.process, error)
        answer = self._host.failed(call, error)
        hides = self._host.load.hide_errors and answer.status == 500
        if answer.status >= 500:
            self._failures += 1
            if self._failures >= FIRST_FAILURES and not self._has_answered:
                raise error
        if answer.failure and self._traces:
            self._traces -= 1
            if hides:
                self.hidden.append(answer.failure)
            else:
                print(answer.failure, file=sys.stderr)
        return Fault(answer.status, HIDDEN if hides else _said(answer)[:MAX_DETAIL])

    def answered(self) -> None:
        """The model has answered a row."""
        self._has_answered = True


def _said(answer: Answer) -> str:
    if answer.detail or answer.reason:
        return answer.detail or answer.reason
    try:
        return "; ".join(messages(msgspec.json.decode(answer.body)))
    except msgspec.DecodeError:
        return f"status {answer.status}"


def messages(found: Any, where: str = "") -> Iterator[str]:
    """A map of messages, flat: each after the path to what it is about."""
    if isinstance(found, dict):
        for key, value in cast("dict[str, Any]", found).items():
            yield from messages(value, where if key == "_schema" else f"{where}.{key}".lstrip("."))
    elif isinstance(found, list):
        for one in cast("list[Any]", found):
            yield from messages(one, where)
    else:
        yield f"{where}: {found}" if where else str(found)
