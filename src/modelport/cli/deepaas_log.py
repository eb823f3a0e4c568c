"""The line of DEEPaaS's log that scripts look for: `return: ` and what a method returned."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

STDERR = 2


def log_return(text: str, stdout: int) -> bool:
    """Say on stderr what was returned, unless that is a terminal. True if stdout is to have it, too.

    DEEPaaS writes nothing else: where both are one pipe or file, as by `2>&1`, it stands there once.
    """
    if sys.stderr.isatty():
        return True
    click.echo(f"modelport: return: {text}", err=True)
    return not os.path.samestat(os.fstat(stdout), os.fstat(STDERR))


def log_prediction(answer: bytes | Path, stdout: int) -> bool:
    """The same for a prediction, which DEEPaaS logs as Python writes it."""
    text = _saved(answer) if isinstance(answer, Path) else f"{json.loads(answer)}"
    return log_return(text, stdout)


def log_training(answer: bytes | Path, stdout: int) -> bool:
    """The same for a training, which DEEPaaS logs as JSON."""
    text = _saved(answer) if isinstance(answer, Path) else answer.decode()
    return log_return(text, stdout)


def _saved(path: Path) -> str:
    return f"Output is saved in {path}"
