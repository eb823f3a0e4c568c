"""Commands of somebody whose log-ins are kept in a home of their own, and what is kept there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from serving import environment


def command(
    home: Path, *arguments: str, typed: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of modelport there."""
    return subprocess.run(
        [sys.executable, "-m", "modelport", *arguments],
        env=environment(**{"XDG_CONFIG_HOME": str(home)} | variables),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def kept_file(home: Path) -> Path:
    """The one log-in that is kept."""
    (file,) = (home / "modelport" / "logins").glob("*.json")
    return file


def grow_old(home: Path) -> None:
    """As if most of the time of the token had passed."""
    file = kept_file(home)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"old_at": 1.0}))
