"""The same scikit-learn model behind mlup and behind modelport, over mlup's own API."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import servers
from benchmarks.measures import Row

ROWS = {"X": [[5.1, 3.5, 1.4, 0.2]]}
CONNECTIONS = 64
BATCHING = "mlup.web.architecture.batching.BatchingSingleProcessArchitecture"
# As both call it, and as the issue of mlup's users is: answers a second, times those of mlup.
MODES = (("directly_to_predict", (), 20), ("batching", (f"--up.mode={BATCHING}",), 10))


def find_mlup() -> str | None:
    """The `mlup` of an installed mlup, if there is one on the PATH or in MLUP_BIN."""
    return shutil.which("mlup", path=os.environ.get("MLUP_BIN")) or shutil.which("mlup")


def save_model(python: str, folder: Path) -> Path:
    """The model, saved by the scikit-learn that is to load it."""
    path = folder / "iris.pickle"
    subprocess.run([python, str(servers.MODELS / "save_iris.py"), str(path)], check=True, env=_no_path())
    return path


def _no_path() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@contextlib.contextmanager
def mlup(found: str, model: Path, *options: str) -> Iterator[int]:
    """mlup with a model file; yields its port."""
    port = servers.free_port()
    command = [found, "run", "-m", str(model), f"--up.port={port}", "--up.host=127.0.0.1", *options]
    with servers.running(command, port, "/health", {"PYTHONPATH": ""}):
        yield port


def predictions(seconds: float) -> list[Row]:
    """Predictions a second of each mode, in one run."""
    raw = servers.request("/predict", ROWS)
    found = find_mlup()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        model = save_model(sys.executable, Path(ours))
        if found is not None:
            peer_model = save_model(str(Path(found).with_name("python")), Path(theirs))
        for mode, options, wanted in MODES:
            with servers.modelport(str(model), "--trust", "--mode", mode) as (port, _):
                rate = servers.load(port, raw, CONNECTIONS, seconds)
            what = f"mlup's API, {mode.replace('_', ' ')}: iris, one row"
            if found is None:
                rows.append(Row(what, f"{rate:,.0f}/s", "", None))
                continue
            with mlup(found, peer_model, *options) as port:
                peer = servers.load(port, raw, CONNECTIONS, seconds)
            said = f"mlup 0.4 {peer:,.0f}/s; modelport {rate:,.0f}/s, {rate / peer:.0f} times as many"
            rows.append(Row(what, said, f">= {wanted}", rate / peer >= wanted))
    return rows
