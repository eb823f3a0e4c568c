"""Where `modelport jobs` finds jobs: a server, or the data folder that servers leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import click

ID_LENGTH = 32
LEAST_PREFIX = 4
MOST_JOBS = 100_000
Filters = Mapping[str, str | None]


class JobSource(Protocol):
    """What can be asked of jobs. A job is the JSON that `/v2/jobs/ID` answers.

    Every method raises `click.ClickException` with a sentence for the user.
    """

    def list(self, filters: Filters, limit: int) -> list[dict[str, Any]]:
        """The newest jobs that fit (`model`, `kind`, `state`), newest first."""
        ...

    def get(self, job_id: str) -> dict[str, Any]:
        """One job."""
        ...

    def metrics(self, job_id: str) -> dict[str, list[dict[str, Any]]]:
        """Each metric's points, as `/v2/jobs/ID/metrics` has them."""
        ...

    def artifacts(self, job_id: str) -> list[tuple[str, int]]:
        """Name and size of each file that it kept."""
        ...

    def save(self, job_id: str, name: str, place: Path) -> None:
        """Write a file that it kept to `place`, whose folder exists."""
        ...

    def lines(self, job_id: str, *, follow: bool) -> Iterator[str]:
        """What it printed; with `follow` until it has ended."""
        ...

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Ask it to stop; the job as it is then."""
        ...

    def retry(self, job_id: str) -> dict[str, Any]:
        """Queue an interrupted job again; the job as it is then."""
        ...


def full_id(source: JobSource, text: str) -> str:
    """The id of the job that `text` is, or begins. Raises `click.ClickException` if that is not one job."""
    if len(text) >= ID_LENGTH:
        return text
    if len(text) < LEAST_PREFIX:
        raise click.UsageError(
            f"Invalid value for 'JOB': {text!r}: give an id, or at least its first {LEAST_PREFIX} characters."
        )
    found = [job["id"] for job in source.list({}, MOST_JOBS) if job["id"].startswith(text)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise click.ClickException(f"there is no job {text!r}, nor one whose id begins so")
    raise click.ClickException(
        f"{len(found)} jobs have ids that begin with {text!r}: {', '.join(found[:5])}"
        + (", …" if len(found) > 5 else "")
    )
