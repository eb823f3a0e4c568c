"""The codec of the lesson: errors of validation in the words that the lesson's clients know.

The lesson's API was made with FastAPI over pydantic 1. What is not in the tables here passes as pydantic 2
says it.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any, NamedTuple, cast

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.contract.errors import ArgumentErrors, BadRequest
from modelport.contract.places import Places
from modelport.dialects.codecs import Codec
from modelport.dialects.codecs.failures import failed_answer, shown_words
from modelport.dialects.codecs.json_body import parse_json
from modelport.dialects.codecs.object_calls import details_of, python_words, read_object_call
from modelport.dialects.codecs.requests import parse_pairs

Detail = dict[str, Any]


class Words(NamedTuple):
    """What pydantic 1 says of an error: its type, its message, and the names of a limit there and here."""

    type: str
    msg: str
    name: str = ""
    given: str = ""


def _one(kind: str, msg: str, *types: str) -> dict[str, Words]:
    return {name: Words(kind, msg) for name in types}


# Source: pydantic 1.10, pydantic/errors.py. The keys are the types of pydantic 2.
WORDS: dict[str, Words] = {
    **_one("value_error.missing", "field required", "missing"),
    **_one("value_error.extra", "extra fields not permitted", "extra_forbidden"),
    **_one("type_error.str", "str type expected", "string_type"),
    **_one(
        "type_error.integer",
        "value is not a valid integer",
        *("int_type", "int_parsing", "int_parsing_size", "int_from_float"),
    ),
    **_one("type_error.float", "value is not a valid float", "float_type", "float_parsing"),
    **_one("type_error.bool", "value could not be parsed to a boolean", "bool_type", "bool_parsing"),
    **_one("type_error.list", "value is not a valid list", "list_type"),
    **_one("type_error.tuple", "value is not a valid tuple", "tuple_type"),
    **_one("type_error.set", "value is not a valid set", "set_type"),
    **_one("type_error.frozenset", "value is not a valid frozenset", "frozen_set_type"),
    **_one(
        "type_error.dict",
        "value is not a valid dict",
        *("dict_type", "mapping_type", "model_type", "model_attributes_type"),
    ),
    **_one("type_error.uuid", "value is not a valid uuid", "uuid_type", "uuid_parsing"),
    **_one("type_error.decimal", "value is not a valid decimal", "decimal_type", "decimal_parsing"),
    **_one("value_error.date", "invalid date format", "date_parsing", "date_from_datetime_parsing"),
    **_one(
        "value_error.datetime", "invalid datetime format", "datetime_parsing", "datetime_from_date_parsing"
    ),
    **_one("value_error.time", "invalid time format", "time_parsing"),
    **_one("value_error.duration", "invalid duration format", "time_delta_parsing"),
    **_one("value_error.number.not_finite_number", "ensure this value is a finite number", "finite_number"),
    "string_too_short": Words(
        "value_error.any_str.min_length",
        "ensure this value has at least {limit} characters",
        "limit_value",
        "min_length",
    ),
    "string_too_long": Words(
        "value_error.any_str.max_length",
        "ensure this value has at most {limit} characters",
        "limit_value",
        "max_length",
    ),
    "string_pattern_mismatch": Words(
        "value_error.str.regex", 'string does not match regex "{limit}"', "pattern", "pattern"
    ),
    "greater_than": Words(
        "value_error.number.not_gt", "ensure this value is greater than {limit}", "limit_value", "gt"
    ),
    "greater_than_equal": Words(
        "value_error.number.not_ge",
        "ensure this value is greater than or equal to {limit}",
        "limit_value",
        "ge",
    ),
    "less_than": Words(
        "value_error.number.not_lt", "ensure this value is less than {limit}", "limit_value", "lt"
    ),
    "less_than_equal": Words(
        "value_error.number.not_le",
        "ensure this value is less than or equal to {limit}",
        "limit_value",
        "le",
    ),
    "multiple_of": Words(
        "value_error.number.not_multiple",
        "ensure this value is a multiple of {limit}",
        "multiple_of",
        "multiple_of",
    ),
    "too_short": Words(
        "value_error.{sort}.min_items",
        "ensure this value has at least {limit} items",
        "limit_value",
        "min_length",
    ),
    "too_long": Words(
        "value_error.{sort}.max_items",
        "ensure this value has at most {limit} items",
        "limit_value",
        "max_length",
    ),
}
NULL = Words("type_error.none.not_allowed", "none is not an allowed value")
SORTS = {"List": "list", "Set": "set", "Frozenset": "frozenset"}  # the others have no such words
LAST_CHOICE = re.compile(r" or (?='[^']*'$|\S+$)")
ASSERTION = "Assertion failed, "


def read_lesson_call(call: Call, json_depth: int) -> Places:
    """The arguments of a call by place. Raises `ArgumentErrors` for a body that is no JSON object.

    What a `null` lacks is told by its name, as of an empty body; where nothing is lacking it is no payload.
    """
    places = read_object_call(call, json_depth, _parsed)
    if call.body.strip() == b"null":
        places.unread = ArgumentErrors({}, [{"loc": [], "msg": "Field required", "type": "missing"}])
        places.unread_last = True
    return places


def _parsed(raw: bytes, depth: int) -> dict[str, Any]:
    if not raw.strip():
        return {}  # what is missing is told by its name
    try:
        value = parse_json(raw, depth)
    except BadRequest as refused:
        raise ArgumentErrors({}, [_no_json(raw, refused.detail)]) from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ArgumentErrors({}, [{"loc": [], "msg": "", "type": "dict_type", "input": ""}])
    return cast("dict[str, Any]", value)


def _no_json(raw: bytes, words: str) -> Detail:
    """FastAPI's words for a body that is no JSON; its `ctx` has the body besides, which the client knows."""
    detail: Detail = {"loc": [], "msg": python_words(raw) or words, "type": "value_error.jsondecode"}
    try:
        json.loads(raw)
    except json.JSONDecodeError as error:
        ctx = {"msg": error.msg, "pos": error.pos, "lineno": error.lineno, "colno": error.colno}
        return detail | {"loc": [error.pos], "ctx": ctx}
    except (ValueError, RecursionError):
        pass  # it is no text, or too deep
    return detail


def lesson_envelope(answer: bytes) -> bytes:
    """The JSON of an answer as the data of the envelope: an object as it is, else as the predictions."""
    return bytes(answer) if answer.startswith(b"{") else b'{"predictions":%b}' % answer


def failed_lesson_answer(call: Call, error: BaseException, hide: bool) -> Answer:
    """The answer to a call that ended with `error`. With `hide` a client never reads a model's words."""
    if isinstance(error, ArgumentErrors):
        return _refused(Answer(call.id, 422), call, error.details or details_of(error.messages))
    if isinstance(error, BadRequest):
        return _answer(Answer(call.id, error.status), error.detail)
    answer = failed_answer(call.id, error)
    if not answer.problem:  # marshmallow's errors, raised by the model: a map of messages
        return _refused(answer, call, details_of(msgspec.json.decode(answer.body)))
    answer.problem = False
    return _answer(answer, shown_words(answer, hide=hide))


def _refused(answer: Answer, call: Call, details: list[Detail]) -> Answer:
    query = parse_pairs(call.query, "query string") if call.query else {}
    said: list[Detail] = []
    for detail in details:
        loc: list[Any] = detail["loc"]
        place = "query" if loc and loc[0] in query else "body"
        said.append(in_lesson_words(detail) | {"loc": [place, *loc]})
    return _answer(answer, said)


def _answer(answer: Answer, detail: Any) -> Answer:
    answer.body = msgspec.json.encode({"detail": detail})
    return answer


def in_lesson_words(detail: Detail) -> Detail:
    """An error as pydantic 1 says it: `loc`, `msg`, `type`, and `ctx` where there is one."""
    kind: str = detail["type"]
    ctx: Detail = detail.get("ctx") or {}
    if kind.endswith("_type") and detail.get("input", "") is None:
        return _said(detail, NULL.type, NULL.msg)
    if kind in ("enum", "literal_error") and "expected" in ctx:
        return _choices(detail, str(ctx["expected"]))
    words = WORDS.get(kind)
    if words is None:
        return _said(detail, kind, detail["msg"].removeprefix(ASSERTION), ctx)
    if not words.name:
        return _said(detail, words.type, words.msg)
    sort = SORTS.get(str(ctx.get("field_type", "List")))
    if words.given not in ctx or sort is None:
        return _said(detail, kind, detail["msg"], ctx)
    limit: Any = ctx[words.given]
    if isinstance(limit, float) and limit.is_integer():
        limit = int(limit)  # pydantic 2 makes a float of a limit for floats, however it was written
    return _said(detail, words.type.format(sort=sort), words.msg.format(limit=limit), {words.name: limit})


def _said(detail: Detail, kind: str, msg: str, ctx: Detail | None = None) -> Detail:
    return {"loc": detail["loc"], "msg": msg, "type": kind} | ({"ctx": ctx} if ctx else {})


def _choices(detail: Detail, expected: str) -> Detail:
    """An error about a choice; `expected` is pydantic's list of them: `'a', 'b' or 'c'`."""
    permitted = LAST_CHOICE.sub(", ", expected)
    try:
        values = list(ast.literal_eval(f"({permitted},)"))
    except (ValueError, SyntaxError):
        values = []
    if detail["type"] == "enum":
        words = f"value is not a valid enumeration member; permitted: {permitted}"
        return _said(detail, "type_error.enum", words, {"enum_values": values} if values else None)
    given = {"given": detail["input"]} if "input" in detail else {}
    ctx = given | {"permitted": values} if values else None
    return _said(detail, "value_error.const", f"unexpected value; permitted: {permitted}", ctx)


CODEC = Codec(read_lesson_call, failed_lesson_answer, lesson_envelope)
