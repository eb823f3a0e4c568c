"""The parts of the generator example by themselves: the engine, the network as it learns and as it writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving import ROOT

from modelport.sources.load import load_model
from modelport.sources.source import parse_source

FOLDER = ROOT / "examples" / "generator"
SHORT = {"epochs": 3, "units": 16, "layers": 2}


@pytest.fixture(scope="module", autouse=True)
def parts() -> None:
    """Makes the modules beside the model importable, as its worker does."""
    load_model(parse_source(str(FOLDER / "generator.py")))


@pytest.fixture(scope="module")
def network() -> Any:
    from generator_model.served import Network

    return Network.load(FOLDER / "weights.npz")


def order(**given: Any) -> Any:
    from generator_model.engine import Order

    return Order(**{"prompt": "", "length": 100, "temperature": 0.5, "seed": 0} | given)


class Job:
    """Hears what a training says, and keeps its file. It is called off after so many epochs."""

    def __init__(self, epochs: int = 1000):
        self.metrics: list[dict[str, float]] = []
        self.kept: list[bytes] = []
        self._epochs = epochs

    @property
    def cancelled(self) -> bool:
        return len(self.metrics) >= self._epochs

    def log_metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        self.metrics.append(dict(values))

    def progress(self, done: float, total: float | None = None, message: str = "") -> None: ...

    def save_model(self, model: Path) -> Path:
        self.kept.append(model.read_bytes())
        return model


# --- the engine


def test_who_takes_nothing_is_left_out_and_goes_on_where_he_was(network: Any) -> None:
    from generator_model.engine import MOST_WAITING, Engine

    async def written() -> None:
        engine = Engine(network)
        engine.start()
        with engine.writing(order(length=2000)) as slow, engine.writing(order(length=5000)) as quick:
            batches = [piece.batch async for piece in quick]
            assert batches[0] == 2
            assert set(batches[500:]) == {1}
            assert not slow.has_room
            waiting = [await anext(slow) for _ in range(MOST_WAITING)]
            assert {piece.batch for piece in waiting} == {2}
            assert sum([len(piece.text) async for piece in slow]) + length_of(waiting) == 2000

    asyncio.run(written())


def length_of(pieces: list[Any]) -> int:
    return sum(len(piece.text) for piece in pieces)


def test_who_leaves_while_he_is_left_out_is_gone(network: Any) -> None:
    from generator_model.engine import Engine

    async def left() -> int:
        engine = Engine(network)
        engine.start()
        with engine.writing(order(length=10_000)) as slow, engine.writing(order(length=1000)) as quick:
            assert len([piece async for piece in quick]) > 100
            assert not slow.has_room
        return engine.texts

    assert asyncio.run(left()) == 0


def test_a_step_that_fails_is_told_to_those_who_are_in_it_and_to_nobody_else(network: Any) -> None:
    from generator_model.engine import Engine

    async def failed() -> None:
        engine = Engine(network)
        engine.start()
        with engine.writing(order(temperature=None)) as wrong:
            with pytest.raises(TypeError):
                await anext(wrong)
        with engine.writing(order()) as right:
            assert length_of([piece async for piece in right]) == 100

    asyncio.run(failed())


# --- the network


def test_a_step_gives_each_text_what_it_gets_alone(network: Any) -> None:
    characters = np.random.default_rng(0).integers(0, len(network.alphabet), (20, 64))
    together = network.memories(64)
    logits = np.array([network.step(together, row) for row in characters])
    for texts in (1, 2, 3, 5, 16, 33):
        memories = network.memories(texts)
        found = np.array([network.step(memories, row[:texts]) for row in characters])
        assert np.array_equal(found, logits[:, :texts])
        assert np.array_equal(memories, together[:, :texts])


def test_the_gradient_is_that_of_the_loss() -> None:
    from generator_model import network

    random = np.random.default_rng(1)
    weights = {name: array.astype(float) for name, array in network.begin(7, 5, 3, seed=0).items()}
    stretch = random.integers(0, 7, (7, 2))
    memories, keep = random.normal(size=(3, 2, 5)), random.integers(0, 2, (3, 1, 2, 5)) * 2.0

    def loss() -> float:
        return network.loss_of(weights, stretch[:-1], stretch[1:], memories, keep)[0]

    gradient = network.loss_of(weights, stretch[:-1], stretch[1:], memories, keep)[2]
    assert gradient is not None
    for name, array in weights.items():
        place = np.unravel_index(np.abs(gradient[name]).argmax(), array.shape)
        kept, losses = array[place], []
        for change in (1e-4, -1e-4):
            array[place] = kept + change
            losses.append(loss())
        array[place] = kept
        assert (losses[0] - losses[1]) / 2e-4 == pytest.approx(gradient[name][place], rel=1e-2), name


def test_a_character_is_as_frequent_as_it_is_likely() -> None:
    from generator_model.served import sampled

    logits = np.log(np.array([[0.5, 0.25, 0.25, 1e-30]], np.float32)).repeat(1000, axis=0)
    draws = np.arange(1000) / 1000
    counts = np.bincount(sampled(logits, np.ones(1000), draws))
    assert counts.tolist() == pytest.approx([500, 250, 250], abs=2)
    assert np.bincount(sampled(logits, np.full(1000, 0.05), draws))[0] > 990
    assert sampled(logits[:1], np.ones(1), np.array([np.nextafter(1, 0)])).tolist() == [2]


# --- the text and the training


def test_sonnets_are_learned_from_or_measured_with() -> None:
    from generator_model import verse

    learned, held_out = (set(text.strip().split(verse.GAP)) for text in verse.read())
    assert (len(learned), len(held_out)) == (63, 6)
    assert not learned & held_out
    assert {len(sonnet.splitlines()) for sonnet in learned | held_out} == {14}


def test_each_epoch_is_reported_and_the_best_one_kept(network: Any, tmp_path: Path) -> None:
    from generator_model import training, verse
    from generator_model.served import Network

    job = Job()
    performance = training.train_and_keep(training.Options(**SHORT), job)
    losses = [values["held_out_loss"] for values in job.metrics]
    assert len(losses) == 3
    assert losses[2] < losses[0] < np.log(59)
    assert performance == {"held_out_loss": min(losses)}
    (tmp_path / "kept.npz").write_bytes(job.kept[0])
    kept = Network.load(tmp_path / "kept.npz")
    held_out = verse.read()[1]
    assert training.measure(kept, held_out) == min(losses)
    assert training.measure(network, held_out) < 1.8 < min(losses)


def test_the_same_seed_trains_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    from generator_model import training

    first, again, other = Job(), Job(), Job()
    for job, seed in ((first, 0), (again, 0), (other, 1)):
        training.train_and_keep(training.Options(**SHORT | {"epochs": 1, "seed": seed}), job)
    assert first.metrics == again.metrics != other.metrics
    assert "epoch 1: loss " in capsys.readouterr().out


def test_a_training_that_is_called_off_keeps_nothing() -> None:
    from generator_model import training

    job = Job(epochs=1)
    training.train_and_keep(training.Options(**SHORT), job)
    assert (len(job.metrics), job.kept) == (1, [])


@pytest.mark.parametrize("content", ["", "no arrays", "other arrays"])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    from generator_model.served import Network

    path = tmp_path / "generator.npz"
    path.write_text(content)
    if content == "other arrays":
        np.savez(path, weights=np.zeros(3))
    with pytest.raises(ValueError, match="is not the file of a generator"):
        Network.load(path)
