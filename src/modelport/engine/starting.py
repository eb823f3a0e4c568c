"""How processes that may run a model's code are started: all that they inherit is decided here.

They find what a plain program finds that imports the model: the variables of the server but for its settings,
nothing on stdin, and no working folder in front of Python's own modules (`-P`). That there are no arguments,
and the like, `worker/world.py` sees to. Beyond a plain program they have temporary files in a folder of their
own, output that is not held back, and a `deepaas` for the processes that they start.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

import modelport
from modelport.variables import PREFIX

PACKAGE = Path(modelport.__file__).absolute().parent
FOR_CHILDREN = PACKAGE / "sources" / "for_children"  # the stand-in for deepaas, to be found in PYTHONPATH


class Plain(TypedDict):
    """Options of `subprocess.Popen`."""

    stdin: int
    start_new_session: bool
    env: dict[str, str]


def command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of ours as a process."""
    return [sys.executable, "-P", "-m", module, *arguments]


def plain_options(own: Mapping[str, str], also: Mapping[str, str] = MappingProxyType({})) -> Plain:
    """How `subprocess` starts it: without stdin, in a session of its own, and with `own` variables, too.

    `also` are as if the server had them, and more its users' than `own`, which come last.
    """
    variables = environment({**os.environ, **also}, own)
    return Plain(stdin=subprocess.DEVNULL, start_new_session=True, env=variables)


def environment(variables: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The variables of such a process, out of the server's: no settings of the server are among them."""
    kept = {name: value for name, value in variables.items() if not name.startswith(PREFIX)}
    places = [variables["PYTHONPATH"]] if variables.get("PYTHONPATH") else []
    if str(PACKAGE.parent) == sys.path[0]:
        places.append(sys.path[0])  # this modelport was found beside the program, or in the working folder
    return {**kept, "PYTHONPATH": os.pathsep.join([*places, str(FOR_CHILDREN)]), **own}
