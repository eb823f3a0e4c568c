"""Models that are asked through the server of the worker that asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from modelport.contract.calls import Answer, Chunk
from modelport.contract.errors import ModelError
from modelport.worker.ask_values import Arguments, piece_of, value_of
from modelport.worker.asks import Asked, Asks, Heard, ServerLink, refuse_in_loop
from modelport.worker.frames import Ask

if TYPE_CHECKING:
    import asyncio  # which most models do without


class ServerAsker:
    """Asks models through the server."""

    def __init__(self, link: ServerLink):
        self._link = link

    def predict(self, asked: Asked, arguments: dict[str, Any]) -> Any:
        """See `AskedModel`."""
        refuse_in_loop("predict", asked)
        heard: SimpleQueue[Heard] = SimpleQueue()
        with self._given(asked, arguments) as given, self._begun(asked, given, heard.put) as question:
            return question.answer(heard.get())

    async def predict_async(self, asked: Asked, arguments: dict[str, Any]) -> Any:
        """See `AskedModel`."""
        heard, tell = _awaited_queue()
        with self._given(asked, arguments) as given, self._begun(asked, given, tell) as question:
            return question.answer(await heard.get())

    def stream(self, asked: Asked, arguments: dict[str, Any]) -> Iterator[Any]:
        """See `AskedModel`."""
        refuse_in_loop("stream", asked)
        heard: SimpleQueue[Heard] = SimpleQueue()
        with (
            self._given(asked, arguments) as given,
            self._begun(asked, given, heard.put, streams=True) as question,
        ):
            while not question.is_over:
                yield from question.pieces(heard.get())

    async def stream_async(self, asked: Asked, arguments: dict[str, Any]) -> AsyncIterator[Any]:
        """See `AskedModel`."""
        heard, tell = _awaited_queue()
        with (
            self._given(asked, arguments) as given,
            self._begun(asked, given, tell, streams=True) as question,
        ):
            while not question.is_over:
                for piece in question.pieces(await heard.get()):
                    yield piece

    @contextmanager
    def _given(self, asked: Asked, arguments: dict[str, Any]) -> Generator[Arguments]:
        """The arguments, with which nothing is left behind, whenever the call that asks is given up."""
        asks = self._asks(asked)
        given: Arguments | None = None
        try:
            with asks.undisturbed():
                given = Arguments(arguments)
            yield given
        finally:
            with asks.undisturbed():
                if given is not None:
                    given.close()

    def _asks(self, asked: Asked) -> Asks:
        if self._link.asks is None:
            raise RuntimeError(
                f"{asked.name!r} cannot be asked while this model is loaded: it may not be there yet"
            )
        return self._link.asks

    def _begun(
        self, asked: Asked, given: Arguments, tell: Callable[[Heard], None], *, streams: bool = False
    ) -> _Question:
        asks = self._asks(asked)
        ask = Ask(0, [], asked.name, given.content_type, given.body, given.body_path, given.uploads)
        ask.streams, ask.seconds = streams, asked.timeout
        asks.ask(ask, tell)
        return _Question(asks, ask)


class _Question:
    """What was asked, while its answer comes. What is not over at the end of its block is given up."""

    def __init__(self, asks: Asks, ask: Ask):
        self.is_over = False
        self._asks = asks
        self._ask = ask

    def __enter__(self) -> _Question:
        return self

    def __exit__(self, *error: object) -> None:
        self._asks.give_up(self._ask.number)

    def answer(self, heard: Heard) -> Any:
        """The value of an answer that comes whole. Raises `ModelError`."""
        assert isinstance(heard, Answer)
        self.is_over = True
        return value_of(heard, self._ask.model)

    def pieces(self, heard: Heard) -> Iterator[Any]:
        """What has come of a stream. Raises `ModelError`."""
        if isinstance(heard, Answer):
            if not heard.stream:
                yield self.answer(heard)
            return
        chunk: Chunk = heard
        self.is_over = chunk.end
        if chunk.error:
            raise ModelError(self._ask.model, 500, chunk.error)
        if chunk.data:
            yield piece_of(chunk.data)
        if not chunk.end:
            self._asks.taken(self._ask.number)


def _awaited_queue() -> tuple[asyncio.Queue[Heard], Callable[[Heard], None]]:
    """A queue of the event loop that runs here, and what puts something into it from any thread."""
    import asyncio

    loop = asyncio.get_running_loop()
    heard: asyncio.Queue[Heard] = asyncio.Queue()

    def tell(something: Heard) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(heard.put_nowait, something)

    return heard, tell
