"""The codec of the Open Inference Protocol: tensors become arguments, and answers tensors."""

from __future__ import annotations

from typing import Any

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.contract.places import Places
from modelport.contract.signature import Signature
from modelport.dialects.codecs import Codec, Given
from modelport.dialects.codecs.failures import failed_in_words
from modelport.dialects.codecs.requests import body_of, refuse_beside_body, waiting
from modelport.dialects.oip.arguments import arguments_of
from modelport.dialects.oip.bodies import HEADER_LENGTH
from modelport.dialects.oip.deadlines import is_short
from modelport.dialects.oip.outputs import Output, body_of_answer, chosen, outputs_of_value
from modelport.dialects.oip.regions import ClientMemory, parameters_of
from modelport.dialects.oip.tensors import SHOWN, Asked, Request, read_request


class Repeated(msgspec.Struct, array_like=True):
    """What of a request its answer needs."""

    id: str
    outputs: list[Asked] | None
    is_binary: bool
    version: str


_encode, _decode = msgspec.json.encode, msgspec.json.Decoder(Repeated).decode


def _read(call: Call, json_depth: int) -> Places:
    refuse_beside_body(call, "an inference takes none", "an inference is JSON, perhaps with bytes behind it")
    shared = ClientMemory(call)
    request = read_request(body_of(call), call.headers.get(HEADER_LENGTH), json_depth, shared)
    request.keeps_timeout = is_short(call)
    call.accept = ""  # what is answered are tensors
    version = call.request_id  # as the server has put it there
    repeated = Repeated(request.id, request.outputs, request.is_binary, version)
    call.request_id = _encode(repeated).decode()
    return places_of(request)


def places_of(request: Request) -> Places:
    """A request, which `fit` finds the arguments in."""
    places = waiting(request)
    places.is_python = True
    return places


def fit(places: Places, signature: Signature) -> None:
    """Find the arguments of the model in a request. Raises `BadRequest`."""
    places.json = arguments_of(places.request, signature)


def _answer(call: Call, given: Given) -> Answer:
    asked = _decode(call.request_id)
    outputs = chosen(outputs_of_value(given.value, given.content_of), asked.outputs)
    if asked.outputs is None:
        binary = {one.name for one in outputs} if asked.is_binary else set[str]()
    else:
        binary = {one.name for one in asked.outputs if one.is_binary}
    head: dict[str, Any] = {"model_name": given.signature.name}
    head |= {key: text for key, text in (("model_version", asked.version), ("id", asked.id)) if text}
    placed = placed_outputs(call, outputs, asked.outputs)
    body, length = body_of_answer(head, outputs, binary, placed, given.json_of)
    if length is None:
        return Answer(call.id, body=body, elsewhere=call.elsewhere)
    fields = [(HEADER_LENGTH, str(length))]
    return Answer(
        call.id,
        content_type="application/octet-stream",
        body=body,
        headers=fields,
        elsewhere=call.elsewhere,
    )


def placed_outputs(call: Call, outputs: list[Output], asked: list[Asked] | None) -> dict[str, dict[str, Any]]:
    """Put outputs into the memory of the client, where it has asked for that; says of each where it is."""
    wanted = {one.name: one.place for one in asked or () if one.place is not None}
    if not wanted:
        return {}
    shared, found = ClientMemory(call), dict[str, dict[str, Any]]()
    for output in outputs:
        place = wanted.get(output.name)
        if place is not None:
            data = output.binary()
            shared.write(f"the output {output.name[:SHOWN]!r}", place, data)
            found[output.name] = parameters_of(place, len(data))
    return found


def _failed(call: Call, error: BaseException, hide: bool) -> Answer:
    answer = failed_in_words(call.id, error, hide)
    answer.body, answer.elsewhere = msgspec.json.encode({"error": answer.detail}), call.elsewhere
    return answer


CODEC = Codec(_read, _failed, fit=fit, answer=_answer)
