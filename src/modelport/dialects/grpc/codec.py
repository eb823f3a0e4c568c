"""The codec of the Open Inference Protocol by gRPC: messages become arguments, and answers messages."""

from __future__ import annotations

from typing import Any

import msgspec

from modelport.contract.calls import NO_TOKENS, Answer, Call
from modelport.contract.errors import BadRequest
from modelport.contract.places import Places
from modelport.dialects.codecs import Codec, Give, Given, checked_piece
from modelport.dialects.codecs.failures import failed_in_words
from modelport.dialects.codecs.requests import body_of
from modelport.dialects.grpc.bodies import (
    IS_FINAL,
    MEDIA_TYPE,
    PROTOCOL,
    RESPONSE,
    STREAM_RESPONSE,
    WANTS_FINAL,
)
from modelport.dialects.grpc.tensors import request_of, response_of
from modelport.dialects.grpc.wire import written
from modelport.dialects.oip.codec import fit, placed_outputs, places_of
from modelport.dialects.oip.outputs import chosen, outputs_of_value
from modelport.dialects.oip.regions import ClientMemory
from modelport.dialects.oip.tensors import Asked


class Repeated(msgspec.Struct, array_like=True):
    """What of a request its answers need. With `tells_end` there is one that says that it is the last."""

    id: str
    outputs: list[Asked] | None
    is_raw: bool
    tells_end: bool
    version: str


_encode, _decode = msgspec.json.encode, msgspec.json.Decoder(Repeated).decode


def _read(call: Call, json_depth: int) -> Places:
    request, is_raw = request_of(body_of(call), ClientMemory(call))
    tells_end = request.parameters.pop(WANTS_FINAL, False)
    if not isinstance(tells_end, bool):
        raise BadRequest(f"the parameter {WANTS_FINAL!r} must be true or false")
    request.keeps_timeout = True
    call.accept = ""  # what is answered are tensors
    version = call.request_id  # as the server has put it there
    call.request_id = _encode(Repeated(request.id, request.outputs, is_raw, tells_end, version)).decode()
    return places_of(request)


def _head(asked: Repeated, name: str) -> dict[str, Any]:
    return {"model_name": name, "model_version": asked.version, "id": asked.id}


def _response(call: Call, given: Given, *, is_last: bool) -> dict[str, Any]:
    asked = _decode(call.request_id)
    outputs = chosen(outputs_of_value(given.value, given.content_of), asked.outputs)
    parameters = {IS_FINAL: is_last} if asked.tells_end else None
    placed = placed_outputs(call, outputs, asked.outputs)
    head = _head(asked, given.signature.name)
    return response_of(head, outputs, is_raw=asked.is_raw, placed=placed, parameters=parameters)


def _answer(call: Call, given: Given) -> Answer:
    response = _response(call, given, is_last=True)
    whole = (
        written(PROTOCOL, RESPONSE, response) if call.collect else _in_stream({"infer_response": response})
    )
    return Answer(call.id, content_type=MEDIA_TYPE, body=whole, elsewhere=call.elsewhere)


def _in_stream(fields: dict[str, Any]) -> bytes:
    return written(PROTOCOL, STREAM_RESPONSE, fields)


class _Pieces:
    """The answers to a request that a stream answers."""

    tokens = NO_TOKENS

    def __init__(self, call: Call, give: Give):
        self._call = call
        self._give = give

    def piece(self, item: Any) -> bytes:
        """One of them. Raises `ValueError` if it is too large."""
        response = _response(self._call, self._give(item), is_last=False)
        return checked_piece(_in_stream({"infer_response": response}))

    def end(self) -> bytes:
        """One without outputs, which says that it is the last, for who has asked for that."""
        asked = _decode(self._call.request_id)
        if not asked.tells_end:
            return b""
        head = _head(asked, self._give(None).signature.name)
        response = response_of(head, [], is_raw=True, placed={}, parameters={IS_FINAL: True})
        return _in_stream({"infer_response": response})


def _failed(call: Call, error: BaseException, hide: bool) -> Answer:
    answer = failed_in_words(call.id, error, hide)
    answer.content_type, answer.body = "text/plain", answer.detail.encode()
    answer.elsewhere = call.elsewhere
    return answer


CODEC = Codec(_read, _failed, fit=fit, answer=_answer, stream=_Pieces, stream_type=MEDIA_TYPE)
