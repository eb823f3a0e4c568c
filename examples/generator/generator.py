"""Verse, a word at a time, for many at once: a model with an engine of its own, written for modelport.

Serve it with `modelport serve examples/generator/generator.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

from generator_model import __version__, training
from generator_model.engine import Engine, Order, Piece
from generator_model.served import Network
from pydantic import Field
from threadpoolctl import threadpool_limits

import modelport

WEIGHTS = Path(__file__).parent / "weights.npz"
DEFAULTS = training.Options()


class Generator(modelport.Model):
    """Goes on with a text in the manner of Shakespeare's sonnets.

    A network that reads characters, trained on 69 of them. All texts that are asked for are written at once.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "generator",
        "version": __version__,
        "author": "The modelport authors",
        "license": "Apache-2.0",
        "url": "https://github.com/modelport/modelport/tree/main/examples/generator",
    }
    layout: ClassVar[dict[str, Any]] = {
        "predict": {
            "groups": [{"title": "How it is written", "arguments": ["temperature", "seed"], "closed": True}],
        },
    }
    examples: ClassVar[dict[str, Any]] = {
        "A beginning": {"prompt": "Shall I compare thee to a summer's day?\n", "length": 400},
        "Hardly left to chance": {"prompt": "When I do count the clock", "temperature": 0.1, "seed": 1},
    }

    def __init__(self) -> None:
        self.weights = WEIGHTS

    def load_model(self, path: Path) -> None:
        """Write with what a training has kept."""
        self.weights = path

    async def setup(self) -> None:
        """Start the engine, in the event loop that the calls run in."""
        threadpool_limits(limits=1)  # matrices are small: threads cost more than they bring
        self.engine = Engine(Network.load(self.weights))
        self.engine.start()

    async def predict(
        self,
        prompt: Annotated[str, Field(max_length=1000, description="How the text begins")] = "",
        length: Annotated[int, Field(ge=1, le=1_000_000, description="How many characters to write")] = 300,
        temperature: Annotated[
            float, Field(ge=0.05, le=5, description="How much is left to chance: 0.05 is hardly anything")
        ] = 0.5,
        seed: Annotated[int | None, Field(description="The same seed, the same text")] = None,
    ) -> AsyncIterator[Piece]:
        """What follows the prompt, word by word."""
        unknown = self.engine.network.alphabet.unknown(prompt)
        if unknown:
            raise modelport.HTTPError(422, f"No sonnet has the character {unknown[0]!r} of the prompt.")
        order = Order(prompt, length, temperature, secrets.randbits(64) if seed is None else seed)
        return self._written(order)  # a generator of its own: what is refused above is answered with a status

    async def _written(self, order: Order) -> AsyncIterator[Piece]:
        with self.engine.writing(order) as pieces:
            async for piece in pieces:
                yield piece

    def train(
        self,
        epochs: Annotated[
            int, Field(ge=1, le=500, description="How often the sonnets are learned from")
        ] = DEFAULTS.epochs,
        learning_rate: Annotated[
            float, Field(gt=0, le=0.1, description="How far each step goes")
        ] = DEFAULTS.learning_rate,
        dropout: Annotated[
            float, Field(ge=0, lt=1, description="How much of each layer is left out while it learns")
        ] = DEFAULTS.dropout,
        units: Annotated[int, Field(ge=1, le=512, description="How wide the network is")] = DEFAULTS.units,
        layers: Annotated[int, Field(ge=1, le=24, description="How deep the network is")] = DEFAULTS.layers,
        seed: Annotated[
            int, Field(ge=0, le=100_000, description="The same seed, the same network")
        ] = DEFAULTS.seed,
    ) -> dict[str, float]:
        """Train a network, keep it as the model of the run, and return its loss on sonnets held out."""
        options = training.Options(epochs, learning_rate, dropout, units, layers, seed)
        return training.train_and_keep(options, modelport.current_job())
