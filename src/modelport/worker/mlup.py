"""The mlup dialect in the worker: what a request of mlup's clients says, and its errors in mlup's words.

Source: the page "Web app API" of mlup, and exchanges recorded from mlup 0.4.
"""

from __future__ import annotations

import json
from typing import Any, cast

import msgspec

from modelport.contract.arrays.tables import kind_of
from modelport.contract.calls import Answer, Call
from modelport.contract.errors import AnswerInvalid, ArgumentErrors, BadRequest
from modelport.contract.field_messages import MISSING_MESSAGE
from modelport.contract.places import Places
from modelport.contract.signature import Operation
from modelport.worker.failures import failed_answer
from modelport.worker.frames import Load
from modelport.worker.json_body import parse_json
from modelport.worker.requests import body_of, is_own_type, parse_pairs, read_call

DIALECT = "mlup"
RESULT = "predict_result"
# What pydantic says of values that are read from JSON, and mlup's clients know otherwise.
PYTHON_WORDS = {
    "list_type": "Input should be a valid list",
    "dict_type": "Input should be a valid dictionary",
    "set_type": "Input should be a valid set",
    "tuple_type": "Input should be a valid tuple",
}
NO_OBJECT: dict[str, Any] = {"loc": [], "msg": "Input should be a valid dictionary", "type": "dict_type"}
TOO_MANY_ROWS = (
    "The query exceeded the limit on the number of rows for the predict. Please downsize your request."
)
HIDDEN = "the model failed"


def read_mlup_call(call: Call, rules: Load) -> Places:
    """The arguments of a call by place: the body is a JSON object, whatever media type it is said to have.

    Only forms with files, and tables, are read by their media type; what begins as a JSON object does is no
    table. Raises `ArgumentErrors` for JSON that is no object and `BadRequest` for what cannot be read.
    """
    if is_own_type(call.content_type):
        return read_call(call, rules)
    raw = body_of(call) if call.body_path else call.body
    if kind_of(call.content_type) and not raw.lstrip().startswith(b"{"):
        return read_call(call, rules)
    query = parse_pairs(call.query, "query string") if call.query else None
    if not raw and query:
        return Places(query, None, None, call.headers, call.accept)
    try:
        value = parse_json(raw, rules.json_depth)
    except BadRequest as refused:
        raise BadRequest(f"Invalid json data: {_python_words(raw) or refused.detail}", 422) from None
    if value.__class__ is not dict:
        raise ArgumentErrors({}, [NO_OBJECT])
    return Places(query, None, value, call.headers, call.accept, raw)


def _python_words(raw: bytes) -> str:
    """What Python's own JSON says of a body, as mlup's clients read it; empty if it would take it."""
    try:
        json.loads(raw)
    except (ValueError, RecursionError) as error:
        return str(error)
    return ""


def check_rows(arguments: dict[str, Any], operation: Operation, most: int) -> None:
    """Raise `BadRequest` 429 if more rows are sent at once than the server takes."""
    if not most:
        return
    name = rows_argument(operation)
    rows = arguments.get(name)
    if rows is not None and hasattr(rows, "__len__") and len(rows) > most:
        raise BadRequest(TOO_MANY_ROWS, 429)


def rows_argument(operation: Operation) -> str:
    """The argument that holds the rows: `X`, `data_for_predict`, or the first that is a list."""
    names = [argument.name for argument in operation.arguments]
    for name in ("X", "data_for_predict"):
        if name in names:
            return name
    lists = (a.name for a in operation.arguments if _is_list(a.schema))
    return next(lists, names[0] if names else "")


def _is_list(schema: dict[str, Any]) -> bool:
    choices = [schema, *schema.get("anyOf", [])]
    return any(choice.get("type") == "array" for choice in choices)


def failed_mlup_answer(call: Call, error: BaseException, *, hide: bool) -> Answer:
    """The answer to a call that ended with `error`. With `hide` a client never reads a model's words."""
    if isinstance(error, ArgumentErrors):
        details = error.details or details_of(error.messages)
        said = [detail | {"msg": PYTHON_WORDS.get(detail["type"], detail["msg"])} for detail in details]
        return _answer(Answer(call.id, 422), call, said)
    if isinstance(error, BadRequest):
        status = 422 if error.status == 400 else error.status
        kind = "throttling_error" if status == 429 else "validation_error"
        return _answer(Answer(call.id, status), call, [_detail(error.detail, kind)])
    answer = failed_answer(call.id, error)
    if not answer.problem:  # marshmallow's errors, raised by the model: a map of messages
        return _answer(answer, call, details_of(msgspec.json.decode(answer.body)))
    kind = "predict_transform_data_error" if isinstance(error, AnswerInvalid) else "predict_error"
    words = answer.detail
    if hide and answer.status == 500:
        words, answer.reason = HIDDEN, ""
    answer.detail, answer.problem = words, False
    return _answer(answer, call, [_detail(words, kind)])


def _answer(answer: Answer, call: Call, details: list[dict[str, Any]]) -> Answer:
    body = {"detail": details, "predict_id": call.request_id or None}
    answer.body = msgspec.json.encode(body)
    return answer


def _detail(words: str, kind: str) -> dict[str, Any]:
    return {"loc": [], "msg": words, "type": kind}


def details_of(messages: Any, place: tuple[str | int, ...] = ()) -> list[dict[str, Any]]:
    """webargs' map of messages as pydantic's list of errors."""
    if isinstance(messages, dict):
        found: list[dict[str, Any]] = []
        for key, below in cast("dict[str, Any]", messages).items():
            found += details_of(below, place if key == "_schema" else (*place, _step(key, place)))
        return found
    said = cast("list[Any]", messages) if isinstance(messages, list) else [messages]
    return [_of_message(str(message), place) for message in said]


def _step(key: str, place: tuple[str | int, ...]) -> str | int:
    return int(key) if place and key.isdecimal() else key


def _of_message(message: str, place: tuple[str | int, ...]) -> dict[str, Any]:
    if message == MISSING_MESSAGE:
        return {"loc": list(place), "msg": "Field required", "type": "missing"}
    return {"loc": list(place), "msg": message, "type": "value_error"}
