"""What models ask of other models of the same server: each is a call like any other, of the model that is
asked.

What must hold: it ends with the call that asks, whatever ends that; nothing waits for ever; and no file of
it is left. What stands in the way, and what is done about it:

- *The asking call is given up* (its client has left, or its deadline has passed), or its worker dies: what
  it has asked is given up with it. Of a batch that is so when nobody wants any of its calls.
- *It is answered while it still asks*, in a thread that was left behind: what it asks then has no answer.
- *Models ask each other in a circle.* The way of a call names the models that have asked for it, and the
  one that closes a circle is refused. Two calls that each wait behind the other, in the queue of a model
  that has one worker, are no circle of one way: the deadline of the first ends both, since what is asked
  has no more time than who asks.
- *The server drains.* A call under way may need others to end, so these are taken until the workers end.
- *A reader that is slow*, where the answer is a stream: no more than a window of it is on its way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import structs

from modelport.contract.ask_ways import LOOP_DETECTED, wrong_way
from modelport.contract.calls import GIVEN_UP, Answer, Call, Chunk
from modelport.contract.nearest import did_you_mean
from modelport.contract.traces import NOWHERE, is_place
from modelport.engine.asking import ask as ask_pool
from modelport.engine.pending import Pending
from modelport.engine.ports import Engine, Pool, Refused
from modelport.worker.awaited_window import AwaitedWindow
from modelport.worker.frames import Acknowledge, Ask, FrameError, Kind

log = logging.getLogger("modelport.engine")

NEVER = 1e8  # more seconds are no deadline
LAST_SECONDS = 3600.0  # where there is none, that two who wait for each other do not do so for ever
HEARTBEAT_SECONDS = 3600.0


class AskingWorker(Protocol):
    """The process of a model that asks, as it is told what comes of it."""

    def send(self, kind: Kind, message: Any) -> None: ...


class Asks:
    """What one worker asks for. `in_flight` are its calls; the process of a job has none, and one call.

    All of it runs in the event loop of the engine.
    """

    def __init__(
        self, engine: Engine, worker: AskingWorker, model: str, in_flight: dict[int, Pending] | None
    ):
        self._engine = engine
        self._worker = worker
        self._model = model
        self._in_flight = in_flight
        self._loop = asyncio.get_running_loop()
        self._questions: dict[int, _Question] = {}
        self._folders: dict[int, set[Path]] = {}  # of answers, by the call that has asked for them
        self._removals: set[asyncio.Task[None]] = set()

    # -- what the worker says ------------------------------------------------------------------------

    def on_frame(self, kind: int, message: Any) -> None:
        """The worker has sent a frame of this kind. Raises `FrameError` for one that it may not send."""
        if kind == Kind.ASK:
            self._on_ask(message)
        elif kind == Kind.ASK_TAKEN:
            taken: Acknowledge = message
            if taken.id in self._questions:
                self._questions[taken.id].window.take(taken.chunks)
        elif kind == Kind.ASK_GIVEN_UP and message in self._questions:
            self._questions[message].cancel()

    def _on_ask(self, ask: Ask) -> None:
        if ask.number in self._questions or not ask.calls:
            raise FrameError("it asked what it has asked already, or for no call")
        asking = self._wanted(ask.calls)
        if asking is None:
            self._tell(Answer(ask.number, GIVEN_UP, problem=True, detail="the call that asks is over"))
            return
        way = [*max((pending.call.way for pending in asking), key=len, default=()), self._model]
        wrong = wrong_way(way, ask.model)
        if not wrong and any(ask.model in pending.call.way for pending in asking):
            wrong = f"the models ask each other in a circle, in a batch: {' → '.join([*way, ask.model])}"
        if wrong:
            self._tell(Answer(ask.number, LOOP_DETECTED, problem=True, detail=wrong))
            return
        if ask.model not in self._engine.pools:
            near = did_you_mean(ask.model, self._engine.pools)
            self._tell(Answer(ask.number, 404, problem=True, detail=f"this server has no such model{near}"))
            return
        question = _Question(ask, self._call(ask, asking, way), asking)
        self._questions[ask.number] = question
        self._folders.setdefault(ask.calls[0], set()).add(self._folder_of(question))
        question.task = self._loop.create_task(self._answer(question))
        question.task.add_done_callback(lambda task: self._done(question))

    def _wanted(self, calls: Sequence[int]) -> list[Pending] | None:
        """The calls that ask, if anybody waits for one of them; `None` if not."""
        if self._in_flight is None:
            return []
        asking = [self._in_flight[call_id] for call_id in calls if call_id in self._in_flight]
        return asking if any(pending.wanted for pending in asking) else None

    def _call(self, ask: Ask, asking: list[Pending], way: list[str]) -> Call:
        first = asking[0].call if len(asking) == 1 else None
        if first is None:
            request_id = ""
        else:
            request_id = first.request_id if first.way else self._engine.request_id(first.id)
        return Call(
            self._engine.next_id(),
            content_type=ask.content_type,
            body=ask.body,
            body_path=ask.body_path,
            uploads=ask.uploads,
            collect=not ask.streams,
            dialect="asked",
            request_id=request_id,
            way=way,
            by=first.by if first is not None else "",
            trace=ask.trace if is_place(ask.trace) else NOWHERE,
        )

    # -- what becomes of the calls -------------------------------------------------------------------

    def give_up(self, call_id: int) -> None:
        """Nobody waits for this call any more: nor for what it has asked, unless others of its batch do."""
        for question in list(self._questions.values()):
            if call_id in question.ask.calls and not any(pending.wanted for pending in question.asking):
                question.cancel()

    def end(self, call_id: int) -> None:
        """This call is over: so is what it has asked, and the files of the answers go."""
        for question in list(self._questions.values()):
            if question.ask.calls[0] == call_id:
                question.cancel()
        self._remove(self._folders.pop(call_id, set()))

    def end_all(self) -> None:
        """The worker has ended."""
        for question in list(self._questions.values()):
            question.cancel()
        while self._folders:
            self._remove(self._folders.popitem()[1])

    def _folder_of(self, question: _Question) -> Path:
        return self._engine.spool.folder_of(question.call.id)

    def _remove(self, folders: set[Path]) -> None:
        there = [folder for folder in folders if folder.exists()]
        if there:
            task = self._loop.create_task(asyncio.to_thread(self._remove_all, there))
            self._removals.add(task)
            task.add_done_callback(self._removals.discard)

    def _remove_all(self, folders: list[Path]) -> None:
        for folder in folders:
            self._engine.spool.remove(folder)

    # -- the answer ----------------------------------------------------------------------------------

    async def _answer(self, question: _Question) -> None:
        call, number = question.call, question.ask.number
        try:
            pool = self._engine.route(question.ask.model)
            with pool.held():
                await self._have_answered(question, pool)
        except Refused as refused:
            self._tell(Answer(number, refused.status, problem=True, detail=refused.detail))
        except Exception:  # a bug: the model that asks must not wait for ever
            log.exception("%s: %s could not be asked", self._engine.request_id(call.id), question.ask.model)
            self._tell(Answer(number, 500, problem=True, detail="the server failed; its log says more"))

    async def _have_answered(self, question: _Question, pool: Pool) -> None:
        pending, answer = await ask_pool(pool, question.call, seconds=self._seconds(question), within=True)
        if answer.failure:
            said = "%s: %s, which %s has asked for request %s, failed: %s\n%s"
            call, own = question.call, self._engine.request_id(question.call.id)
            root = call.request_id or "of a job, or of a batch"
            told = {"request_id": call.request_id or own, "principal": call.by, "model": pool.name}
            log.error(said, own, pool.name, self._model, root, answer.detail, answer.failure, extra=told)
        answer = structs.replace(answer, id=question.ask.number)
        if not answer.stream:
            self._tell(answer)
        else:
            await self._send_stream(question, pool, pending, answer)
        if pending.wanted and not answer.path:  # nothing is left to read; a training may ask very often
            folder = self._folder_of(question)
            self._folders.get(question.ask.calls[0], set()).discard(folder)
            if pool.may_leave_files():
                self._remove({folder})

    async def _send_stream(self, question: _Question, pool: Pool, pending: Pending, answer: Answer) -> None:
        try:
            question.is_streaming = True
            self._tell(answer)
            assert pending.stream is not None
            async for chunk in pending.stream.chunks(HEARTBEAT_SECONDS):
                if chunk is not None:
                    chunk.id = question.ask.number
                    question.is_streaming = not chunk.end
                    self._worker.send(Kind.ASKED_CHUNK, chunk)
                    question.window.put(len(chunk.data))
                    await question.window.has_room()
        finally:
            pool.close_stream(pending)

    def _seconds(self, question: _Question) -> float:
        """How long the answer may take: what is left to who asks, of a batch to the last of its calls."""
        left = [pending.deadline - self._loop.time() for pending in question.asking if pending.wanted]
        seconds = min(max(left, default=NEVER), question.ask.seconds or NEVER)
        return seconds if seconds < NEVER else LAST_SECONDS

    def _tell(self, answer: Answer) -> None:
        if answer.id in self._questions:
            self._questions[answer.id].is_told = True
        try:
            self._worker.send(Kind.ASKED, answer)
        except FrameError as error:
            self._worker.send(Kind.ASKED, Answer(answer.id, 500, problem=True, detail=str(error)))

    def _done(self, question: _Question) -> None:
        """Its task has ended, perhaps before its first step: who waits must not do so for ever."""
        number = question.ask.number
        del self._questions[number]
        if question.is_streaming:
            self._worker.send(Kind.ASKED_CHUNK, Chunk(number, end=True, error="it was given up"))
        elif not question.is_told:
            self._tell(Answer(number, GIVEN_UP, problem=True, detail="it was given up"))


class _Question:
    """One ask, while it has no answer yet, or not all of it."""

    task: asyncio.Task[None]

    def __init__(self, ask: Ask, call: Call, asking: list[Pending]):
        self.ask = ask
        self.call = call
        self.asking = asking
        self.is_told = False  # its answer, or the beginning of it
        self.is_streaming = False
        self.window = AwaitedWindow()  # of what the model that asks has not taken yet

    def cancel(self) -> None:
        """Give it up."""
        self.task.cancel()
