"""One call after the other, each with what it returns or yields."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Any, cast

from modelport.contract.calls import GIVEN_UP, Answer, Call, Chunk
from modelport.contract.current_call import run_for
from modelport.contract.signature import Operation
from modelport.worker.answers import shown_arguments
from modelport.worker.binding import Bound
from modelport.worker.cancellation import CallCancelled, Terminated
from modelport.worker.environment import environment_of
from modelport.worker.frames import Acknowledge, JobOrder, Kind
from modelport.worker.host import Host
from modelport.worker.job import Jobs
from modelport.worker.plain_calls import is_json_type
from modelport.worker.runners.batch import answer_batch, answers_of
from modelport.worker.sent_pieces import SentPieces
from modelport.worker.spans import in_span, in_told_span
from modelport.worker.streams import Window, is_stream, pieces
from modelport.worker.world import end_if_forked

FLUSH_SECONDS = 0.002  # answers of a frame wait for each other no longer than this


class SerialRunner:
    """Runs calls one by one; those that a model takes together, as a batch.

    `put_aside` are frames that were read first, and that came while a stream waited for its client.
    """

    def __init__(self, host: Host, put_aside: list[tuple[int, Any]]):
        self._host = host
        self._running = host.running
        self._put_aside = put_aside
        self._jobs = Jobs(host.channel, host.running)
        self._stopping = False
        self._window = Window()  # of the stream that is sent,
        self._pieces: SentPieces | None = None  # and what its client sends

    def run(self) -> None:
        """Answer calls until STOP or the end of the stream. Raises `FrameError` on a broken stream."""
        while not self._stopping:
            frame = self._put_aside.pop(0) if self._put_aside else self._host.asks.receive()
            if frame is None:
                return
            kind, message = frame
            if kind == Kind.CALLS:
                self._answer_frame(message)
            elif kind == Kind.JOB:
                self._run_job(message)
            elif kind == Kind.STOP:
                return

    def _answer_frame(self, calls: list[Call]) -> None:
        batch = self._host.model.signature.predict.max_batch_size
        if batch > 1 and len(calls) > 1:
            together: list[Call] = []
            rest: list[Call] = []
            for call in calls:
                by_itself = call.alone or call.only_check or call.verb != "predict"
                (rest if by_itself else together).append(call)
            if len(together) > 1:
                answer_batch(self._host, together)
                calls = rest
        self._answer_each(calls)

    def _answer_each(self, calls: list[Call]) -> None:
        answers: list[Answer] = []
        spans = self._host.spans
        started = begun = perf_counter()
        for call in calls:
            if answers and begun - started > FLUSH_SECONDS:
                self._host.outgoing.answers(answers)
                answers = []
                started = begun
            if call.trace:
                answer = in_told_span(spans, call, partial(self._answer, call))
            else:
                answer = self._answer(call)
            ended = perf_counter()
            if answer is not None:
                answer.micros = int((ended - begun) * 1e6)
                answers.append(answer)
            begun = ended
        if answers:
            self._host.outgoing.answers(answers)
        run_for(None)
        self._running.forget([call.id for call in calls])

    def _run_job(self, order: JobOrder) -> None:
        reporter, end = self._jobs.begin(order)
        try:
            if order.call.batch is not None:
                from modelport.worker.batch_jobs.running import run_batch  # few workers need it

                run = partial(run_batch, self._host, order.call, reporter)
                answers = [in_span(self._host.spans, order.call, run)]
            elif order.together:
                answers = answers_of(self._host, [order.call, *order.together])
            else:
                answer = in_span(self._host.spans, order.call, partial(self._answer, order.call))
                answers = [] if answer is None else [answer]
            if order.call.verb == "train" and answers and answers[0].status == 200:
                reporter.report("environment", environment_of(self._host.load.target, self._host.load.kind))
        finally:
            run_for(None)
            end()
        if answers:
            self._host.outgoing.answers(answers)

    def _answer(self, call: Call) -> Answer | None:
        """The answer to one call; `None` if it was streamed, and has gone out already."""
        host = self._host
        host.asks.calls = (call.id,)
        run_for(call)
        try:
            self._running.start(call.id)  # reading its arguments runs code of the model's, too
            bound, operation, is_plain = host.binding.bound(call)
            if call.only_check:
                self._running.end()
                return Answer(call.id, body=shown_arguments(bound[1]))
            if call.verb == "stream":
                heard, look = partial(self._heard, call.id), host.look_at(operation)
                self._pieces = SentPieces(call.id, host.channel, look, heard)
                bound[1][operation.pieces] = self._pieces
            value = host.model.call(call.verb, bound[1])
            if is_plain and is_json_type(cast("type[object]", type(value))):
                end_if_forked(host.process)
                self._running.end()
                return Answer(call.id, body=host.encoder.json_bytes(value, operation))
            return self._finished(value, bound, operation)
        except CallCancelled:
            self._running.end()
            return Answer(call.id, GIVEN_UP)
        except Terminated:
            raise
        except BaseException as error:  # the border to the model's code: anything may come
            end_if_forked(host.process, error)
            self._running.end()
            return host.failed(call, error)

    def _finished(self, value: Any, bound: Bound, operation: Operation) -> Answer | None:
        """The answer made of what the model has returned; `None` if it was streamed."""
        call = bound[0]
        value = self._host.returned(value)
        streamed = is_stream(value)
        if streamed:
            types = self._host.streamed_as(bound, operation)
            if types is not None:
                return self._stream(call, value, *types)
            value = list(map(self._host.kept(call), pieces(value)))
        answer = self._host.whole(value, bound, operation, streamed=streamed)
        self._running.end()
        return answer

    def _stream(self, call: Call, value: Any, media_type: str, head: str) -> None:
        self._host.outgoing.answers([Answer(call.id, content_type=head, stream=True)])
        try:
            last = self._send_pieces(call, value, media_type)
        except CallCancelled:
            last = Chunk(call.id, end=True)
        except Terminated:
            raise
        except BaseException as error:  # the model's generator; the client is told in the stream itself
            end_if_forked(self._host.process, error)
            last = self._host.failed_midway(call, error, media_type)
        self._running.end()
        self._host.outgoing.chunk(last)

    def _send_pieces(self, call: Call, value: Any, media_type: str) -> Chunk:
        """Send what the model yields; returns its end."""
        self._window = window = Window()
        encoded = self._host.pieces_of(call, media_type)
        for item in pieces(value):
            end_if_forked(self._host.process)
            chunk = self._host.chunk_of(call, encoded, item)
            if chunk is None:
                continue
            self._host.outgoing.chunk(chunk)
            window.put(len(chunk.data))
            while window.is_full:
                self._heard(call.id)
        return self._host.last_chunk(call, encoded)

    def _heard(self, call_id: int) -> None:
        """Wait for one frame: what the client has taken, or sent; others are put aside meanwhile."""
        frame = self._host.asks.receive()
        if frame is None:
            self._stopping = True
            raise CallCancelled
        kind, message = frame
        if kind == Kind.ACKNOWLEDGE:
            acknowledged: Acknowledge = message
            if acknowledged.id == call_id:
                self._window.take(acknowledged.chunks)
        elif kind == Kind.PIECE:
            if self._pieces is not None:
                self._pieces.put(message)
        else:
            self._put_aside.append(frame)
