"""Many calls at once in one worker: each call of a plain `predict` in a thread.

What can go wrong, and why it has this shape:

- *The worker dies: of which call?* Each thread has a slot in the shared memory, which shows the call whose
  code it runs. Where one is shown, that was it; of several the server tries each again by itself.
- *A client leaves.* The server writes the call's number to the control socket, which the event loop on the
  main thread reads: `CallCancelled` is raised in the thread that runs it, if that very call runs
  (`ThreadCall`). A thread that waits for its client, or for something asynchronous, is woken.
- *A call does not come back from C.* Python cannot stop it. The others go on; the server gives this worker no
  more calls, and kills it when the others have ended.
- *A slow reader.* Each stream has a window of its own, and its thread waits while that is full.
- *The server stops.* STOP lets what runs end; the end of the stream, and SIGTERM, give up all calls. After
  `END_SECONDS` the process ends: no thread keeps it.
- *What a plain function returns is to be awaited*, or yields asynchronously: it runs in the event loop of the
  model, and the thread waits for it.

A job's process has one call, which may be a training: its frame ends this runner, and the serial one goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import CancelledError, Future
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar, cast

from modelport.contract.calls import GIVEN_UP, Answer, Call, Chunk
from modelport.contract.current_call import run_for
from modelport.sources.model_loop import END_SECONDS, awaited, is_awaitable
from modelport.worker.answers import shown_arguments
from modelport.worker.asks import asks_for
from modelport.worker.cancellation import FIRST_SLOT, CallCancelled
from modelport.worker.runners.loop_frames import LoopRunner
from modelport.worker.spans import in_span
from modelport.worker.streams import Window, is_stream
from modelport.worker.thread_call import ThreadCall
from modelport.worker.world import end_if_forked

if TYPE_CHECKING:
    from modelport.worker.host import Host

AGAIN_SECONDS = 0.005  # until it is looked again whether a thread can be interrupted
T = TypeVar("T")
_END = object()


class ThreadWindow(Window):
    """A window that a thread waits for, while the event loop hears what its client takes."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._is_given_up = False

    def put(self, size: int) -> None:
        with self._changed:
            super().put(size)

    def take(self, chunks: int) -> None:
        with self._changed:
            super().take(chunks)
            self._changed.notify()

    def give_up(self) -> None:
        """Nobody will take anything more."""
        with self._changed:
            self._is_given_up = True
            self._changed.notify()

    def wait_for_room(self) -> None:
        """Wait until there may be another chunk. Raises `CallCancelled` once it is given up."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_given_up or not self.is_full)
            if self._is_given_up:
                raise CallCancelled


class ThreadsRunner(LoopRunner[ThreadWindow]):
    """Runs the calls of one model in as many threads as it takes calls. `run` it once."""

    def __init__(self, host: Host):
        super().__init__(host)
        self.calls: SimpleQueue[Call | None] = SimpleQueue()
        self.own: list[ThreadCall] = []  # one for each thread that runs
        self.awaited: dict[int, Future[Any]] = {}  # what calls wait for, where no exception reaches them
        self._most = host.model.signature.predict.max_concurrency
        self._started = 0
        self._under_way: set[int] = set()
        self._is_ending = False
        self._all_ended = asyncio.Event()

    def begin(self, call: Call) -> None:
        if self._started < min(len(self._under_way) + 1, self._most):
            try:
                self._start_thread()
            except RuntimeError as error:  # no more can be had: calls share those that run
                if not self._started:
                    self.host.outgoing.answers([self.host.failed(call, error)])
                    return
        self._under_way.add(call.id)
        self.calls.put(call)

    def _start_thread(self) -> None:
        context = contextvars.copy_context()  # of the limits that hold for this model
        work = _Answering(self, FIRST_SLOT + self._started).run
        threading.Thread(target=context.run, args=(work,), name="modelport call", daemon=True).start()
        self._started += 1

    def give_up(self, call_ids: set[int]) -> None:
        for call_id in call_ids & self._under_way:
            if not all(own.interrupt(call_id) for own in list(self.own)):
                self.loop.call_later(AGAIN_SECONDS, self.give_up, {call_id})
            if call_id in self.windows:
                self.windows[call_id].give_up()
            if call_id in self.awaited:
                self.awaited[call_id].cancel()

    async def end(self) -> None:
        self._is_ending = True
        if self.is_cut:
            left = set(self._under_way)
            self.running.cancelled.update(left)
            self.give_up(left)
        if self._under_way:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(END_SECONDS if self.is_cut else None):
                    await self._all_ended.wait()
        for _ in range(self._started):
            self.calls.put(None)

    def break_off(self, error: Exception) -> None:
        """End the worker by this error, which is none of the model's."""
        self._broken = error
        with contextlib.suppress(RuntimeError):  # the event loop is closed: it has ended
            self.loop.call_soon_threadsafe(self._cut)

    def ended(self, call_id: int) -> None:
        """The call is answered."""
        self.running.forget([call_id])
        self._under_way.discard(call_id)
        if self._is_ending and not self._under_way:
            with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._all_ended.set)


class _Answering:
    """Answers calls on one thread, one after the other."""

    def __init__(self, runner: ThreadsRunner, slot: int):
        self._runner = runner
        self._host = runner.host
        self._slot = slot

    def run(self) -> None:
        self._own = ThreadCall(self._runner.running, self._slot)
        self._runner.own.append(self._own)
        try:
            while (call := self._runner.calls.get()) is not None:
                self._answer(call)
                self._runner.ended(call.id)
        except OSError:
            pass  # the server has gone, which whoever reads its frames sees, too
        except Exception as error:  # as on the main thread
            self._runner.break_off(error)

    def _answer(self, call: Call) -> None:
        begun = perf_counter()
        self._own.show(call.id)
        asks_for(call.id)
        run_for(call)
        answered = partial(self._answered, call)
        answer = self._guarded(
            partial(in_span, self._host.spans, call, answered) if call.trace else answered,
            lambda error: self._host.failed(call, error),
            Answer(call.id, GIVEN_UP),
        )
        self._own.show(0)
        run_for(None)
        if answer is not None and not self._runner.is_cut:
            answer.micros = int((perf_counter() - begun) * 1e6)
            self._host.outgoing.answers([answer])

    def _guarded(self, work: Callable[[], T], failed: Callable[[BaseException], T], cancelled: T) -> T:
        """What `work` comes to, or `failed` makes of what it raises; `cancelled` if it is given up.

        Nothing is interrupted any more when this returns.
        """
        try:
            try:
                result = work()
            except CallCancelled:
                raise
            except BaseException as error:  # the border to the model's code: anything may come
                end_if_forked(self._host.process, error)
                result = failed(error)
            self._own.end()
        except CallCancelled:
            self._own.end()  # in peace: it is raised once
            result = cancelled
        return result

    def _answered(self, call: Call) -> Answer | None:
        """The answer; `None` if it was streamed, and has gone out already."""
        host = self._host
        bound, operation, _ = host.binding.bound(call)
        if call.only_check:
            return Answer(call.id, body=shown_arguments(bound[1]))
        self._own.begin(call.id)
        value = host.model.call(call.verb, bound[1])
        self._own.end()
        if is_awaitable(value):
            value = self._awaited(call.id, value)
        end_if_forked(host.process)
        if not is_stream(value):
            return host.whole(value, bound, operation, streamed=False)
        types = host.streamed_as(bound, operation)
        if types is not None:
            self._stream(call, value, *types)
            return None
        with contextlib.closing(self._pieces(call.id, value)) as pieces:
            items = list(map(host.kept(call), pieces))
        return host.whole(items, bound, operation, streamed=True)

    def _awaited(self, call_id: int, value: Any) -> Any:
        """What `value` comes to in the event loop of the model. Raises `CallCancelled`."""
        future = asyncio.run_coroutine_threadsafe(awaited(value), self._runner.loop)
        self._runner.awaited[call_id] = future
        cancelled = self._runner.running.cancelled
        try:
            if call_id in cancelled:
                future.cancel()
            return future.result()
        except CancelledError:
            if call_id in cancelled:
                raise CallCancelled from None
            raise
        finally:
            del self._runner.awaited[call_id]

    # -- streams -------------------------------------------------------------------------------------

    def _stream(self, call: Call, value: Any, media_type: str, head: str) -> None:
        self._host.outgoing.answers([Answer(call.id, content_type=head, stream=True)])
        self._runner.windows[call.id] = window = ThreadWindow()
        try:
            last = self._guarded(
                lambda: self._send_pieces(call, value, media_type, window),
                lambda error: self._host.failed_midway(call, error, media_type),
                Chunk(call.id, end=True),
            )
        finally:
            del self._runner.windows[call.id]
        if not self._runner.is_cut:
            self._host.outgoing.chunk(last)

    def _send_pieces(self, call: Call, value: Any, media_type: str, window: ThreadWindow) -> Chunk:
        """Send what the model yields; returns its end. Raises `CallCancelled`."""
        encoded = self._host.pieces_of(call, media_type)
        with contextlib.closing(self._pieces(call.id, value)) as pieces:
            for item in pieces:
                chunk = self._host.chunk_of(call, encoded, item)
                if chunk is None:
                    continue
                self._own.show(0)
                self._host.outgoing.chunk(chunk)
                window.put(len(chunk.data))
                window.wait_for_room()
        return self._host.last_chunk(call, encoded)

    def _pieces(self, call_id: int, value: Any) -> Generator[Any]:
        """What it yields, asynchronously or not. Closes it, whatever happens. Raises `CallCancelled`."""
        items = cast("AsyncIterator[Any]", value) if isinstance(value, AsyncIterator) else None
        try:
            while True:
                self._own.show(call_id)
                if items is not None:
                    item = self._awaited(call_id, anext(items, _END))
                else:
                    item = self._next(call_id, value)
                end_if_forked(self._host.process)
                if item is _END:
                    return
                yield item
        finally:
            self._own.show(call_id)
            close: Any = getattr(cast("Any", value), "close" if items is None else "aclose", None)
            if close is not None and items is not None:
                asyncio.run_coroutine_threadsafe(awaited(close()), self._runner.loop).result()
            elif close is not None:
                close()

    def _next(self, call_id: int, value: Any) -> Any:
        self._own.begin(call_id)
        item = next(value, _END)
        self._own.end()
        return item
