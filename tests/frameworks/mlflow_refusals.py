"""Why models of MLflow are not served: as their loader says it, and as the command shows it."""

from __future__ import annotations

import json
import subprocess
import sys

from serving import environment

ASK = """
import json, sys
from modelport.contract.errors import ModelLoadError
from modelport.sources.load import load_model
from modelport.sources.source import parse_source

said = []
for source in sys.argv[1:]:
    try:
        load_model(parse_source(source))
    except ModelLoadError as error:
        said.append(str(error))
print(json.dumps(said))
"""


def refusals(sources: list[str], **variables: str) -> list[str]:
    """Why they cannot be loaded, told by one process: each would take seconds to import MLflow."""
    ended = subprocess.run(
        [sys.executable, "-c", ASK, *sources],
        env=environment(**variables), capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    said: list[str] = json.loads(ended.stdout.splitlines()[-1])
    assert len(said) == len(sources)
    return said


def error_line(printed: str) -> str:
    """The only line of it that is an error."""
    lines = [line for line in printed.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, printed
    return lines[0]
