"""Settings as keyword arguments of Python functions."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

from modelport.settings import Settings
from modelport.settings.checking import declarations, setting_types
from modelport.settings.of_models import own_of_mapping
from modelport.settings.reading import load_settings
from modelport.sources.near_names import did_you_mean
from modelport.variables import WORKER_MARK

MODEL_SETTINGS = "model_settings"  # the argument that has those of single models
LOG_SETTINGS = frozenset(name for name, known in declarations().items() if known.of == "process")
PROCESSES = "server_processes"
# What the HTTP server that runs an application does, and the application cannot.
SERVER_SETTINGS = frozenset(name for name, known in declarations().items() if known.of == "server")


def settings_of(
    function: str,
    given: Mapping[str, Any],
    *,
    environment: Mapping[str, str] | None = None,
    elsewhere: Collection[str] = (),
) -> Settings:
    """The settings that the keyword arguments of `function` name, over those of `MODELPORT_*` variables.

    Those `elsewhere` are not the function's to set. Raises `TypeError` for a name that is no setting of it,
    `SettingsError` (a `ValueError`) for a value that cannot be used.
    """
    known = [name for name in setting_types() if name != "sources" and name not in elsewhere]
    general = {name: value for name, value in given.items() if name != MODEL_SETTINGS}
    for name in general:
        if name == PROCESSES and name in elsewhere:
            raise TypeError(
                f"{function} has no argument {name!r}: it runs within one process; modelport.serve() and "
                "modelport serve have several"
            )
        if name in LOG_SETTINGS and name in elsewhere:
            raise TypeError(f"{function} has no argument {name!r}: set up the logger 'modelport' yourself")
        if name in elsewhere:
            raise TypeError(
                f"{function} has no argument {name!r}: that is for the HTTP server that runs the application"
            )
        if name not in known:
            raise TypeError(
                f"{function} has no argument {name!r}{did_you_mean(name, [*known, MODEL_SETTINGS])}"
            )
    own = own_of_mapping(given.get(MODEL_SETTINGS) or {}, f"{function}: {MODEL_SETTINGS}")
    return load_settings(
        general,
        environment=environment or {},
        spelled=lambda name: f"{function}: {name}",
        models=own,
    )


def refuse_in_worker(function: str) -> None:
    """Raise `RuntimeError` in a worker: a module that starts a server when imported would never end to."""
    if WORKER_MARK in os.environ:
        raise RuntimeError(
            f"{function} was called while a worker process imported this module; put the call below "
            "`if __name__ == '__main__':` or into a function"
        )
