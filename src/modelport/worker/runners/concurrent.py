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
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

from modelport.contract.calls import GIVEN_UP, Answer, Call, Chunk
from modelport.contract.current_call import run_for, span_of
from modelport.contract.traces import MODEL
from modelport.sources.model_loop import END_SECONDS, awaited, is_awaitable
from modelport.worker.answers import shown_arguments
from modelport.worker.asks import asks_for
from modelport.worker.awaited_window import AwaitedWindow
from modelport.worker.cancellation import RunningCall
from modelport.worker.runners.block_watch import BlockWatch
from modelport.worker.runners.loop_frames import LoopRunner
from modelport.worker.sent_pieces import AwaitedPieces
from modelport.worker.spans import told_in
from modelport.worker.streams import is_stream
from modelport.worker.world import end_if_forked

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


class ConcurrentRunner(LoopRunner[AwaitedWindow]):
    """Runs the calls of one model as tasks. `run` it once."""

    def __init__(self, host: Host):
        super().__init__(host)
        self._watch = BlockWatch(self.running)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._given_up: set[int] = set()  # of those that run
        self._answers: list[Answer] = []

    def run(self) -> list[tuple[int, Any]]:
        self._watch.start()
        try:
            return super().run()
        finally:
            self._watch.end()

    async def end(self) -> None:
        tasks = list(self._tasks.values())
        if self.is_cut:
            for task in tasks:
                task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_SECONDS if self.is_cut else None)
        self._flush()

    def begin(self, call: Call) -> None:
        if call.id in self.running.cancelled:
            self.running.forget([call.id])
            self._send(Answer(call.id, GIVEN_UP))
            return
        if not self._tasks:
            self._watch.busy()
        task = self.loop.create_task(self._answer(call))
        self._tasks[call.id] = task
        task.add_done_callback(lambda task: self._done(call.id, task))

    def _done(self, call_id: int, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before it began
            self._send(Answer(call_id, GIVEN_UP))
        del self._tasks[call_id]
        self.pieces.pop(call_id, None)
        self._given_up.discard(call_id)
        if not self._tasks:
            self._watch.idle()

    def give_up(self, call_ids: set[int]) -> None:
        for call_id in call_ids & self._tasks.keys():
            self._given_up.add(call_id)
            self._tasks[call_id].cancel()
            self.running.forget([call_id])

    def _is_given_up(self, call: Call) -> bool:
        """Whether it was cancelled by us, and not something of the model's that it waited for."""
        return self.is_cut or call.id in self._given_up

    # -- one call ------------------------------------------------------------------------------------

    async def _answer(self, call: Call) -> None:
        host = self.host
        try:
            answer = await (self._traced(call) if call.trace else self._answered(call))
        except asyncio.CancelledError as error:
            answer = Answer(call.id, GIVEN_UP) if self._is_given_up(call) else host.failed(call, error)
        except BaseException as error:  # the border to the model's code: anything may come
            end_if_forked(host.process, error)
            answer = host.failed(call, error)
        finally:
            self.running.show(0)
        if answer is not None:
            self._send(answer)

    async def _traced(self, call: Call) -> Answer | None:
        spans, answer = self.host.spans, None
        try:
            with span_of(call, MODEL, spans.hold) as span:
                answer = told_in(span, await self._answered(call))
            return answer
        finally:
            if answer is None:  # a stream, or it has failed
                spans.flush()

    async def _answered(self, call: Call) -> Answer | None:
        """The answer; `None` if it was streamed, and has gone out already."""
        host, running = self.host, self.running
        asks_for(call.id)
        run_for(call)
        running.show(call.id)  # reading its arguments runs code of the model's, too
        bound, operation, _ = host.binding.bound(call)
        if call.only_check:
            return Answer(call.id, body=shown_arguments(bound[1]))
        if call.verb == "stream":
            self.pieces[call.id] = pieces = AwaitedPieces(call.id, host.channel, host.look_at(operation))
            bound[1][operation.pieces] = pieces
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
        kept = host.kept(call)
        async with aclosing(self._pieces(call.id, value)) as yielded:
            items = [kept(item) async for item in yielded]
        return host.whole(items, bound, operation, streamed=True)

    def _send(self, answer: Answer) -> None:
        if not self._answers:
            self.loop.call_soon(self._flush)
        self._answers.append(answer)

    def _flush(self) -> None:
        answers, self._answers = self._answers, []
        if answers and not self.is_cut:
            self.host.outgoing.answers(answers)

    # -- streams -------------------------------------------------------------------------------------

    async def _stream(self, call: Call, value: Any, media_type: str, head: str) -> None:
        host = self.host
        host.outgoing.answers([Answer(call.id, content_type=head, stream=True)])
        self.windows[call.id] = window = AwaitedWindow()
        try:
            last = await self._send_pieces(call, value, media_type, window)
        except BaseException as error:  # the model's generator; the client is told in the stream itself
            end_if_forked(host.process, error)
            given_up = isinstance(error, asyncio.CancelledError) and self._is_given_up(call)
            last = Chunk(call.id, end=True) if given_up else host.failed_midway(call, error, media_type)
        finally:
            del self.windows[call.id]
        if not self.is_cut:
            host.outgoing.chunk(last)

    async def _send_pieces(self, call: Call, value: Any, media_type: str, window: AwaitedWindow) -> Chunk:
        """Send what the model yields; returns its end."""
        host = self.host
        encoded = host.pieces_of(call, media_type)
        async with aclosing(self._pieces(call.id, value)) as pieces:
            async for item in pieces:
                end_if_forked(host.process)
                chunk = host.chunk_of(call, encoded, item)
                if chunk is None:
                    continue
                host.outgoing.chunk(chunk)
                window.put(len(chunk.data))
                await window.has_room()
        return host.last_chunk(call, encoded)

    async def _pieces(self, call_id: int, value: Any) -> AsyncGenerator[Any]:
        """The items of what the model returned, each step of it shown. Closes it, whatever happens."""
        running = self.running
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
