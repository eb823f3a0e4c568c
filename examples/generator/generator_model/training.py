"""Training a network, an epoch at a time: it reports, keeps the best epoch, and stops when asked to."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from generator_model import network, verse
from generator_model.network import Arrays
from generator_model.served import Network
from generator_model.verse import Alphabet

STEPS = 64  # characters of a stretch, through which a gradient goes back
TEXTS = 16  # stretches that are read side by side
WARM_UP = 50  # updates, until the learning rate is reached
MOST = 1.0  # the largest gradient; a larger one is shortened
DECAY = 0.05  # of the weights, an update
BETAS = (0.9, 0.99)


@dataclass(frozen=True)
class Options:
    """What a training can be told."""

    epochs: int = 30
    learning_rate: float = 0.01
    dropout: float = 0.25
    units: int = 64
    layers: int = 8
    seed: int = 0


class Job(Protocol):
    """What a training uses of `modelport.current_job()`."""

    @property
    def cancelled(self) -> bool: ...
    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None: ...
    def progress(self, done: float, total: float | None = None, message: str = "") -> None: ...
    def save_model(self, model: Any) -> Path: ...


class Learner:
    """A network that is being trained, by AdamW; the learning rate rises, and falls in a half wave."""

    def __init__(self, options: Options, alphabet: Alphabet, text: str):
        self.weights = network.begin(len(alphabet), options.units, options.layers, options.seed)
        self._options = options
        self._text = np.array(alphabet.numbers(text))
        self._random = np.random.default_rng(options.seed)
        self._means = {name: np.zeros_like(array) for name, array in self.weights.items()}
        self._squares = {name: np.zeros_like(array) for name, array in self.weights.items()}
        self._updates = 0
        self._all_updates = options.epochs * len(list(self._stretches()))

    def learn(self) -> float:
        """Go through the text once, from a place that chance says; returns the mean loss."""
        options = self._options
        memories = np.zeros((options.layers, TEXTS, options.units), np.float32)
        losses: list[float] = []
        for stretch in self._stretches():
            shape = (options.layers, 1, TEXTS, options.units)
            keep = (self._random.random(shape) >= options.dropout) / (1 - options.dropout)
            loss, memories, gradient = network.loss_of(
                self.weights, stretch[:-1], stretch[1:], memories, keep.astype(np.float32)
            )
            assert gradient is not None
            losses.append(loss)
            self._update(gradient)
        return float(np.mean(losses))

    def _stretches(self) -> Iterator[np.ndarray]:
        columns = verse.columns(np.roll(self._text, self._random.integers(len(self._text))), TEXTS)
        for begin in range(0, len(columns) - STEPS, STEPS):
            yield columns[begin : begin + STEPS + 1]

    def _update(self, gradient: Arrays) -> None:
        self._updates += 1
        size = np.sqrt(sum(float(np.square(array).sum()) for array in gradient.values()))
        wave = 0.5 * (1 + np.cos(np.pi * self._updates / self._all_updates))
        rate = self._options.learning_rate * min(1, self._updates / WARM_UP) * wave
        first, second = BETAS
        for name, weights in self.weights.items():
            by = gradient[name] * min(1, MOST / size)
            self._means[name] += (1 - first) * (by - self._means[name])
            self._squares[name] += (1 - second) * (np.square(by) - self._squares[name])
            mean = self._means[name] / (1 - first**self._updates)
            square = self._squares[name] / (1 - second**self._updates)
            weights -= (rate * (mean / (np.sqrt(square) + 1e-8) + DECAY * weights)).astype(np.float32)


def train(options: Options, job: Job) -> tuple[Network, dict[str, float]]:
    """Train to the last epoch, or until the job is to stop; returns the best network, and how good it is."""
    alphabet = verse.alphabet()
    text, held_out = verse.read()
    learner = Learner(options, alphabet, text)
    best = Network.of(alphabet, learner.weights)
    least = measure(best, held_out)
    for epoch in range(1, options.epochs + 1):
        loss = learner.learn()
        now = Network.of(alphabet, learner.weights)
        held_out_loss = measure(now, held_out)
        if held_out_loss < least:
            best, least = now, held_out_loss
        print(f"epoch {epoch}: loss {loss:.3f}, of sonnets held out {held_out_loss:.3f}", flush=True)
        job.log_metrics({"loss": loss, "held_out_loss": held_out_loss}, step=epoch)
        job.progress(epoch, options.epochs, f"loss {held_out_loss:.2f}")
        if job.cancelled:
            break
    return best, {"held_out_loss": least}


def train_and_keep(options: Options, job: Job) -> dict[str, float]:
    """Train, keep the network as the job's model, and say how good it is.

    A training that is called off keeps nothing.
    """
    trained, performance = train(options, job)
    if job.cancelled:
        print("called off: nothing is kept", flush=True)
    else:
        with tempfile.TemporaryDirectory(prefix="generator-") as folder:
            path = Path(folder) / "generator.npz"
            trained.save(path)
            job.save_model(path)
    return performance


def measure(trained: Network, text: str) -> float:
    """The mean loss of each character of a text, in nats, by the network as it writes."""
    numbers = verse.columns(trained.alphabet.numbers(text), TEXTS)
    memories = trained.memories(TEXTS)
    losses: list[float] = []
    for characters, following in pairwise(numbers):
        logits = trained.step(memories, characters).astype(np.float64)
        logits -= logits.max(axis=1, keepdims=True)
        chosen = np.take_along_axis(logits, following[:, None], axis=1)[:, 0]
        losses.append(float((np.log(np.exp(logits).sum(axis=1)) - chosen).mean()))
    return float(np.mean(losses))
