"""The programs `deepaas-run`, `deepaas-cli` and `deepaas-predict`, of modelport-deepaas-commands."""

from __future__ import annotations

import sys

from modelport.cli.main import main


def run() -> None:
    """The program `deepaas-run`."""
    _main("deepaas-run")


def cli() -> None:
    """The program `deepaas-cli`."""
    _main("deepaas-cli")


def predict() -> None:
    """The program `deepaas-predict`."""
    _main("deepaas-predict")


def _main(command: str) -> None:
    sys.argv.insert(1, command)
    main()
