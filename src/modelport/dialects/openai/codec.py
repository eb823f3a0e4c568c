"""The codec of OpenAI's API: requests become arguments of `chat`, `complete` and `embed`, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.contract.errors import ArgumentErrors, BadRequest, flat_messages
from modelport.contract.places import Places
from modelport.contract.signature import Signature
from modelport.dialects.codecs import Codec, Give, Given, PieceForm
from modelport.dialects.codecs.failures import failed_in_words
from modelport.dialects.codecs.json_body import parse_json
from modelport.dialects.codecs.requests import body_of, refuse_beside_body, waiting
from modelport.dialects.openai.errors import WRONG, error_body
from modelport.dialects.openai.parameters import parameter_of
from modelport.dialects.openai.pieces import pieces_of
from modelport.dialects.openai.promises import BROKEN, PromiseBroken
from modelport.dialects.openai.requests import Asked, arguments_of, read_request
from modelport.dialects.openai.vectors import vectors_answer
from modelport.dialects.openai.written import WrittenEvents, whole_answer


class Repeated(msgspec.Struct, array_like=True):
    """What is put with a call for its answer."""

    asked: Asked
    texts: int


_encode, _decode = msgspec.json.encode, msgspec.json.Decoder(Repeated).decode


def _read(call: Call, json_depth: int) -> Places:
    """`call.request_id` is the form, as the server has put it there."""
    refuse_beside_body(call, "all stands in the body", "a request is JSON")
    request = read_request(parse_json(body_of(call), json_depth), call.request_id)
    call.accept = ""  # what is answered the request says
    texts = len(request.given) if request.asked.form == "embed" else 0
    call.request_id = _encode(Repeated(request.asked, texts)).decode()
    return waiting(request)


def _fit(places: Places, signature: Signature) -> None:
    places.json, ignored = arguments_of(places.request, signature)
    places.ignored.extend(ignored)


def _answer(call: Call, given: Given) -> Answer:
    repeated = _decode(call.request_id.encode())
    asked = repeated.asked
    if asked.form == "embed":
        body, tokens = vectors_answer(asked, given.value, repeated.texts)
        return Answer(call.id, body=given.json_of(body), tokens=tokens)
    if call.collect:
        body, tokens = whole_answer(asked, given.value)
        return Answer(call.id, body=given.json_of(body), tokens=tokens)
    events = WrittenEvents(asked)  # it was to stream, and has come whole
    said = b"".join(map(events.piece, pieces_of(given.value))) + events.end()
    content_type = "text/event-stream; charset=utf-8"
    return Answer(call.id, content_type=content_type, body=said, tokens=events.tokens)


def _stream(call: Call, give: Give) -> PieceForm:
    return WrittenEvents(_decode(call.request_id.encode()).asked)


def _failed(call: Call, error: BaseException, hide: bool) -> Answer:
    if isinstance(error, BadRequest) and error.body is not None and "error" in error.body:
        return Answer(call.id, error.status, body=msgspec.json.encode(error.body))
    answer = failed_in_words(call.id, error, hide)
    param = None
    if isinstance(error, ArgumentErrors):
        param = ".".join(map(str, _first(error.messages)))
    code = WRONG if param else None
    if isinstance(error, PromiseBroken):
        code, answer.tokens = BROKEN, error.tokens
    answer.body = error_body(answer.status, answer.detail, param, code)
    return answer


def _first(messages: dict[str, Any]) -> list[str]:
    """The way to the first thing that is wrong, by the names of the request."""
    path = next(flat_messages(messages), "").partition(": ")[0].split(".")
    return [parameter_of(path[0]), *path[1:]] if path[0] else []


CODEC = Codec(_read, _failed, fit=_fit, answer=_answer, stream=_stream)
