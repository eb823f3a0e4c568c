"""`modelport …`: the commands. Each is imported when it is asked for, so that --help answers at once."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from modelport import __version__
from modelport.cli.first_process import FIRST, go_first
from modelport.cli.own_process import CommandLine

# Each command's module, which has it as `command` or by the name after the colon; as --help lists them.
COMMANDS = {
    "serve": "modelport.cli.serve_command",
    "predict": "modelport.cli.predict",
    "train": "modelport.cli.job_command:train",
    "validate": "modelport.cli.job_command:validate",
    "jobs": "modelport.cli.jobs",
    "runs": "modelport.cli.runs",
    "login": "modelport.cli.login:login",
    "logout": "modelport.cli.login:logout",
    "keys": "modelport.cli.keys",
    "users": "modelport.cli.users",
    "audit": "modelport.cli.keys:audit",
    "usage": "modelport.cli.keys:usage",
    "monitoring": "modelport.cli.monitoring",
    "feedback": "modelport.cli.monitoring:feedback",
    "payloads": "modelport.cli.monitoring:payloads",
    "metadata": "modelport.cli.metadata",
    "check": "modelport.cli.check",
    "doctor": "modelport.cli.doctor.command",
    "config": "modelport.cli.config_command",
    "health": "modelport.cli.health",
    "build": "modelport.cli.images.command",
    "init": "modelport.cli.init",
    "openwhisk": "modelport.cli.openwhisk",
    "deepaas-run": "modelport.cli.deepaas_run",
    "deepaas-cli": "modelport.cli.deepaas_cli",
    "deepaas-predict": "modelport.cli.deepaas_predict",
}
SERVERS = ("serve", "deepaas-run")  # those that run until they are told to stop


class Commands(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        return getattr(import_module(module), name or "command")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="modelport")
def cli() -> None:
    """Any Python model, one durable HTTP API."""


def main() -> None:
    """The console script."""
    arguments = sys.argv[1:]
    del sys.argv[1:]  # a model that this process loads must not take them for its own
    if os.getpid() == FIRST and arguments and arguments[0] in SERVERS:
        go_first()
    cli(arguments, prog_name="modelport", obj=CommandLine(arguments))


if __name__ == "__main__":
    main()
