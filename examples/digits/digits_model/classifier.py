"""The classifier: trained on scikit-learn's digits, kept in a cache file between starts."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import sklearn
from PIL import Image
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from digits_model.picture import grid, picture_of

LOG = logging.getLogger(__name__)
LABELS = [str(digit) for digit in range(10)]
HOLD_OUT = 0.25
SEED = 0
TILTS = (-12, 12)  # degrees: people do not write upright
RECIPE = 1  # counts up when what is trained changes, so that no old cache file is used


@dataclass(frozen=True)
class Trained:
    """A trained classifier with how well it reads pictures that it has never seen."""

    estimator: Any
    accuracy: float
    train_size: int
    test_size: int
    parameters: dict[str, float]

    def probabilities(self, cells: np.ndarray) -> list[float]:
        """The probability of each of `LABELS` for one 8x8 grid."""
        return [float(p) for p in self.estimator.predict_proba(cells.reshape(1, -1))[0]]


def hold_out(fraction: float = HOLD_OUT) -> tuple[Any, Any, Any, Any]:
    """The data set in two: images to train, images to test, labels to train, labels to test."""
    digits = load_digits()
    return train_test_split(
        digits.images, digits.target, test_size=fraction, random_state=SEED, stratify=digits.target
    )


def train(c: float = 10.0, gamma: float = 0.001, fraction: float = HOLD_OUT) -> Trained:
    """Train on pictures as clients send them; the accuracy is that of whole pictures, held out."""
    train_images, test_images, train_labels, test_labels = hold_out(fraction)
    views = [_views(image) for image in train_images]
    labels = np.repeat(train_labels, len(views[0]))
    estimator = CalibratedClassifierCV(SVC(C=c, gamma=gamma), cv=2, ensemble=False)
    estimator.fit(np.concatenate(views), labels)
    seen = np.array([grid(picture_of(image)).ravel() for image in test_images])
    accuracy = float(estimator.score(seen, test_labels))
    return Trained(estimator, accuracy, len(train_images), len(test_images), {"C": c, "gamma": gamma})


def _views(image: np.ndarray) -> np.ndarray:
    """One digit of the data set as a client may send it: tight, and enlarged and tilted."""
    enlarged = picture_of(image, 32, dark_on_light=False)
    tilted = [enlarged.rotate(angle, Image.Resampling.BICUBIC) for angle in TILTS]
    tight = Image.fromarray((image * (255 / 16)).astype(np.uint8))
    return np.array([grid(view).ravel() for view in (tight, *tilted)])


_lock = threading.Lock()
_current: list[Trained] = []


def current() -> Trained:
    """The classifier in use: out of the cache file, or trained now and put there."""
    with _lock:
        if not _current:
            _current.append(load() or _trained_and_saved())
        return _current[0]


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
    return root / "modelport" / "digits" / f"svc-{RECIPE}-sklearn-{sklearn.__version__}.joblib"


def load() -> Trained | None:
    """The classifier of the cache file; `None` if there is none that can be used."""
    path = cache_file()
    if not path.is_file():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = joblib.load(path)
    except Exception as error:  # a damaged pickle raises anything
        LOG.warning("%s cannot be used (%s: %s); training again", path, type(error).__name__, error)
        return None
    return found if isinstance(found, Trained) else None


def save(trained: Trained) -> Path:
    """Put a classifier into the cache file, whole or not at all: several workers may do so at once."""
    path = cache_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            joblib.dump(trained, file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
