"""Models that are asked where there is no server, as in a notebook: loaded into this process, once."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib.util
import itertools
import tempfile
import threading
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from contextvars import Context, ContextVar, copy_context
from dataclasses import replace
from typing import Any, TypeVar, cast

from modelport.contract.ask_ways import LOOP_DETECTED, wrong_way
from modelport.contract.calls import Call
from modelport.contract.errors import ModelError, ModelLoadError
from modelport.contract.packed_values import packed
from modelport.dialects.codecs.failures import described
from modelport.sources.import_path import import_from, working_folder
from modelport.sources.load import load_model
from modelport.sources.model_loop import END_SECONDS, awaited, end_all, is_awaitable
from modelport.sources.source import DOTTED, Source, installed_entry_points, parse_source
from modelport.worker.ask_values import Arguments, piece_of, value_of
from modelport.worker.asks import Asked, refuse_in_loop
from modelport.worker.cancellation import RunningCall
from modelport.worker.frames import FrameSocket, Load
from modelport.worker.host import Host
from modelport.worker.model_start import set_up, warm
from modelport.worker.streams import is_stream, pieces

T = TypeVar("T")
_way: ContextVar[tuple[str, ...]] = ContextVar("the models that ask, the first one first", default=())
_turn: ContextVar[threading.RLock | None] = ContextVar("who loads within this load", default=None)


class LocalAsker:
    """Loads models, and asks them in this process. Coroutines run in an event loop of their own thread."""

    def __init__(self) -> None:
        self._hosts: dict[tuple[str, str], Host] = {}
        self._loading = threading.RLock()
        self._numbers = itertools.count(1)
        self._spool: tempfile.TemporaryDirectory[str] | None = None  # removed when the process ends
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()  # the loop

    def predict(self, asked: Asked, arguments: dict[str, Any]) -> Any:
        """See `AskedModel`."""
        if self._loop is not None:
            refuse_in_loop("predict", asked, self._loop)
        return _context(asked).run(self._predict, asked, arguments)

    async def predict_async(self, asked: Asked, arguments: dict[str, Any]) -> Any:
        """See `AskedModel`."""
        return await asyncio.to_thread(self.predict, asked, arguments)

    def stream(self, asked: Asked, arguments: dict[str, Any]) -> Iterator[Any]:
        """See `AskedModel`."""
        if self._loop is not None:
            refuse_in_loop("stream", asked, self._loop)
        context = _context(asked)
        pieces = self._stream(asked, arguments)
        try:
            while (piece := context.run(next, pieces, None)) is not None:
                yield piece[0]
        finally:
            context.run(pieces.close)

    async def stream_async(self, asked: Asked, arguments: dict[str, Any]) -> AsyncIterator[Any]:
        """See `AskedModel`."""
        pieces = cast("Generator[Any]", self.stream(asked, arguments))
        nothing = object()
        try:
            while (piece := await asyncio.to_thread(next, pieces, nothing)) is not nothing:
                yield piece
        finally:
            await asyncio.to_thread(pieces.close)

    # -- one call ------------------------------------------------------------------------------------

    def _predict(self, asked: Asked, arguments: dict[str, Any]) -> Any:
        host = self._host(asked)
        with Arguments(arguments) as given:
            call = given.call(next(self._numbers), streams=False)
            with _failing(host, call, asked.name):
                bound, operation, _ = host.binding.bound(call)
                value = self._awaited(host.model.call("predict", bound[1]))
                streamed = is_stream(value)
                whole = list(pieces(value, self._awaited)) if streamed else value
                answer = host.whole(whole, bound, operation, streamed=streamed)
        return value_of(answer, asked.name)

    def _stream(self, asked: Asked, arguments: dict[str, Any]) -> Generator[tuple[Any]]:
        host = self._host(asked)
        with Arguments(arguments) as given:
            call = given.call(next(self._numbers), streams=True)
            with _failing(host, call, asked.name):
                bound, operation, _ = host.binding.bound(call)
                value = self._awaited(host.model.call("predict", bound[1]))
                if is_stream(value):
                    for item in pieces(value, self._awaited):
                        yield (piece_of(packed(item)),)
                    return
                answer = host.whole(value, bound, operation, streamed=False)
        yield (value_of(answer, asked.name),)

    def _awaited(self, value: Any) -> Any:
        return self._run(awaited(value)) if is_awaitable(value) else value

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                run = self._loop.run_forever
                thread = threading.Thread(target=run, name="modelport models", daemon=True)
                thread.start()
                atexit.register(_end, self._loop, thread)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    # -- loading -------------------------------------------------------------------------------------

    def _host(self, asked: Asked) -> Host:
        """The model, loaded, set up and warmed when it is asked first. Raises `ModelLoadError`.

        One is loaded after the other. What is asked while one is loaded has its turn within that one's,
        whichever thread asks.
        """
        with _turn.get() or self._loading:
            found = self._hosts.get((asked.name, asked.source))
            if found is None:
                outer = _turn.set(threading.RLock())
                try:
                    found = self._hosts[asked.name, asked.source] = self._loaded(_source_of(asked))
                finally:
                    _turn.reset(outer)
            return found

    def _loaded(self, source: Source) -> Host:
        if self._spool is None:
            self._spool = tempfile.TemporaryDirectory(prefix="modelport-asked-")
        model = load_model(source)
        set_up(model, self._awaited)
        warm(model, self._awaited)
        load = Load(source.name, source.kind, source.target, source.attribute, self._spool.name)
        return Host(model, load, _NoServer(), RunningCall(bytearray(64), None))


class _NoServer(FrameSocket):
    """Nobody is there to be told anything."""

    def __init__(self) -> None:
        """There is no socket."""


HERE = LocalAsker()


def _end(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """End what models have left running in their event loop, with the process."""
    if thread.is_alive():  # which it is not in what was forked
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(end_all(), loop).result(3 * END_SECONDS)


def _context(asked: Asked) -> Context:
    """Where a model runs that is asked: it knows who has. Raises `ModelError` for a circle."""
    way = _way.get()
    wrong = wrong_way(way, asked.name)
    if wrong:
        raise ModelError(asked.name, LOOP_DETECTED, wrong)
    context = copy_context()
    context.run(_way.set, (*way, asked.name))
    return context


@contextlib.contextmanager
def _failing(host: Host, call: Call, name: str) -> Generator[None]:
    """Let what the model raises be what a server would have made of it."""
    try:
        yield
    except GeneratorExit:
        raise
    except Exception as error:
        raise ModelError(name, *_told(host, call, error)) from error


def _told(host: Host, call: Call, error: BaseException) -> tuple[int, str, dict[str, Any]]:
    answer = host.failed(call, error)
    try:
        value_of(answer, call.dialect)
    except ModelError as told:
        return told.status, told.detail, told.messages
    return 500, described(error), {}


def _source_of(asked: Asked) -> Source:
    """Where a model of this name is. Raises `ModelLoadError` with what to do if nobody knows."""
    if asked.source:
        return replace(parse_source(asked.source), name=asked.name)
    installed = installed_entry_points()
    if asked.name in installed:
        return installed[asked.name]
    import_from(*working_folder())
    if DOTTED.fullmatch(asked.name) and _is_importable(asked.name):
        return Source(asked.name, "module", asked.name)
    raise ModelLoadError(
        f"there is no model {asked.name!r} here: this code runs in no server, and no entry point or module "
        f"is called so; say where it is: modelport.model({asked.name!r}, source='path/to/{asked.name}.py')"
    )


def _is_importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a package above it that is none
        return False
