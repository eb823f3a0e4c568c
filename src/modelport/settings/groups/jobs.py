"""Jobs: where they are kept, how many run, how they are told of."""

from __future__ import annotations

from dataclasses import dataclass

from modelport.settings.declaring import setting
from modelport.settings.values import wrong_database, wrong_duration, wrong_files, wrong_ports, wrong_size


@dataclass(frozen=True, kw_only=True)
class JobSettings:
    """Jobs: where they are kept, how many run, how they are told of."""

    data_dir: str = setting(
        "",
        "folder of jobs and runs: database, files, artifacts; by default .modelport in the working folder if "
        "that is there, else modelport in XDG_DATA_HOME (~/.local/share)",
        heading="Jobs",
        is_path=True,
    )
    adopt: bool = setting(
        False, "go on with runs, versions and jobs that models of these names have made at other places"
    )
    database_url: str | None = setting(
        None,
        "PostgreSQL for the jobs (postgresql://…), which servers can share, instead of the file",
        wrong=wrong_database,
        secret=True,
    )
    files_url: str | None = setting(
        None,
        "where servers with disks of their own share the files of jobs: inputs, artifacts, saved models and "
        "large results; s3://…, gs://…, az://… or file:///… [default: data_dir, which all of them see]",
        wrong=wrong_files,
    )
    files_copies_size: str = setting(
        "20G",
        "with files_url: size of the copies of shared files on this disk, above which those go that nobody "
        "has used for longest and nothing uses now; 0 for no limit",
        wrong=wrong_size,
    )
    files_link_seconds: int = setting(
        0,
        "seconds for which a link to a large artifact at files_url is good, to which who asks with "
        "redirect=true is sent; 0 gives no links: all goes through the server",
        most=604800,
    )
    poll_seconds: float = setting(
        1.0,
        "seconds between two looks at what other servers have changed in a PostgreSQL, beside what they tell "
        "each other at once",
        least=1,
        most=60,
    )
    job_workers: int = setting(
        1,
        "jobs that run at once, the rest waits in order; a number of a model's own is for that alone",
        of_model=True,
    )
    max_queued_jobs: int = setting(
        1000, "jobs that may wait to be run for each model; more are answered 429; 0 for any number"
    )
    max_queued_jobs_in_all: int = setting(5000, "the same for all models of the database together")
    job_attempts: int = setting(
        1, "how often a job is tried when its process is lost; predictions and resumable trainings: 3 or more"
    )
    cancel_grace: float = setting(10.0, "seconds a cancelled job gets to end before it is killed")
    keep_jobs: str = setting(
        "30d", "how long ended jobs are kept, such as 12h or 30d; 0 keeps them", wrong=wrong_duration
    )
    webhook_secret: str | None = setting(
        None,
        "secret that webhooks are signed with (whsec_…); one is made in data_dir if none is given",
        secret=True,
    )
    allow_private_callbacks: bool = setting(
        False, "let webhooks go to private addresses, for receivers in your own network"
    )
    callback_ports: list[str] = setting(
        ["80", "443"],
        "ports that webhooks may go to: numbers, and ranges such as 8000-8999",
        wrong=wrong_ports,
    )
