"""The commands `modelport jobs …`: look at jobs, and tell them to stop or to run again."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from time import time

import click

from modelport.cli.jobs_source import JobSource, full_id
from modelport.cli.loading import interruptible
from modelport.cli.server_options import ListingGroup, json_option, print_json, url_option
from modelport.jobs.states import KINDS, State

STATES = tuple(str(state) for state in State)
DATA_DIR = click.Path(file_okay=False, path_type=Path)


def _opened(
    url: str | None, data_dir: Path | None, *, to_change: bool = False
) -> AbstractContextManager[JobSource]:
    """The source that the options name: the folder if there is one, else a server."""
    if data_dir is not None:
        from modelport.cli.jobs_folder import FolderJobs

        return FolderJobs(data_dir, to_change=to_change)
    from modelport.cli.jobs_server import ServerJobs

    return ServerJobs(url)


def _where() -> list[click.Parameter]:
    """The options that say whose jobs."""
    return [
        url_option(),
        click.Option(
            ["data_dir", "--data-dir"],
            type=DATA_DIR,
            metavar="DIR",
            help="a server's data folder, instead of a server",
        ),
    ]


def _job() -> click.Argument:
    return click.Argument(["job_id"], metavar="JOB")


def _jobs() -> click.Argument:
    return click.Argument(["job_ids"], metavar="JOB...", nargs=-1, required=True)


def _list(url: str | None, data_dir: Path | None, limit: int, as_json: bool, **filters: str | None) -> None:
    with interruptible(), _opened(url, data_dir) as source:
        found = source.list(filters, limit)
    if as_json:
        print_json(found)
        return
    if not found:
        click.echo("there are no such jobs", err=True)
        return
    from modelport.cli.jobs_tables import print_jobs

    print_jobs(found)


def _show(url: str | None, data_dir: Path | None, job_id: str, as_json: bool) -> None:
    with interruptible(), _opened(url, data_dir) as source:
        job_id = full_id(source, job_id)
        job = source.get(job_id)
        if as_json:
            print_json(job)
            return
        metrics, artifacts = source.metrics(job_id), source.artifacts(job_id)
    from modelport.cli.jobs_tables import print_job

    print_job(job, metrics, artifacts)


def _log(url: str | None, data_dir: Path | None, job_id: str, follow: bool) -> None:
    with interruptible(), _opened(url, data_dir) as source:
        for line in source.lines(full_id(source, job_id), follow=follow):
            click.echo(line)


def _download(
    url: str | None, data_dir: Path | None, job_id: str, names: tuple[str, ...], output: Path
) -> None:
    with interruptible(), _opened(url, data_dir) as source:
        job_id = full_id(source, job_id)
        source.get(job_id)  # so that an id of none is told apart from a job that kept nothing
        there_are = [name for name, _ in source.artifacts(job_id)]
        for name in names:
            if name not in there_are:
                has = f"it has {', '.join(there_are[:20])}" if there_are else "it has kept none"
                raise click.ClickException(f"job {job_id} has no file {name!r}: {has}")
        if not there_are:
            click.echo(f"job {job_id} has kept no files", err=True)
        for name in names or there_are:
            source.save(job_id, name, _place(output, name))
            click.echo(str(output / name))


def _place(folder: Path, name: str) -> Path:
    """Where a file of a job goes: below the folder, whatever its name is. Raises `click.ClickException`."""
    place = folder / name
    if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
        raise click.ClickException(f"the file {name!r} would lie outside of {folder}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"{place.parent} cannot be made: {error.strerror}") from None
    return place


def _cancel(url: str | None, data_dir: Path | None, job_ids: tuple[str, ...]) -> None:
    with interruptible(), _opened(url, data_dir, to_change=True) as source:
        for job_id in [full_id(source, each) for each in job_ids]:
            job = source.cancel(job_id)
            state = "running, asked to stop" if job["state"] == "running" else job["state"]
            click.echo(f"{job_id} is {state}")


def _retry(url: str | None, data_dir: Path | None, job_ids: tuple[str, ...]) -> None:
    with interruptible(), _opened(url, data_dir, to_change=True) as source:
        for job_id in [full_id(source, each) for each in job_ids]:
            click.echo(f"{job_id} is {source.retry(job_id)['state']}")


def _prune(data_dir: Path | None, older_than: float) -> None:
    from modelport.cli.jobs_folder import FolderJobs

    with interruptible(), FolderJobs(data_dir or _own_data_dir(), to_change=True) as jobs:
        removed = jobs.prune(time() - older_than)
    click.echo(f"removed {removed} job{'s' * (removed != 1)}")


def _own_data_dir() -> Path:
    """The folder that a server with these variables would use."""
    from modelport.settings import data_folder
    from modelport.settings.checking import SettingsError
    from modelport.settings.reading import load_settings

    try:
        return data_folder(load_settings({}).data_dir)
    except SettingsError as error:
        raise click.UsageError(str(error)) from None


def _duration(ctx: click.Context, parameter: click.Parameter, text: str) -> float:
    from modelport.settings.written import seconds_of

    try:
        return seconds_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


command = ListingGroup(
    "jobs",
    short_help="List, show, follow, download, cancel, retry and remove jobs.",
    help="Look at the jobs of a server, or of a data folder, and tell them to stop or to run again. Without "
    "a command it lists. A JOB is its id, or the first characters of it that no other job has.",
    commands=[
        click.Command(
            "list",
            callback=_list,
            params=[
                click.Option(["model", "--model"], metavar="NAME", help="only jobs of this model"),
                click.Option(["kind", "--kind"], type=click.Choice(KINDS), help="only jobs of this kind"),
                click.Option(["state", "--state"], type=click.Choice(STATES), help="only in this state"),
                click.Option(
                    ["limit", "--limit", "-n"],
                    type=click.IntRange(1, 100_000),
                    default=20,
                    show_default=True,
                    help="at most so many",
                ),
                json_option("/v2/jobs"),
                *_where(),
            ],
            help="List jobs, newest first.",
        ),
        click.Command(
            "show",
            callback=_show,
            params=[_job(), json_option("/v2/jobs"), *_where()],
            help="Show one job: its state, arguments, metrics and artifacts.",
        ),
        click.Command(
            "log",
            callback=_log,
            params=[
                _job(),
                click.Option(
                    ["follow", "-f", "--follow"], is_flag=True, help="go on until the job has ended"
                ),
                *_where(),
            ],
            help="Print what a job has printed.",
        ),
        click.Command(
            "download",
            callback=_download,
            params=[
                _job(),
                click.Argument(["names"], metavar="[NAME]...", nargs=-1),
                click.Option(
                    ["output", "-o", "--output"],
                    type=DATA_DIR,
                    default=".",
                    metavar="DIR",
                    help="where to put them [default: this folder]",
                ),
                *_where(),
            ],
            help="Save the files that a job has kept: those named, or all.",
        ),
        click.Command(
            "cancel",
            callback=_cancel,
            params=[_jobs(), *_where()],
            help="Ask jobs to stop: one that waits is cancelled at once, one that runs gets time to end.",
        ),
        click.Command(
            "retry",
            callback=_retry,
            params=[_jobs(), *_where()],
            help="Queue interrupted jobs again.",
        ),
        click.Command(
            "prune",
            callback=_prune,
            params=[
                click.Option(
                    ["older_than", "--older-than"],
                    required=True,
                    callback=_duration,
                    metavar="DURATION",
                    help="such as 12h or 30d, counted from a job's end; 0 for all that have ended",
                ),
                click.Option(
                    ["data_dir", "--data-dir"],
                    type=DATA_DIR,
                    metavar="DIR",
                    help="the data folder [default: the setting data_dir]",
                ),
            ],
            help="Remove ended jobs with their files from a data folder that no server uses. A server does "
            "this by itself: see its setting keep_jobs.",
        ),
    ],
)
