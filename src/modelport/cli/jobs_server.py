"""The jobs of a running server, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from modelport.cli.jobs_source import Filters
from modelport.cli.server_connection import ServerConnection
from modelport.client.sync_job import Artifact, Job


class ServerJobs:
    """Asks a server. Use it in a `with` block."""

    def __init__(self, url: str | None):
        self._server = ServerConnection(url, hint=", or look into its folder with --data-dir")
        self._calls = self._server.calls

    def __enter__(self) -> ServerJobs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.__exit__(kind, error, traceback)

    def list(self, filters: Filters, limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        with self._server.errors():
            while True:
                page = self._server.run(self._calls.jobs(filters, cursor))
                found += page["jobs"]
                cursor = page["next_cursor"]
                if cursor is None or len(found) >= limit:
                    return found[:limit]

    def get(self, job_id: str) -> dict[str, Any]:
        return self._ask(job_id)

    def metrics(self, job_id: str) -> dict[str, list[dict[str, Any]]]:
        return self._server.run(self._calls.metrics(job_id))

    def artifacts(self, job_id: str) -> list[tuple[str, int]]:
        return [(each["name"], each["size"]) for each in self._ask(job_id, "/artifacts/")["artifacts"]]

    def save(self, job_id: str, name: str, place: Path) -> None:
        with self._server.errors():
            Artifact(name, None, job_id, self._server.connection).save(place)

    def lines(self, job_id: str, *, follow: bool) -> Iterator[str]:
        with self._server.errors():
            yield from Job(self._server.connection, self.get(job_id)).log(follow=follow)

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self._ask(job_id, method="DELETE")

    def retry(self, job_id: str) -> dict[str, Any]:
        return self._ask(job_id, "/retry", "POST")

    def _ask(self, job_id: str, part: str = "", method: str = "GET") -> dict[str, Any]:
        return self._server.run(self._calls.job(job_id, part, method))
