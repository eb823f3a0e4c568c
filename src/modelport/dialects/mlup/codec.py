"""The codec of mlup: what a request of mlup's clients says, and its errors in mlup's words.

Source: the page "Web app API" of mlup, and exchanges recorded from mlup 0.4.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.contract.errors import AnswerInvalid, ArgumentErrors, BadRequest
from modelport.contract.places import Places
from modelport.dialects.codecs import Codec
from modelport.dialects.codecs.failures import failed_answer, shown_words
from modelport.dialects.codecs.json_body import parse_json
from modelport.dialects.codecs.object_calls import details_of, python_words, read_object_call
from modelport.dialects.mlup.row_names import fit_mlup_call

# What pydantic says of values that are read from JSON, and mlup's clients know otherwise.
PYTHON_WORDS = {
    "list_type": "Input should be a valid list",
    "dict_type": "Input should be a valid dictionary",
    "set_type": "Input should be a valid set",
    "tuple_type": "Input should be a valid tuple",
}
NO_OBJECT: dict[str, Any] = {"loc": [], "msg": "Input should be a valid dictionary", "type": "dict_type"}


def read_mlup_call(call: Call, json_depth: int) -> Places:
    """The arguments of a call by place. Raises `ArgumentErrors` for JSON that is no object, `BadRequest`."""
    return read_object_call(call, json_depth, _parsed)


def _parsed(raw: bytes, depth: int) -> dict[str, Any]:
    try:
        value = parse_json(raw, depth, python_numbers=True)
    except BadRequest as refused:
        raise BadRequest(f"Invalid json data: {python_words(raw) or refused.detail}", 422) from None
    if not isinstance(value, dict):
        raise ArgumentErrors({}, [NO_OBJECT])
    return cast("dict[str, Any]", value)


def failed_mlup_answer(call: Call, error: BaseException, hide: bool) -> Answer:
    """The answer to a call that ended with `error`. With `hide` a client never reads a model's words."""
    if isinstance(error, ArgumentErrors):
        details = error.details or details_of(error.messages)
        return _answer(Answer(call.id, 422), call, [_said(detail) for detail in details])
    if isinstance(error, BadRequest):
        status = 422 if error.status == 400 else error.status
        kind = "throttling_error" if status == 429 else "validation_error"
        return _answer(Answer(call.id, status), call, [_detail(error.detail, kind)])
    answer = failed_answer(call.id, error)
    if not answer.problem:  # marshmallow's errors, raised by the model: a map of messages
        return _answer(answer, call, details_of(msgspec.json.decode(answer.body)))
    kind = "predict_transform_data_error" if isinstance(error, AnswerInvalid) else "predict_error"
    answer.problem = False
    return _answer(answer, call, [_detail(shown_words(answer, hide=hide), kind)])


def mlup_envelope(answer: bytes) -> bytes:
    """The JSON of an answer as it goes out."""
    return b'{"predict_result":%b}' % answer


def _said(detail: dict[str, Any]) -> dict[str, Any]:
    words = str(PYTHON_WORDS.get(detail["type"], detail["msg"]))
    if detail["type"] == "model_type":
        words += " or instance of MLupModelColumns"
    return {"loc": detail["loc"], "msg": words, "type": detail["type"]}


def _answer(answer: Answer, call: Call, details: list[dict[str, Any]]) -> Answer:
    body = {"detail": details, "predict_id": call.request_id or None}
    answer.body = msgspec.json.encode(body)
    return answer


def _detail(words: str, kind: str) -> dict[str, Any]:
    return {"loc": [], "msg": words, "type": kind}


CODEC = Codec(read_mlup_call, failed_mlup_answer, mlup_envelope, fit_mlup_call)
