"""Training the classifier, an epoch at a time: it reports, keeps checkpoints, and stops when asked to."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from digits_model.job import Alone
from digits_model.picture import grid, picture_of

LOG = logging.getLogger(__name__)
CLASSES = np.arange(10)
HOLD_OUT = 0.25
SEED = 0
DECAY = 0.01  # of the weights, so that no single cell of the grid decides
TILTS = (-12, 12)  # degrees: people do not write upright


@dataclass(frozen=True)
class Options:
    """What a training can be told."""

    epochs: int = 30
    hidden_units: int = 128
    learning_rate: float = 0.002
    batch_size: int = 64
    test_size: float = HOLD_OUT


@dataclass(frozen=True)
class Data:
    """Grids that the classifier learns from, and grids of whole pictures that it never sees."""

    views: np.ndarray
    labels: np.ndarray
    test_grids: np.ndarray
    test_labels: np.ndarray

    @property
    def train_size(self) -> int:
        """How many digits there are to learn; each is there in several views."""
        return len(self.views) // (1 + len(TILTS))


@dataclass
class State:
    """A training between two epochs: all that the next one needs."""

    options: Options
    epoch: int
    scaler: StandardScaler
    network: MLPClassifier
    accuracy: float = 0.0

    @property
    def estimator(self) -> Pipeline:
        """What reads a grid."""
        return Pipeline([("standardise", self.scaler), ("read", self.network)])


def hold_out(fraction: float = HOLD_OUT) -> tuple[Any, Any, Any, Any]:
    """The data set in two: images to train, images to test, labels to train, labels to test."""
    digits = load_digits()
    return train_test_split(
        digits.images, digits.target, test_size=fraction, random_state=SEED, stratify=digits.target
    )


def prepared(fraction: float) -> Data:
    """The data set as pictures that clients send come to the classifier."""
    train_images, test_images, train_labels, test_labels = hold_out(fraction)
    views = [_views(image) for image in train_images]
    seen = np.array([grid(picture_of(image)).ravel() for image in test_images])
    return Data(np.concatenate(views), np.repeat(train_labels, len(views[0])), seen, test_labels)


def _views(image: np.ndarray) -> np.ndarray:
    """One digit of the data set as a client may send it: tight, and enlarged and tilted."""
    enlarged = picture_of(image, 32, dark_on_light=False)
    tilted = [enlarged.rotate(angle, Image.Resampling.BICUBIC) for angle in TILTS]
    tight = Image.fromarray((image * (255 / 16)).astype(np.uint8))
    return np.array([grid(view).ravel() for view in (tight, *tilted)])


def train(options: Options, data: Data, job: Any = Alone()) -> State:  # noqa: B008 it has no state
    """Train to the last epoch, or until the job is to stop; an earlier attempt's work is not done again."""
    state = _restored(job, options) or _begun(options, data)
    if state.epoch:
        print(f"going on after epoch {state.epoch}", flush=True)
    views = state.scaler.transform(data.views)
    with threadpool_limits(limits=1):  # threads cost more than they bring here
        while state.epoch < options.epochs and not job.cancelled:
            _one_epoch(state, views, data)
            loss = float(state.network.loss_)
            print(f"epoch {state.epoch}: loss {loss:.4f}, accuracy {state.accuracy:.4f}", flush=True)
            job.log_metrics({"loss": loss, "accuracy": state.accuracy}, step=state.epoch)
            _keep(job, state)
            job.progress(state.epoch, options.epochs, f"accuracy {state.accuracy:.1%}")
    return state


def _one_epoch(state: State, views: np.ndarray, data: Data) -> None:
    state.epoch += 1
    # The order of the data depends on the epoch alone: a training that goes on ends as one in one go.
    state.network.set_params(random_state=SEED + state.epoch)
    state.network.partial_fit(views, data.labels, classes=CLASSES)
    state.accuracy = float(state.estimator.score(data.test_grids, data.test_labels))


def matrix_of(state: State, data: Data) -> np.ndarray:
    """How often each digit (row) was read as each (column), in the pictures held out."""
    return confusion_matrix(data.test_labels, state.estimator.predict(data.test_grids), labels=CLASSES)


def _begun(options: Options, data: Data) -> State:
    network = MLPClassifier(
        (options.hidden_units,),
        learning_rate_init=options.learning_rate,
        batch_size=min(options.batch_size, len(data.views)),
        alpha=DECAY,
    )
    return State(options, 0, StandardScaler().fit(data.views), network)


def _checkpoint(job: Any) -> Path:
    return job.checkpoint_dir / "training.joblib"


def _keep(job: Any, state: State) -> None:
    """Leave this epoch for the next attempt, whole or not at all."""
    if job.id:
        write_whole(_checkpoint(job), state)


def _restored(job: Any, options: Options) -> State | None:
    """What an earlier attempt of the job left; `None` if there is nothing to go on from."""
    if not job.id or not _checkpoint(job).is_file():
        return None
    try:
        found = joblib.load(_checkpoint(job))
    except Exception as error:  # a damaged pickle raises anything
        LOG.warning("the checkpoint cannot be used (%s: %s)", type(error).__name__, error)
        return None
    return found if isinstance(found, State) and found.options == options else None


def write_whole(path: Path, value: Any) -> None:
    """Put a value into a file so that nobody ever finds half of it there, not after a crash either."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            joblib.dump(value, file)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
