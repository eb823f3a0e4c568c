"""What all calls of one model share in its worker, however they run."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from modelport.contract.calls import Answer, Call, Chunk, Piece
from modelport.contract.errors import BadRequest
from modelport.contract.packed_values import PACKED
from modelport.contract.served import ServedModel
from modelport.contract.signature import OF_TEXT, PREDICTIONS, Operation
from modelport.dialects.codecs import PieceForm, codec_of
from modelport.dialects.codecs.failures import failed, failed_in_words
from modelport.dialects.codecs.json_body import parse_json
from modelport.sources.model_loop import come_to
from modelport.worker.answers import AnswerEncoder
from modelport.worker.asks import Asks
from modelport.worker.binding import Binding, Bound
from modelport.worker.cancellation import RunningCall
from modelport.worker.frames import FrameSocket, Load
from modelport.worker.job import keep_returned_model
from modelport.worker.outgoing import Outgoing
from modelport.worker.sent_pieces import Look
from modelport.worker.spans import SpanSender
from modelport.worker.streams import (
    EVENT_STREAM,
    MESSAGES,
    Encoded,
    TextBound,
    is_bytes,
    last_of_failed,
    stream_types,
)
from modelport.worker.world import end_if_forked


class Host:
    """A loaded model, and the ways to it and from it."""

    def __init__(self, model: ServedModel, load: Load, channel: FrameSocket, running: RunningCall):
        self.model = model
        self.load = load
        self.channel = channel
        self.running = running
        self.outgoing = Outgoing(channel, load.spool)
        self.binding = Binding(model, load, self.outgoing.warn)
        self.asks = Asks(channel, running)
        self.spans = SpanSender(channel, self.asks)
        self.encoder = AnswerEncoder(model, load)
        self.process = os.getpid()

    def returned(self, value: Any) -> Any:
        """What the model's code has returned, awaited if it is to be. What it has forked ends here."""
        value = come_to(value)
        end_if_forked(self.process)
        return value

    def failed(self, call: Call, error: BaseException) -> Answer:
        """The answer to a call that has raised."""
        if call.verb == "stream":
            answer = failed_in_words(call.id, error, self.load.hide_errors)
            answer.problem = True
            return answer
        try:
            return codec_of(call.dialect).failed(call, error, self.load.hide_errors)
        except Exception as second:  # a message map of the model's own, for one
            return failed(call.id, second)

    def whole(self, value: Any, bound: Bound, operation: Operation, *, streamed: bool) -> Answer:
        """The answer made of all that the model has returned. A stream is a list by now: jobs have no client
        that reads along.
        """
        call, _, media_type = bound
        if call.verb == "train":
            keep_returned_model(value)
        codec = codec_of(call.dialect)
        is_list = streamed and operation.is_listable and codec.is_as_contract_says
        has_no_envelope = call.collect and is_list  # nor has it one without a job
        if call.verb not in PREDICTIONS or has_no_envelope:
            return Answer(call.id, body=self.encoder.json_bytes(value))
        return self.encoder.encode(call, value, media_type, operation)

    def streamed_as(self, bound: Bound, operation: Operation) -> tuple[str, str] | None:
        """The media type of what the model yields, and its Content-Type; `None` if it is to come whole."""
        call, _, media_type = bound
        if call.verb == "stream":
            return MESSAGES, MESSAGES
        if call.verb not in PREDICTIONS or call.collect:
            return None
        codec = codec_of(call.dialect)
        if codec.stream_type:
            return codec.stream_type, codec.stream_type
        if codec.stream:
            return EVENT_STREAM, f"{EVENT_STREAM}; charset=utf-8"
        return (PACKED, PACKED) if codec.pack else stream_types(media_type, operation)

    def kept(self, call: Call) -> Callable[[Any], Any]:
        """What each piece of a stream goes through that is answered whole."""
        return TextBound() if call.verb in OF_TEXT else _as_it_is

    def pieces_of(self, call: Call, media_type: str) -> PieceForm:
        """What makes bytes of the pieces of a stream, which has the media type of `streamed_as`."""
        stream = codec_of(call.dialect).stream
        if stream is None:
            return Encoded(media_type, self.load.allow_nan)
        return stream(call, self.encoder.given)

    def look_at(self, operation: Operation) -> Look:
        """What looks at the messages of a client: those of JSON are to be as strict as bodies are."""
        from modelport.contract.pieces import MESSAGE  # with pydantic, which is there where models stream

        takes, depth = operation.takes, self.load.json_depth
        is_json = takes is not None and takes.schema is not None

        def look(piece: Piece) -> None:
            if not (is_json and piece.text):
                return
            try:
                parse_json(piece.data, depth)
            except BadRequest as error:
                raise BadRequest(f"{MESSAGE}: {error.detail}") from None

        return look

    def chunk_of(self, call: Call, form: PieceForm, item: Any) -> Chunk | None:
        """One piece of a stream in this form; `None` if nothing of it is to be sent."""
        data = form.piece(item)
        return Chunk(call.id, data, text=call.verb == "stream" and not is_bytes(item)) if data else None

    def last_chunk(self, call: Call, form: PieceForm) -> Chunk:
        """The end of a stream that has gone well."""
        return Chunk(call.id, form.end(), end=True, tokens=form.tokens, elsewhere=call.elsewhere)

    def failed_midway(self, call: Call, error: BaseException, media_type: str) -> Chunk:
        """The end of a stream of a call that has raised."""
        if call.verb != "stream":
            return last_of_failed(call.id, error, media_type)
        answer = self.failed(call, error)
        return Chunk(call.id, end=True, error=answer.detail, failure=answer.failure, status=answer.status)


def _as_it_is(item: Any) -> Any:
    return item
