"""The engine: writes all texts that are asked for at once, a character of each in a step.

This is called continuous batching. A text joins between two steps, and leaves when it is written or when
nobody wants it any more. One whose reader has fallen behind is left out of the steps until it has caught up:
what is written and not taken stays small, and the others go on.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import numpy as np

from generator_model.served import Network, sampled
from generator_model.verse import GAP

MOST_WAITING = 8  # pieces of one text that nobody has taken
MOST_LETTERS = 40  # of one piece


@dataclass(frozen=True)
class Order:
    """What is to be written: so many characters after the prompt, whose characters the network knows."""

    prompt: str
    length: int
    temperature: float
    seed: int


@dataclass(frozen=True)
class Piece:
    """A word with what follows it, and how many texts the step that ended it wrote at once."""

    text: str
    batch: int


class Text:
    """A text that is being written. Iterate over it for its pieces, which come as they are written."""

    def __init__(self, order: Order, network: Network, on_taken: Callable[[], None]):
        self.memory = network.memories(1)[:, 0]
        self.temperature = order.temperature
        self._alphabet = network.alphabet
        self._unread = deque(network.alphabet.numbers(GAP + order.prompt))
        self._left = order.length
        self._random = Random(order.seed)
        self._word = ""
        self._pieces: asyncio.Queue[Piece | Exception | None] = asyncio.Queue()
        self._on_taken = on_taken

    @property
    def has_room(self) -> bool:
        """Whether its reader has not fallen behind."""
        return self._pieces.qsize() < MOST_WAITING

    @property
    def is_written(self) -> bool:
        return self._left == 0

    def draw(self) -> float:
        """The next random number of this text, in [0, 1)."""
        return self._random.random()

    def next_character(self) -> int:
        """What the network has to read: the prompt first, then what it has written itself."""
        return self._unread.popleft()

    def follow(self, character: int, batch: int) -> None:
        """The network says what follows. That counts once it has read the prompt."""
        if self._unread:
            return
        self._unread.append(character)
        self._left -= 1
        self._word += self._alphabet.characters[character]
        if self._word[-1].isspace() or len(self._word) == MOST_LETTERS or self.is_written:
            self._pieces.put_nowait(Piece(self._word, batch))
            self._word = ""
        if self.is_written:
            self._pieces.put_nowait(None)

    def fail(self, error: Exception) -> None:
        """Nothing more can be written: its reader is told why."""
        self._left = 0
        self._pieces.put_nowait(error)

    def __aiter__(self) -> Text:
        return self

    async def __anext__(self) -> Piece:
        piece = await self._pieces.get()
        self._on_taken()
        if isinstance(piece, Exception):
            raise piece
        if piece is None:
            raise StopAsyncIteration
        return piece


class Engine:
    """Runs texts through a network. `start` it in the event loop in which they are asked for."""

    def __init__(self, network: Network):
        self.network = network
        self._texts: dict[Text, None] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write what is asked for."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="engine")

    @property
    def texts(self) -> int:
        """How many are written now, or would be if they were read."""
        return len(self._texts)

    @contextmanager
    def writing(self, order: Order) -> Iterator[Text]:
        """A text that is written until the end of the block, and not a step longer."""
        text = Text(order, self.network, self._changed.set)
        self._texts[text] = None
        self._changed.set()
        try:
            yield text
        finally:
            self._texts.pop(text, None)

    async def _run(self) -> None:
        while True:
            batch = [text for text in self._texts if text.has_room]
            if not batch:
                self._changed.clear()
                await self._changed.wait()
                continue
            try:
                self._step(batch)
            except Exception as error:  # whatever it is, nobody may wait for ever
                for text in batch:
                    text.fail(error)
            for text in batch:
                if text.is_written:
                    self._texts.pop(text, None)
            await asyncio.sleep(0)  # who comes, who leaves and who takes a piece has a turn

    def _step(self, batch: list[Text]) -> None:
        """One character of each text. It takes less than a millisecond, so it keeps nobody waiting."""
        memories = np.stack([text.memory for text in batch], axis=1)
        logits = self.network.step(memories, np.array([text.next_character() for text in batch]))
        temperatures = np.array([text.temperature for text in batch])
        chosen = sampled(logits, temperatures, np.array([text.draw() for text in batch]))
        for number, (text, character) in enumerate(zip(batch, chosen.tolist(), strict=True)):
            text.memory = memories[:, number]
            text.follow(character, len(batch))
