"""`modelport …` as a process, and a folder that is an installed package with entry points."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from serving import environment

HERE = Path(__file__).parent
MODELS = str(HERE / "cli_models.py")
SECONDS = 60


def modelport(
    *arguments: str, cwd: Path | None = None, text: bool = True, **variables: str
) -> subprocess.CompletedProcess:
    """Run the command to its end; no setting of the user's reaches it."""
    return subprocess.run(
        [sys.executable, "-m", "modelport", *arguments],
        cwd=cwd or HERE,
        env=environment() | {"COLUMNS": "200"} | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=text,
        timeout=SECONDS,
    )


def installed(folder: Path, **models: str) -> dict[str, str]:
    """Install entry points, name by module, into a folder; the variables that make Python see them."""
    about = folder / "some_models-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: some-models\nVersion: 1.0\n")
    lines = "".join(f"{name} = {module}\n" for name, module in models.items())
    (about / "entry_points.txt").write_text(f"[deepaas.v2.model]\n{lines}")
    path = [str(folder), str(HERE), environment()["PYTHONPATH"]]
    return {"PYTHONPATH": os.pathsep.join(path)}
