"""The codec of what models ask each other for: arguments are values of Python, and so is the answer.

Plain arguments come as JSON; those with arrays or bytes in them are packed. Files come beside them, by path.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.contract.errors import BadRequest
from modelport.contract.packed_values import PACKED, packed, unpacked
from modelport.contract.places import Places
from modelport.contract.plain import plain
from modelport.contract.signature import Argument, Signature
from modelport.dialects.codecs import Codec
from modelport.dialects.codecs.failures import failed
from modelport.dialects.codecs.requests import body_of, files_of, read_call


def _read(call: Call, json_depth: int) -> Places:
    if call.content_type == PACKED:
        places = Places(json=_values(call))
        places.is_python = True
    else:
        places = read_call(call, json_depth)
    if call.uploads:
        places.form = files_of(call)
        places.raw_json = None  # which is not all that was sent
    return places


def _values(call: Call) -> dict[str, Any]:
    try:
        values = unpacked(body_of(call))
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise BadRequest(f"the arguments cannot be read: {error}") from None
    if not isinstance(values, dict):
        raise BadRequest("the arguments are no dictionary")
    return cast("dict[str, Any]", values)


def _fit(places: Places, signature: Signature) -> None:
    """Put each argument where the model reads it; arrays become lists for those that read them so."""
    for argument in signature.predict.arguments:
        _name(places, argument)
        if argument.name in places.json and argument.location in ("query", "form", "headers"):
            _move(places, argument)
    if places.is_python:
        taken = signature.predict.arguments
        kept = {argument.name for argument in taken if _takes_arrays(argument, signature)}
        places.json = {name: value if name in kept else plain(value) for name, value in places.json.items()}


def _takes_arrays(argument: Argument, signature: Signature) -> bool:
    """Whether an array reaches the model as one: not as rows, nor where a field reads its items."""
    if signature.contract == "deepaas":
        return "type" not in argument.schema
    return signature.contract == "typed"


def _name(places: Places, argument: Argument) -> None:
    """Let an argument that has its parameter's name have its own, by which clients send it."""
    if argument.keyword in places.json and argument.name not in places.json:
        places.json[argument.name] = places.json.pop(argument.keyword)
        places.raw_json = None


def _move(places: Places, argument: Argument) -> None:
    value = places.json.pop(argument.name)
    places.raw_json = None
    if argument.location == "headers":
        places.headers = {**places.headers, argument.name.lower(): str(value)}
        return
    there = places.query if argument.location == "query" else places.form
    there[argument.name] = value if isinstance(value, list) else [value]


def _failed(call: Call, error: BaseException, hide: bool) -> Answer:
    return failed(call.id, error)


CODEC = Codec(_read, _failed, fit=_fit, pack=packed)
