"""What can be wrong with a question about runs and versions, with the words for its client."""

from __future__ import annotations

from typing import Any


class RunError(Exception):
    """A request about runs that cannot be done: `status` is that of HTTP, `detail` says why and what to do.

    `retry_after` is in seconds, `report` what the checks before a promotion found.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        retry_after: int | None = None,
        report: dict[str, Any] | None = None,
    ):
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.report = report
        super().__init__(detail)


def no_version(model: str, version: int) -> RunError:
    """There is no such version."""
    return RunError(404, f"the model {model!r} has no version {version}")
