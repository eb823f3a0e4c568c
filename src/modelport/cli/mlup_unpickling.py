"""The process that unpickles an application of mlup, and prints its configuration as JSON.

It runs the code of the file, which the operator trusts, so that the server need not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from modelport.cli.loading import answers_only
from modelport.contract.errors import ModelLoadError
from modelport.contract.model_options import ModelOptions
from modelport.sources.files.loading import load_pickled
from modelport.worker.world import be_plain_program


def main(path: str) -> int:
    """Print the configuration of the application in this file; the exit status is 1 if it has none."""
    with answers_only() as stdout:
        try:
            application = load_pickled(Path(path), ModelOptions(trust=True))
            held: dict[str, Any] = application.to_dict()
            checked_by = application.conf.custom_column_pydantic_model
        except ModelLoadError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        except Exception as error:  # code of the file
            sys.stderr.write(f"{path}: {type(error).__name__}: {error}\n")
            return 1
        if checked_by is not None:
            held["web"]["custom_column_pydantic_model"] = _name(checked_by)
        stdout.write(json.dumps(held, default=_name).encode())
    return 0


def _name(value: Any) -> str:
    """Where a class comes from; for anything else what it looks like."""
    if isinstance(value, type):
        cls = cast("type[Any]", value)
        return f"{cls.__module__}.{cls.__qualname__}"
    return repr(value)[:200]


if __name__ == "__main__":
    sys.exit(main(*be_plain_program()))
