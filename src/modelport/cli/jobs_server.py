"""The jobs of a running server, over HTTP."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Any

import click
import httpx

from modelport.cli.jobs_source import Filters
from modelport.client.calls import Calls, checked_url
from modelport.client.errors import ConnectionFailed
from modelport.client.sync_connection import SyncConnection
from modelport.client.sync_job import Job
from modelport.contract.errors import ModelportError

DEFAULT_URL = "http://127.0.0.1:5000"
CALL_SECONDS = 30.0
LOST_SECONDS = 300.0  # how long a server may be away while a job is followed


class ServerJobs:
    """Asks a server. Use it in a `with` block."""

    def __init__(self, url: str):
        self.url = url
        try:
            http = httpx.Client(base_url=checked_url(url))
        except (ValueError, httpx.InvalidURL) as error:
            raise click.UsageError(f"Invalid value for '--url': {error}") from None
        self._calls = Calls(CALL_SECONDS)
        self._connection = SyncConnection(http, self._calls, LOST_SECONDS)

    def __enter__(self) -> ServerJobs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.http.close()

    def list(self, filters: Filters, limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        with self._errors():
            while True:
                page = self._connection.run(self._calls.jobs(filters, cursor))
                found += page["jobs"]
                cursor = page["next_cursor"]
                if cursor is None or len(found) >= limit:
                    return found[:limit]

    def get(self, job_id: str) -> dict[str, Any]:
        return self._ask(job_id)

    def metrics(self, job_id: str) -> dict[str, list[dict[str, Any]]]:
        return self._ask(job_id, "/metrics")["metrics"]

    def artifacts(self, job_id: str) -> list[tuple[str, int]]:
        return [(each["name"], each["size"]) for each in self._ask(job_id, "/artifacts/")["artifacts"]]

    def lines(self, job_id: str, *, follow: bool) -> Iterator[str]:
        with self._errors():
            yield from Job(self._connection, self.get(job_id)).log(follow=follow)

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self._ask(job_id, method="DELETE")

    def retry(self, job_id: str) -> dict[str, Any]:
        return self._ask(job_id, "/retry", "POST")

    def _ask(self, job_id: str, part: str = "", method: str = "GET") -> dict[str, Any]:
        with self._errors():
            return self._connection.run(self._calls.job(job_id, part, method))

    @contextlib.contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except ConnectionFailed as error:
            raise click.ClickException(
                f"no server answers at {self.url} ({error.__cause__ or error}): start one with `modelport "
                "serve`, name another with --url or MODELPORT_URL, or look into its folder with --data-dir"
            ) from None
        except ModelportError as error:
            raise click.ClickException(f"{self.url}: {error}") from None
        except (KeyError, TypeError, ValueError) as error:  # some other program listens there
            raise click.ClickException(f"{self.url}: this is no modelport server ({error!r})") from None
