"""Many calls at once in one worker: each call of an `async def predict` is a task of one event loop.

What can go wrong, and why it has this shape:

- *The worker dies: of which call?* Calls take turns on one thread, so the one whose code ran is shown in the
  shared memory for each of its steps (`Shown`), and none while all of them wait. The server fails the one
  that is shown; where none is, it tries each again by itself.
- *A client leaves.* The server writes the call's number to the control socket, which the loop reads: the
  task is cancelled where it awaits, and one that has not begun never does, whichever is read first. Nothing
  interrupts code between two awaits; if it does not come back within the grace, the server, which sees it
  shown, kills the worker.
- *A call blocks the loop*, and with it all others. After a second it is named in the log, with its stack, by
  a thread that looks while calls run.
- *A slow reader.* Each stream has a window of its own. Its generator is not asked for more while the window
  is full; the others go on.
- *The server stops.* STOP lets what runs end; the end of the stream, and SIGTERM, cancel it, so that the
  `finally` of a model's code runs. After `END_SECONDS` the process ends whatever that code does.
- *Answers are many.* Those of one turn of the loop go in one frame.

A job's process has one call, which may be a training: its frame ends this runner, and the serial one goes on.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

from modelport.contract.calls import Answer, Call, Chunk
from modelport.sources.model_loop import END_SECONDS, awaited, event_loop, is_awaitable
from modelport.worker.answers import shown_arguments
from modelport.worker.asks import asks_for
from modelport.worker.cancellation import CANCEL_SIGNAL, RunningCall, Terminated
from modelport.worker.frames import Acknowledge, FrameError, Kind
from modelport.worker.runners.block_watch import BlockWatch
from modelport.worker.streams import (
    Encoded,
    Window,
    is_stream,
    last_of_failed,
)
from modelport.worker.world import end_if_forked, handle, nothing

if TYPE_CHECKING:
    from modelport.worker.host import Host


class Shown:
    """An awaitable that shows, with each of its steps, which call's code runs."""

    __slots__ = ("_awaited", "_call_id", "_running")

    def __init__(self, running: RunningCall, call_id: int, awaited: Any):
        self._running = running
        self._call_id = call_id
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = awaited(self._awaited).__await__()
        show, call_id = self._running.show, self._call_id
        error: BaseException | None = None
        while True:
            show(call_id)
            try:
                waits_for = steps.send(None) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            finally:
                show(0)
            error = None
            try:
                yield waits_for
            except BaseException as thrown:  # whatever it is, it is for the model's code
                error = thrown


class AwaitedWindow(Window):
    """A window that a task waits for, while others run."""

    def __init__(self) -> None:
        super().__init__()
        self._taken = asyncio.Event()

    def take(self, chunks: int) -> None:
        super().take(chunks)
        self._taken.set()

    async def has_room(self) -> None:
        """Wait until there may be another chunk."""
        while self.is_full:
            self._taken.clear()
            await self._taken.wait()


class ConcurrentRunner:
    """Runs the calls of one model as tasks. `run` it once."""

    def __init__(self, host: Host):
        self._host = host
        self._running = host.running
        self._channel = host.channel
        self._loop = event_loop()
        self._watch = BlockWatch(self._running)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._windows: dict[int, AwaitedWindow] = {}
        self._answers: list[Answer] = []
        self._rest: list[tuple[int, Any]] = []  # frames that are for the serial runner
        self._stop = asyncio.Event()  # no more calls come
        self._is_cut = False  # nobody waits for answers any more
        self._is_terminated = False
        self._broken: Exception | None = None  # why nothing more can be read

    def run(self) -> list[tuple[int, Any]]:
        """Answer calls until the server wants no more, or has gone; returns frames that are left to do.

        Raises `Terminated` after SIGTERM, and `FrameError` on a broken stream.
        """
        self._loop.run_until_complete(self._serve())
        if self._is_terminated:
            raise Terminated
        if self._broken is not None:
            raise self._broken
        return self._rest

    async def _serve(self) -> None:
        control = self._running.control
        handle({CANCEL_SIGNAL: nothing, signal.SIGTERM: self._on_terminate})
        self._loop.add_reader(self._channel.fileno(), self._on_readable)
        if control is not None:
            self._loop.add_reader(control.fileno(), self._on_control)
        self._watch.start()
        self._host.asks.is_attended = True
        try:
            await self._stop.wait()
            await self._end_calls()
        finally:
            self._host.asks.is_attended = False
            self._watch.end()
            self._loop.remove_reader(self._channel.fileno())
            if control is not None:
                self._loop.remove_reader(control.fileno())
            self._running.install()

    async def _end_calls(self) -> None:
        tasks = list(self._tasks.values())
        if self._is_cut:
            for task in tasks:
                task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_SECONDS if self._is_cut else None)
        self._flush()

    # -- what comes ----------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        try:
            frames = self._channel.receive_ready()
        except (OSError, FrameError) as error:
            frames, self._broken = None, error
        if frames is None:
            self._loop.remove_reader(self._channel.fileno())  # its end can be read for ever
            self._is_cut = True
            self._host.asks.end()
            self._stop.set()
            return
        for number, (kind, message) in enumerate(frames):
            if kind == Kind.CALLS:
                for call in cast("list[Call]", message):
                    self._begin(call)
            elif kind == Kind.ACKNOWLEDGE:
                taken: Acknowledge = message
                window = self._windows.get(taken.id)
                if window is not None:
                    window.take(taken.chunks)
            elif kind == Kind.JOB:
                self._rest = frames[number:]
                self._stop.set()
                return
            elif kind == Kind.STOP:
                self._stop.set()
            else:
                self._host.asks.take(kind, message)

    def _begin(self, call: Call) -> None:
        if call.id in self._running.cancelled:
            self._running.forget([call.id])
            self._send(Answer(call.id, 499))
            return
        if not self._tasks:
            self._watch.busy()
        task = self._loop.create_task(self._answer(call))
        self._tasks[call.id] = task
        task.add_done_callback(lambda task: self._done(call.id, task))

    def _done(self, call_id: int, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before it began
            self._send(Answer(call_id, 499))
        del self._tasks[call_id]
        if not self._tasks:
            self._watch.idle()

    def _on_control(self) -> None:
        self._running.read_cancelled()
        for call_id in self._running.cancelled & self._tasks.keys():
            self._tasks[call_id].cancel()
            self._running.forget([call_id])

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        self._is_terminated = self._is_cut = True
        self._loop.call_soon_threadsafe(self._stop.set)

    # -- one call ------------------------------------------------------------------------------------

    async def _answer(self, call: Call) -> None:
        host = self._host
        try:
            answer = await self._answered(call)
        except asyncio.CancelledError:
            answer = Answer(call.id, 499)
        except BaseException as error:  # the border to the model's code: anything may come
            end_if_forked(host.process, error)
            answer = host.failed(call, error)
        finally:
            self._running.show(0)
        if answer is not None:
            self._send(answer)

    async def _answered(self, call: Call) -> Answer | None:
        """The answer; `None` if it was streamed, and has gone out already."""
        host, running = self._host, self._running
        asks_for(call.id)
        running.show(call.id)  # reading its arguments runs code of the model's, too
        bound, operation, _ = host.binding.bound(call)
        if call.only_check:
            return Answer(call.id, body=shown_arguments(bound[1]))
        value = host.model.call(call.verb, bound[1])
        if is_awaitable(value):
            value = await Shown(running, call.id, value)
            running.show(call.id)
        end_if_forked(host.process)
        if not is_stream(value):
            return host.whole(value, bound, operation, streamed=False)
        types = host.streamed_as(bound, operation)
        if types is not None:
            await self._stream(call, value, *types)
            return None
        async with aclosing(self._pieces(call.id, value)) as pieces:
            items = [item async for item in pieces]
        return host.whole(items, bound, operation, streamed=True)

    def _send(self, answer: Answer) -> None:
        if not self._answers:
            self._loop.call_soon(self._flush)
        self._answers.append(answer)

    def _flush(self) -> None:
        answers, self._answers = self._answers, []
        if answers and not self._is_cut:
            self._host.outgoing.answers(answers)

    # -- streams -------------------------------------------------------------------------------------

    async def _stream(self, call: Call, value: Any, media_type: str, head: str) -> None:
        host = self._host
        host.outgoing.answers([Answer(call.id, content_type=head, stream=True)])
        self._windows[call.id] = window = AwaitedWindow()
        try:
            last = Chunk(call.id, await self._send_pieces(call.id, value, media_type, window), end=True)
        except asyncio.CancelledError:
            last = Chunk(call.id, end=True)
        except BaseException as error:  # the model's generator; the client is told in the stream itself
            end_if_forked(host.process, error)
            last = last_of_failed(call.id, error, media_type)
        finally:
            del self._windows[call.id]
        if not self._is_cut:
            host.outgoing.chunk(last)

    async def _send_pieces(self, call_id: int, value: Any, media_type: str, window: AwaitedWindow) -> bytes:
        """Send what the model yields; returns what ends the stream."""
        host = self._host
        encoded = Encoded(media_type, host.load.allow_nan)
        async with aclosing(self._pieces(call_id, value)) as pieces:
            async for item in pieces:
                end_if_forked(host.process)
                data = encoded.piece(item)
                host.outgoing.chunk(Chunk(call_id, data))
                window.put(len(data))
                await window.has_room()
        return encoded.end()

    async def _pieces(self, call_id: int, value: Any) -> AsyncGenerator[Any]:
        """The items of what the model returned, each step of it shown. Closes it, whatever happens."""
        running = self._running
        if isinstance(value, AsyncIterator):
            iterator = cast("AsyncIterator[Any]", value)
            try:
                while True:
                    try:
                        item = await Shown(running, call_id, anext(iterator))
                    except StopAsyncIteration:
                        return
                    yield item
            finally:
                close = getattr(iterator, "aclose", None)
                if close is not None:
                    await Shown(running, call_id, close())
            return
        try:
            while True:
                running.show(call_id)
                try:
                    item = next(value)
                except StopIteration:
                    return
                finally:
                    running.show(0)
                yield item
                await asyncio.sleep(0)  # the others have a turn between two items
        finally:
            close = getattr(value, "close", None)
            if close is not None:
                close()
