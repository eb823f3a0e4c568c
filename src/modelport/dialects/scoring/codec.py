"""The codec of `/v1/models/…:predict` and `/invocations`: rows in, `{"predictions": …}` out."""

from __future__ import annotations

from typing import Any

from modelport.contract.arrays.tables import kind_of
from modelport.contract.calls import Answer, Call
from modelport.contract.places import Places
from modelport.contract.signature import Signature
from modelport.dialects.codecs import Codec, Given
from modelport.dialects.codecs.failures import failed_in_words
from modelport.dialects.codecs.json_body import parse_json
from modelport.dialects.codecs.requests import body_of, read_call, refuse_beside_body, waiting
from modelport.dialects.scoring.errors import error_body
from modelport.dialects.scoring.rows import arguments_of, sent_of

ONE = "one"  # is said of a call with one instance, whose answer is a list of one


def _read(call: Call, json_depth: int) -> Places:
    call.request_id = ""
    refuse_beside_body(call, "arguments stand in params", "rows are JSON or a table, such as CSV")
    call.accept = ""  # what is answered is JSON
    if kind_of(call.content_type):
        return read_call(call, json_depth)
    sent = sent_of(parse_json(body_of(call), json_depth))
    call.request_id = ONE if sent.is_one else ""
    return waiting(sent)


def _fit(places: Places, signature: Signature) -> None:
    if places.request is not None:  # else it was a table
        places.json = arguments_of(places.request, signature)


def _answer(call: Call, given: Given) -> Answer:
    content = given.content_of(given.value)
    value: Any = given.value if content is None else content
    if call.request_id == ONE and not _is_list_of_one(value):
        value = [value]
    return Answer(call.id, body=given.json_of({"predictions": value}))


def _is_list_of_one(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes, dict)) and len(value) == 1


def _failed(call: Call, error: BaseException, hide: bool) -> Answer:
    answer = failed_in_words(call.id, error, hide)
    answer.body = error_body(answer.status, answer.detail)
    return answer


CODEC = Codec(_read, _failed, fit=_fit, answer=_answer)
