"""Hosting one model: calls in, answers out, one call or one batch at a time."""

from __future__ import annotations

import logging
import os
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from modelport.contract.calls import Answer, Call, Chunk
from modelport.contract.errors import BadRequest
from modelport.contract.media_types import best_media_type
from modelport.contract.places import MISSING, Places
from modelport.contract.served import ServedModel
from modelport.contract.signature import JSON, Operation
from modelport.dialects.codecs import codec_of
from modelport.dialects.codecs.failures import described, failed, trace
from modelport.dialects.codecs.object_calls import check_rows
from modelport.worker.answers import AnswerEncoder, shown_arguments
from modelport.worker.cancellation import CallCancelled, RunningCall, Terminated
from modelport.worker.environment import environment_of
from modelport.worker.frames import Acknowledge, FrameSocket, JobOrder, Kind, Load
from modelport.worker.job import begin_job, keep_returned_model
from modelport.worker.outgoing import Outgoing
from modelport.worker.plain_calls import PlainCalls, is_json_type
from modelport.worker.sent_files import take_sent_files
from modelport.worker.streams import EVENT_STREAM, event, is_awaitable, is_stream, pieces, stream_chunk
from modelport.worker.url_inputs import fetch_url_inputs
from modelport.worker.world import end_if_forked

if TYPE_CHECKING:
    import asyncio  # which most models do without

FLUSH_SECONDS = 0.002  # answers of a frame wait for each other no longer than this
STREAM_WINDOW = 16  # chunks in flight before the client must have taken some
STREAM_BYTES = 256 << 10  # and bytes, of more than one chunk
ACCEPT = "accept"
MAX_SAID = 100  # lines in the log about what requests had in vain: each is said once

log = logging.getLogger("modelport")

Sent = tuple[Call, Places, str]
Bound = tuple[Call, dict[str, Any], str]


class Host:
    """The frame loop of a worker. `run` returns when the server asks for it or has gone."""

    def __init__(self, model: ServedModel, load: Load, channel: FrameSocket, running: RunningCall):
        self.model = model
        self.load = load
        self.channel = channel
        self.running = running
        self.plain = PlainCalls(model, load)
        self.encoder = AnswerEncoder(model, load)
        self.outgoing = Outgoing(channel, load.spool)
        self._process = os.getpid()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._put_aside: list[tuple[int, Any]] = []
        self._said: set[tuple[str, str]] = set()
        self._stopping = False

    def run(self) -> None:
        """Answer calls until STOP or the end of the stream. Raises `FrameError` on a broken stream."""
        try:
            while not self._stopping:
                frame = self._put_aside.pop(0) if self._put_aside else self.channel.receive()
                if frame is None:
                    return
                kind, message = frame
                if kind == Kind.CALLS:
                    self._answer_frame(message)
                elif kind == Kind.JOB:
                    self._run_job(message)
                elif kind == Kind.STOP:
                    return
        finally:
            if self._loop is not None:
                self._loop.close()

    def _answer_frame(self, calls: list[Call]) -> None:
        batch = self.model.signature.predict.max_batch_size
        if batch > 1 and len(calls) > 1:
            together: list[Call] = []
            rest: list[Call] = []
            for call in calls:
                by_itself = call.alone or call.only_check or call.verb != "predict"
                (rest if by_itself else together).append(call)
            if len(together) > 1:
                self._answer_batch(together)
                calls = rest
        self._answer_each(calls)

    def _answer_each(self, calls: list[Call]) -> None:
        answers: list[Answer] = []
        started = begun = perf_counter()
        for call in calls:
            if answers and begun - started > FLUSH_SECONDS:
                self.outgoing.answers(answers)
                answers = []
                started = begun
            answer = self._answer(call)
            ended = perf_counter()
            if answer is not None:
                answer.micros = int((ended - begun) * 1e6)
                answers.append(answer)
            begun = ended
        if answers:
            self.outgoing.answers(answers)
        self.running.forget([call.id for call in calls])

    def _run_job(self, order: JobOrder) -> None:
        reporter, end = begin_job(order, self.channel, self.running)
        try:
            answer = self._answer(order.call)
            if order.call.verb == "train" and answer is not None and answer.status == 200:
                reporter.report("environment", environment_of(self.load.target, self.load.kind))
        finally:
            end()
        if answer is not None:
            self.outgoing.answers([answer])

    def _answer(self, call: Call) -> Answer | None:
        """The answer to one call; `None` if it was streamed, and has gone out already."""
        try:
            self.running.start(call.id)  # reading its arguments runs code of the model's, too
            plain = self.plain.bound(call)
            signature = self.model.signature
            operation = signature.predict if plain is not None else signature.operation(call.verb)
            bound = plain or self._bind(call, operation)
            if call.only_check:
                self.running.end()
                return Answer(call.id, body=shown_arguments(bound[1]))
            value = self.model.call(call.verb, bound[1])
            if plain is not None and is_json_type(cast("type[object]", type(value))):
                end_if_forked(self._process)
                self.running.end()
                return Answer(call.id, body=self.encoder.json_bytes(value, operation))
            return self._finished(value, bound, operation)
        except CallCancelled:
            self.running.end()
            return Answer(call.id, 499)
        except Terminated:
            raise
        except BaseException as error:  # the border to the model's code: anything may come
            end_if_forked(self._process, error)
            self.running.end()
            return self._failed(call, error)

    def _failed(self, call: Call, error: BaseException) -> Answer:
        try:
            return codec_of(call.dialect).failed(call, error, self.load.hide_errors)
        except Exception as second:  # a message map of the model's own, for one
            return failed(call.id, second)

    def _bind(self, call: Call, operation: Operation) -> Bound:
        sent = self._read(call, operation)
        return self._bound(sent, self._arguments(call, sent[1]), operation)

    def _read(self, call: Call, operation: Operation) -> Sent:
        """What a call has sent, and the media type of its answer."""
        if not operation.implemented:
            name = self.model.signature.name
            raise NotImplementedError(f"Not implemented by underlying model (loaded '{name}')")
        media_type = operation.media_types[0]
        codec = codec_of(call.dialect)
        places = codec.read(call, self.load.json_depth)
        if codec.fit is not None:
            codec.fit(places, self.model.signature)
        wanted = self._wanted(call, places, operation)
        if wanted and operation.accept is None:
            chosen = best_media_type(wanted, operation.media_types)
            if chosen is None and codec.envelope is None and operation.is_listable:
                chosen = best_media_type(wanted, [JSON])  # all of it, as a list
            if chosen is None and codec.envelope is None:
                offered = ", ".join(operation.media_types)
                raise BadRequest(f"cannot answer {wanted[:200]!r}; can answer {offered}", 406)
            media_type = chosen or media_type
        if operation.files:
            take_sent_files(call, operation, places, self.load)
        if self.load.allow_url_inputs and self.model.signature.contract == "typed":
            fetch_url_inputs(call, operation, places, self.load)
        return call, places, media_type

    def _wanted(self, call: Call, places: Places, operation: Operation) -> str:
        """What the answer should be: an argument `accept` stands for the header, which many cannot set.

        Models of DEEPaaS's contract pass over one that they do not have, and an API at the root over any.
        """
        if places.lenient or self.model.signature.contract == "deepaas":
            return call.accept
        given = places.find(ACCEPT)[1]
        if given is MISSING or any(argument.name == ACCEPT for argument in operation.arguments):
            return call.accept
        return ",".join(map(str, cast("list[Any]", given))) if isinstance(given, list) else str(given)

    def _arguments(self, call: Call, places: Places) -> dict[str, Any]:
        try:
            return self.model.bind(call.verb, places)
        finally:
            if places.ignored:
                self._warn(call, places.ignored)

    def _warn(self, call: Call, ignored: list[str]) -> None:
        """Tell the client what of its request was ignored, and the log, which hears everything once."""
        self.outgoing.warn(call.id, ignored)
        for words in ignored:
            if (call.verb, words) not in self._said and len(self._said) < MAX_SAID:
                self._said.add((call.verb, words))
                log.warning("%s: %s", call.verb, words)

    def _bound(self, sent: Sent, arguments: dict[str, Any], operation: Operation) -> Bound:
        call, places, media_type = sent
        places.refuse_unread()
        if self.load.max_rows and codec_of(call.dialect).envelope is not None:
            check_rows(arguments, operation, self.load.max_rows)
        if operation.accept is not None:
            media_type = str(arguments.get(operation.accept.parameter) or media_type)
        return call, arguments, media_type

    def _finished(self, value: Any, bound: Bound, operation: Operation) -> Answer | None:
        """The answer made of what the model has returned; `None` if it was streamed."""
        call, _, media_type = bound
        running = self.running
        if is_awaitable(value):
            value = self._event_loop().run_until_complete(_awaited(value))
        end_if_forked(self._process)
        if call.verb != "predict" or call.collect:
            streamed = is_stream(value)
            if streamed:  # a job has no client that reads along: its result is the whole
                value = list(pieces(value, self._event_loop()))
            if call.verb == "train":
                keep_returned_model(value)
            running.end()
            is_list = streamed and operation.is_listable and codec_of(call.dialect).envelope is None
            if call.verb != "predict" or is_list:  # such a list has no envelope without a job, either
                return Answer(call.id, body=self.encoder.json_bytes(value))
        elif is_stream(value):
            return self._stream(call, value, media_type, operation)
        running.end()
        return self.encoder.encode(call, value, media_type, operation)

    def _event_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            import asyncio

            self._loop = asyncio.new_event_loop()
        return self._loop

    # -- batches -----------------------------------------------------------------------------------

    def _answer_batch(self, calls: list[Call]) -> None:
        begun = perf_counter()
        answers: list[Answer] = []
        operation = self.model.signature.predict
        bound = self._bound_together(calls, operation, answers)
        if bound:
            answers.extend(self._predict_together(bound, operation))
        micros = int((perf_counter() - begun) * 1e6)
        for answer in answers:
            answer.micros = micros
        self.outgoing.answers(answers)
        self.running.forget([call.id for call in calls])

    def _bound_together(self, calls: list[Call], operation: Operation, answers: list[Answer]) -> list[Bound]:
        """The calls that can be bound; those that cannot fail alone, which goes into `answers`."""
        if self.plain.are_there:  # and so are not bound together
            return self._bound_apart(calls, operation, answers)
        sent: list[Sent] = []
        for call in calls:
            try:
                sent.append(self._read(call, operation))
            except Terminated:
                raise
            except Exception as error:  # a request that cannot be read fails alone
                answers.append(self._failed(call, error))
        together = self.model.bind_together([places for _, places, _ in sent])
        bound: list[Bound] = []
        for number, one in enumerate(sent):
            try:
                arguments = together[number] if together else self._arguments(one[0], one[1])
                bound.append(self._bound(one, arguments, operation))
            except Terminated:
                raise
            except Exception as error:  # and so does one that cannot be bound
                answers.append(self._failed(one[0], error))
        return bound

    def _bound_apart(self, calls: list[Call], operation: Operation, answers: list[Answer]) -> list[Bound]:
        bound: list[Bound] = []
        for call in calls:
            try:
                bound.append(self.plain.bound(call) or self._bind(call, operation))
            except Terminated:
                raise
            except Exception as error:  # a request that cannot be read or bound fails alone
                answers.append(self._failed(call, error))
        return bound

    def _predict_together(self, bound: list[Bound], operation: Operation) -> list[Answer]:
        try:
            results = self._batch_results([arguments for _, arguments, _ in bound])
        except Terminated:
            raise
        except BaseException as error:  # the model's code; each call gets a second try of its own
            end_if_forked(self._process, error)
            if len(bound) == 1:
                return [self._failed(bound[0][0], error)]
            return [self._predict_together([one], operation)[0] for one in bound]
        answers: list[Answer] = []
        for (call, _, media_type), result in zip(bound, results, strict=True):
            try:
                if isinstance(result, BaseException):
                    raise result
                answers.append(self.encoder.encode(call, result, media_type, operation))
            except Terminated:
                raise
            except BaseException as error:  # a result that is an exception, or that cannot be encoded
                answers.append(self._failed(call, error))
        return answers

    def _batch_results(self, calls: list[dict[str, Any]]) -> list[Any]:
        results: Any = self.model.call_batch(calls)
        if is_awaitable(results):
            results = self._event_loop().run_until_complete(_awaited(results))
        end_if_forked(self._process)
        results = list(cast("list[Any]", results))
        if len(results) != len(calls):
            raise ValueError(f"predict_batch() returned {len(results)} results for {len(calls)} calls")
        return results

    # -- streams -----------------------------------------------------------------------------------

    def _stream(self, call: Call, value: Any, media_type: str, operation: Operation) -> Answer | None:
        if media_type == "*/*" or (media_type == JSON and operation.accept is not None):
            media_type = EVENT_STREAM
        elif media_type == JSON and not operation.is_listable:  # an iterator that nobody announced: a list
            items = list(pieces(value, self._event_loop()))
            self.running.end()
            return self.encoder.encode(call, items, media_type, operation)
        head = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
        self.outgoing.answers([Answer(call.id, content_type=head, stream=True)])
        try:
            last = Chunk(call.id, self._send_pieces(call.id, value, media_type), end=True)
        except CallCancelled:
            last = Chunk(call.id, end=True)
        except Terminated:
            raise
        except BaseException as error:  # the model's generator; the client is told in the stream itself
            end_if_forked(self._process, error)
            data = event(described(error), "error") if media_type == EVENT_STREAM else b""
            last = Chunk(call.id, data, end=True, error=described(error), failure=trace(error))
        self.running.end()
        self.outgoing.chunk(last)
        return None

    def _send_pieces(self, call_id: int, value: Any, media_type: str) -> bytes:
        """Send what the model yields; returns what ends the stream."""
        in_flight: deque[int] = deque()  # sizes of chunks
        opening = b"["
        for item in pieces(value, self._event_loop()):
            end_if_forked(self._process)
            data = stream_chunk(item, media_type, self.load.allow_nan)
            if media_type == JSON:
                data, opening = opening + data, b","
            self.outgoing.chunk(Chunk(call_id, data))
            in_flight.append(len(data))
            while in_flight and (len(in_flight) >= STREAM_WINDOW or sum(in_flight) > STREAM_BYTES):
                for _ in range(self._taken(call_id)):
                    in_flight.popleft()
        if media_type != JSON:
            return b""
        return b"]" if opening == b"," else b"[]"

    def _taken(self, call_id: int) -> int:
        """Wait until the client has taken chunks; other frames are put aside meanwhile."""
        while True:
            frame = self.channel.receive()
            if frame is None:
                self._stopping = True
                raise CallCancelled
            kind, message = frame
            if kind == Kind.ACKNOWLEDGE:
                acknowledged = cast("Acknowledge", message)
                if acknowledged.id == call_id:
                    return acknowledged.chunks
            elif kind == Kind.STOP:
                self._put_aside.append(frame)
            else:
                self._put_aside.append(frame)


async def _awaited(value: Any) -> Any:
    return await value
