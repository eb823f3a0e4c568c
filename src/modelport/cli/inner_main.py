"""The process of a command that loads a model; see `own_process.py`.

    python -P -m modelport.cli.inner_main TOLD PARENT ARGUMENTS…

runs a command line with the user's terminal. To the file descriptor TOLD it writes a byte when the model is
loaded and warm, and another one when the command has come to its end, whatever its exit status is.
"""

from __future__ import annotations

import contextlib
import os
import sys

from modelport.cli.main import cli
from modelport.cli.own_process import ENDED, CommandLine
from modelport.worker.main import die_with
from modelport.worker.world import be_plain_program


def main(arguments: list[str]) -> None:
    """Run the command line, which ends the process."""
    told, parent, *rest = arguments
    die_with(int(parent))
    line = CommandLine(rest, int(told))
    os.set_inheritable(line.told, False)
    try:
        cli(rest, prog_name="modelport", obj=line)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        line.say(ENDED)


if __name__ == "__main__":
    main(be_plain_program())
