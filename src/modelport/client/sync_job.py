"""A job of a server, for code that blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelport.client.answers import place_of
from modelport.client.following import Following
from modelport.client.progress_bar import ShowProgress, bar_for
from modelport.client.records import Event, JobRecord, MetricPoint, metrics_of
from modelport.client.saving import Saving, artifact_path
from modelport.client.sync_connection import SyncConnection


@dataclass(frozen=True)
class Artifact:
    """A file that a job kept. `size` is `None` until the server was asked for the list."""

    name: str
    size: int | None
    job_id: str
    _connection: SyncConnection = field(repr=False, compare=False)

    def save(self, path: str | Path) -> Path:
        """Write it to a file, or under its own name to a folder; returns the file. Raises `OSError`."""
        response = self._connection.run(
            self._connection.calls.download(artifact_path(self.job_id, self.name))
        )
        with Saving(place_of(path, self.name)) as saving:
            for chunk in self._connection.chunks(response):
                saving.write(chunk)
        return saving.place

    def read(self) -> bytes:
        """Its content."""
        response = self._connection.run(
            self._connection.calls.download(artifact_path(self.job_id, self.name))
        )
        return b"".join(self._connection.chunks(response))


class Job(JobRecord):
    """A job: what the server said of it last, and what can be asked of it. Clients make it."""

    def __init__(self, connection: SyncConnection, body: dict[str, Any]):
        super().__init__(body["id"])
        self._connection = connection
        self._calls = connection.calls
        self.update(body)

    def refresh(self) -> Job:
        """Ask the server how it is now; returns the job itself."""
        self.update(self._connection.run(self._calls.job(self.id)))
        return self

    def wait(self, timeout: float | None = None, progress: ShowProgress = False) -> Job:
        """Wait until it has ended, also over a restart of the server; returns the job itself.

        `progress` shows a bar, or is a function that is called with the job when its state or progress
        changes. Raises `TimedOut` after `timeout` seconds; the job goes on.
        """
        if self.ended and self.refresh().ended:  # an interrupted one may run again
            return self
        bar = bar_for(progress)
        try:
            bar.show(self)
            for event in self._follow(0, timeout):
                if self.observe(event):
                    bar.show(self)
            bar.show(self)
        finally:
            bar.close()
        return self

    def result(self, timeout: float | None = None) -> Any:
        """What it returned, once it has ended. Raises `JobFailed` if it has no result, and `TimedOut`."""
        if not self.ended:
            self.wait(timeout)
        return self._connection.run(self._calls.result(self))

    def events(self, after: int = 0, timeout: float | None = None) -> Iterator[Event]:
        """What happens to it, from the event after this number until its end, as it happens."""
        return self._follow(after, timeout)

    def log(self, follow: bool = False) -> Iterator[str]:
        """The lines that it printed; with `follow` also those to come, until its end."""
        if not follow:
            return iter(self._connection.run(self._calls.lines(self.id)))
        return (event.data["line"] for event in self.events() if event.type == "log")

    def metrics(self) -> dict[str, list[MetricPoint]]:
        """The numbers that it recorded, by name."""
        return metrics_of(self._connection.run(self._calls.metrics(self.id)))

    def artifacts(self) -> list[Artifact]:
        """The files that it kept."""
        body = self._connection.run(self._calls.job(self.id, "/artifacts/"))
        return [Artifact(a["name"], a["size"], self.id, self._connection) for a in body["artifacts"]]

    def artifact(self, name: str) -> Artifact:
        """The file of this name; whether it exists shows when it is read."""
        return Artifact(name, None, self.id, self._connection)

    def cancel(self) -> Job:
        """Ask it to stop; returns the job itself, which may still have to end."""
        self.update(self._connection.run(self._calls.job(self.id, method="DELETE")))
        return self

    def _follow(self, after: int, timeout: float | None) -> Iterator[Event]:
        following = Following(self, after, timeout, self._connection.lost_for)
        return self._connection.follow(following)
