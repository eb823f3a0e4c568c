"""The classifier in use: kept in a file, loaded anew when a training has replaced that file."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn

from digits_model import training
from digits_model.training import Data, Options, State

LOG = logging.getLogger(__name__)
LABELS = [str(digit) for digit in range(10)]
RECIPE = 2  # counts up when what is trained changes, so that no old file is used


@dataclass(frozen=True)
class Trained:
    """A trained classifier with how well it reads pictures that it has never seen."""

    estimator: Any
    accuracy: float
    train_size: int
    test_size: int
    parameters: dict[str, float]
    version: str  # the same for the same weights

    def probabilities(self, cells: np.ndarray) -> list[float]:
        """The probability of each of `LABELS` for one 8x8 grid."""
        return [float(p) for p in self.estimator.predict_proba(cells.reshape(1, -1))[0]]


def finished(state: State, data: Data) -> Trained:
    """What a training made, ready to be used."""
    weights = hashlib.sha256()
    for part in (*state.network.coefs_, *state.network.intercepts_):
        weights.update(np.ascontiguousarray(part).tobytes())
    return Trained(
        estimator=state.estimator,
        accuracy=state.accuracy,
        train_size=data.train_size,
        test_size=len(data.test_labels),
        parameters=asdict(state.options),
        version=weights.hexdigest()[:12],
    )


def train() -> Trained:
    """Train with the default options."""
    options = Options()
    data = training.prepared(options.test_size)
    return finished(training.train(options, data), data)


Stamp = tuple[int, int, int]
_lock = threading.Lock()
_current: list[tuple[Stamp | None, Trained]] = []


def current() -> Trained:
    """The classifier in use: out of its file, which may have changed, or trained now and put there."""
    with _lock:
        stamp = _stamp()
        if not _current:
            trained = load() or _trained_and_saved()
            _current.append((stamp or _stamp(), trained))
        elif stamp not in (None, _current[0][0]):  # one that cannot be used leaves the old one in use
            _current[0] = (stamp, load() or _current[0][1])
        return _current[0][1]


def _stamp() -> Stamp | None:
    """What changes with the file; `None` if there is none."""
    try:
        found = cache_file().stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _trained_and_saved() -> Trained:
    LOG.info("training the digits classifier, once; it is kept in %s", cache_file())
    trained = train()
    LOG.info("trained: %.1f %% of %d held-out pictures read", 100 * trained.accuracy, trained.test_size)
    with contextlib.suppress(OSError):  # no writable cache: train again at the next start
        save(trained)
    return trained


def cache_file() -> Path:
    """Where this version of scikit-learn keeps its classifier; another version has another file."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return root / "modelport" / "digits" / f"network-{RECIPE}-sklearn-{sklearn.__version__}.joblib"


def load() -> Trained | None:
    """The classifier of the file; `None` if there is none that can be used."""
    path = cache_file()
    if not path.is_file():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = joblib.load(path)
    except Exception as error:  # a damaged pickle raises anything
        LOG.warning("%s cannot be used (%s: %s)", path, type(error).__name__, error)
        return None
    return found if isinstance(found, Trained) else None


def save(trained: Trained) -> Path:
    """Put a classifier into the file, whole or not at all: several processes may do so at once."""
    path = cache_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    training.write_whole(path, trained)
    return path
