"""`modelport.model(name)`: another model, asked as a function is called, wherever the code that asks runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from numbers import Real
from typing import Any, Protocol

from modelport.worker.asks import Asked, ServerLink


class AskedModel:
    """Another model; `modelport.model` makes it.

    Every way of asking takes the arguments of the other model's `predict` by name, and raises `ModelError` if
    that does not answer.
    """

    def __init__(self, name: str, source: str = "", timeout: float | None = None):
        self._asked = Asked(name, source, timeout)

    def __repr__(self) -> str:
        return f"modelport.model({self._asked.name!r})"

    def predict(self, /, **arguments: Any) -> Any:
        """The answer; of a stream a list. In an `async def` await `predict_async` instead."""
        return _asker().predict(self._asked, arguments)

    async def predict_async(self, /, **arguments: Any) -> Any:
        """The answer, awaited: several can be asked at once, with `asyncio.gather`."""
        return await _asker().predict_async(self._asked, arguments)

    def stream(self, /, **arguments: Any) -> Iterator[Any]:
        """The pieces of an answer that is a stream, as they come; of any other answer the whole."""
        return _asker().stream(self._asked, arguments)

    def stream_async(self, /, **arguments: Any) -> AsyncIterator[Any]:
        """The same as an asynchronous iterator."""
        return _asker().stream_async(self._asked, arguments)


class Asker(Protocol):
    """A way to ask models."""

    def predict(self, asked: Asked, arguments: dict[str, Any]) -> Any: ...
    async def predict_async(self, asked: Asked, arguments: dict[str, Any]) -> Any: ...
    def stream(self, asked: Asked, arguments: dict[str, Any]) -> Iterator[Any]: ...
    def stream_async(self, asked: Asked, arguments: dict[str, Any]) -> AsyncIterator[Any]: ...


def model(name: str, *, source: str = "", timeout: float | None = None) -> AskedModel:
    """Another model, to ask it: `modelport.model("ocr").predict(image=picture)`.

    In a server it is the model of this name that the same server has. Elsewhere, as in a notebook, it is
    loaded into this process when it is asked first: from `source` if that is given, else from the installed
    entry point or module of this name. `timeout` are the seconds that an answer may take, if the asking
    call has not less. Raises `TypeError` and `ValueError` for
    what is no name, and no number of seconds.
    """
    for text in (name, source):
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"modelport.model takes the name of a model, and {text!r} is no text")
    return AskedModel(name, source, None if timeout is None else _seconds(name, timeout))


def _seconds(name: str, timeout: object) -> float:
    """The seconds, if the server can read them: a worker that sends it anything else is ended."""
    if isinstance(timeout, bool) or not isinstance(timeout, Real):
        raise TypeError(f"modelport.model({name!r}): the timeout {timeout!r} is no number of seconds")
    seconds = float(timeout)
    if not seconds >= 0:
        raise ValueError(f"modelport.model({name!r}): the timeout {timeout!r} is not 0 seconds or more")
    return seconds


_here: ContextVar[ServerLink | None] = ContextVar("how the thread of this worker asks models", default=None)
_of_process: list[ServerLink] = []


def ask_through(link: ServerLink, *, in_thread: bool) -> None:
    """Ask models through this server from now on: this process does, or only this thread and what it runs."""
    _here.set(link)
    if not in_thread:
        _of_process[:] = [link]


def _asker() -> Asker:
    link = _here.get() or next(iter(_of_process), None)
    if link is None:
        from modelport.worker.asks_here import HERE

        return HERE
    from modelport.worker.asks_of_server import ServerAsker

    return ServerAsker(link)
