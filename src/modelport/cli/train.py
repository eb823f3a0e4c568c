"""The command `modelport train`."""

from __future__ import annotations

from modelport.cli.job_command import job_command

command = job_command("train")
