"""MLflow's tracking store: found, reached in a bounded time, with errors of one line.

MLflow is imported here and nowhere else. The store is the one of `MLFLOW_TRACKING_URI` (and
`MLFLOW_REGISTRY_URI`), as for every program that uses MLflow. Nothing is ever written to it.
"""

from __future__ import annotations

import importlib
import os
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from modelport.contract.errors import ModelLoadError
from modelport.sources.frameworks.border import first_line

Result = TypeVar("Result")

# What MLflow would do otherwise: wait for minutes, and tell its makers how it is used. A store that is a
# folder is read as well as any other; MLflow wants that to be said, because it is not developed further.
DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",  # MLflow looks for git, of which nothing is needed here
}
SQLITE = "sqlite:///"
LOOK_SECONDS = 60.0  # for a look into the store, with all its retries
STALL_SECONDS = 60.0  # that a download may take without a byte
PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
UNREACHABLE = ("Max retries exceeded", "failed with exception", "Connection refused", "OperationalError")


def mlflow_module() -> Any:
    """MLflow itself. Raises `ModelLoadError` where it is not installed, or no store is there to be read."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    _check_location(os.environ.get("MLFLOW_TRACKING_URI", ""))
    try:
        mlflow: Any = importlib.import_module("mlflow")
        importlib.import_module("mlflow.artifacts")
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        reason = "MLflow is not installed" if missing == "mlflow" else f"MLflow needs {missing or error}"
        raise ModelLoadError(f"{reason}: pip install 'modelport[mlflow]'") from error
    return mlflow


def _check_location(uri: str) -> None:
    """MLflow makes a new store where there is none: then nothing was meant to be there."""
    if not uri:
        if not Path("mlflow.db").exists() and not Path("mlruns").is_dir():
            raise ModelLoadError(
                "no tracking store of MLflow is named: set MLFLOW_TRACKING_URI, such as http://HOST:PORT, "
                "sqlite:////PATH/mlflow.db or the path of a folder mlruns"
            )
        return
    if uri.startswith(SQLITE):
        path = Path(unquote(uri.removeprefix(SQLITE).partition("?")[0]))
    else:
        local = local_path(uri)
        if local is None:
            return
        path = local
    if not path.exists():
        raise ModelLoadError(f"MLFLOW_TRACKING_URI is {shown(uri)}, but there is no {path}")


def local_path(uri: str) -> Path | None:
    """The path of a `file:` URI or of none at all; `None` for a place elsewhere."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        return Path(unquote(parts.path)) if parts.netloc in ("", "localhost") else None
    return Path(uri) if not parts.scheme else None


def shown(text: str) -> str:
    """A text of MLflow without passwords that URIs in it have."""
    return PASSWORD.sub("***@", text)


@contextmanager
def one_line(what: str) -> Generator[None]:
    """Make every error of MLflow and of what it uses a `ModelLoadError` of one line about `what`."""
    try:
        yield
    except ModelLoadError:
        raise
    except Exception as error:  # stores, their drivers and the network raise what they like
        said = shown(first_line(error))
        if any(word in f"{type(error).__name__}: {error}" for word in UNREACHABLE):
            store = shown(os.environ.get("MLFLOW_TRACKING_URI", "mlflow.db"))
            said = f"MLflow's tracking store {store} cannot be reached; is its address right?"
        raise ModelLoadError(f"{what}: {said}") from error


def is_missing(error: BaseException) -> bool:
    """True for MLflow's error that a thing, or a whole resource of an old server, is not there."""
    return getattr(error, "error_code", "") in ("RESOURCE_DOES_NOT_EXIST", "ENDPOINT_NOT_FOUND", "NOT_FOUND")


def within(what: str, work: Callable[[], Result], seconds: float = LOOK_SECONDS) -> Result:
    """What `work` returns. Raises `ModelLoadError` once it takes longer; nothing ends it then."""
    running = _Running(work)
    running.thread.join(seconds)
    if running.thread.is_alive():
        raise ModelLoadError(
            f"{what}: MLflow's tracking store has not answered within {seconds:g} s; "
            "is MLFLOW_TRACKING_URI right?"
        )
    return running.outcome()


def while_growing(
    what: str, work: Callable[[], Result], folder: Path, seconds: float = STALL_SECONDS
) -> Result:
    """What `work` returns, which fills `folder`. Raises `ModelLoadError` when that no longer grows."""
    running = _Running(work)
    before = -1
    while running.thread.is_alive():
        running.thread.join(seconds)
        now = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if running.thread.is_alive() and now == before:
            raise ModelLoadError(f"{what}: its download has stalled for {seconds:g} s; try again")
        before = now
    return running.outcome()


class _Running:
    """Work on a thread that no exit waits for."""

    def __init__(self, work: Callable[[], Any]):
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name="mlflow", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # it is raised where the result is asked for
            self._error = error

    def outcome(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result
