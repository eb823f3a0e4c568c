"""What a client may be told instead of an answer.

    ModelportError
    ├── ArgumentsRefused    the arguments do not fit; `messages` says what is wrong with each
    ├── NotFound            there is no such model, job or artifact
    ├── RequestRefused      the server refused the request for another reason
    │   └── PromotionRefused    the version is worse than the live one; `report` says how
    ├── ServerBusy          the server has no room now, or the model is not ready
    ├── ModelFailed         the model failed, or the server did
    ├── JobFailed           the job has ended and has no result; `job` tells its story
    ├── ConnectionFailed    the server cannot be reached, or the connection broke
    └── TimedOut            it took longer than the caller wanted to wait

Each message is a sentence for the person who wrote the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelport.contract.errors import ModelportError, flat_messages

if TYPE_CHECKING:
    from modelport.client.records import JobRecord


class ArgumentsRefused(ModelportError):
    """The model does not take these arguments.

    `messages` maps each argument to its messages, nested by index or key as the server nests them.
    """

    def __init__(self, messages: dict[str, Any]):
        self.messages = messages
        super().__init__("; ".join(flat_messages(messages)) or "the arguments were refused")


class NotFound(ModelportError):
    """The server does not know what was asked for."""

    def __init__(self, detail: str, request_id: str = ""):
        self.detail = detail
        self.request_id = request_id
        super().__init__(detail)


class RequestRefused(ModelportError):
    """The server refused the request, with an HTTP status from 300 to 499."""

    def __init__(self, status: int, detail: str, request_id: str = ""):
        self.status = status
        self.detail = detail
        self.request_id = request_id
        super().__init__(f"{detail} (HTTP {status})")


class PromotionRefused(RequestRefused):
    """The version is worse than the live one, which stays live (HTTP 409).

    `report` is what the checks found: `checks` with the numbers, and `regressions`, a sentence for each.
    """

    def __init__(self, status: int, detail: str, report: dict[str, Any], request_id: str = ""):
        self.report = report
        super().__init__(status, detail, request_id)

    @property
    def regressions(self) -> list[str]:
        """What is worse than it may be, in words."""
        return list(self.report.get("regressions") or ())


class ServerBusy(ModelportError):
    """The server has no room now (HTTP 503), or none for this client (429).

    `retry_after` are the seconds that it asks for, if it does.
    """

    def __init__(
        self, detail: str, retry_after: float | None = None, request_id: str = "", status: int = 503
    ):
        self.status = status
        self.detail = detail
        self.retry_after = retry_after
        self.request_id = request_id
        super().__init__(detail)


class ModelFailed(ModelportError):
    """The model failed, or the server did (HTTP 5xx). The server's log has more under `request_id`."""

    def __init__(self, status: int, detail: str, request_id: str = ""):
        self.status = status
        self.detail = detail
        self.request_id = request_id
        where = f", request {request_id}" if request_id else ""
        super().__init__(f"{detail} (HTTP {status}{where})")


class JobFailed(ModelportError):
    """The job has ended without a result: `state` is failed, cancelled or interrupted."""

    def __init__(self, job: JobRecord):
        self.job = job
        self.state = job.state
        self.error = job.error or ""
        super().__init__(f"job {job.id} {job.state}" + (f": {job.error}" if job.error else ""))


class ConnectionFailed(ModelportError, ConnectionError):
    """The server cannot be reached, or the connection broke; the cause is httpx's exception."""


class TimedOut(ModelportError, TimeoutError):
    """It took longer than the caller wanted to wait. A job goes on nevertheless."""
