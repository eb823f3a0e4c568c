"""The codec of the generate extension: flat JSON becomes arguments, and answers flat JSON or events of it."""

from __future__ import annotations

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.contract.places import Places
from modelport.contract.signature import Signature
from modelport.dialects.codecs import Codec, Give, Given, PieceForm
from modelport.dialects.codecs.failures import failed_in_words
from modelport.dialects.codecs.json_body import parse_json
from modelport.dialects.codecs.requests import body_of, refuse_beside_body, waiting
from modelport.dialects.generate.answers import Events, Head, event_of, whole_of
from modelport.dialects.generate.requests import arguments_of, sent_of

EVENTS = "text/event-stream; charset=utf-8"
_encode, _decode = msgspec.json.encode, msgspec.json.Decoder(Head).decode


def _read(call: Call, json_depth: int) -> Places:
    """`call.request_id` is the head of the answer, as the server has put it there."""
    refuse_beside_body(call, "all stands in the body", "a request is JSON")
    sent, call_id = sent_of(parse_json(body_of(call), json_depth), streams=not call.collect)
    call.accept = ""  # what is answered the path says
    head = _decode(call.request_id)
    head.id = call_id
    call.request_id = _encode(head).decode()
    return waiting(sent)


def _fit(places: Places, signature: Signature) -> None:
    places.json = arguments_of(places.request, signature)


def _answer(call: Call, given: Given) -> Answer:
    streams = given.signature.predict.streams
    outputs = whole_of(given.value, streams=streams, content_of=given.content_of)
    members = _decode(call.request_id).members() | outputs
    if call.collect:
        return Answer(call.id, body=given.json_of(members))
    events = event_of(given.json_of(members))  # it was to stream, and has come whole
    return Answer(call.id, content_type=EVENTS, body=events)


def _stream(call: Call, give: Give) -> PieceForm:
    return Events(_decode(call.request_id), give)


def _failed(call: Call, error: BaseException, hide: bool) -> Answer:
    answer = failed_in_words(call.id, error, hide)
    answer.body = msgspec.json.encode({"error": answer.detail})
    return answer


CODEC = Codec(_read, _failed, fit=_fit, answer=_answer, stream=_stream)
