"""How long a request gives its prediction: the parameter `timeout`, in microseconds, as Triton has it.

It stands within the JSON, which the server does not read otherwise. So only JSON that is short is looked
through for it, and of that nothing but this is kept; where it is longer, the worker refuses the parameter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from modelport.contract.calls import Call
from modelport.contract.signature import Signature
from modelport.dialects.oip.bodies import HEADER_LENGTH, json_of

TIMEOUT = "timeout"
MOST_JSON = 1 << 20  # bytes that are looked through
PLAIN, ESCAPED = b'"timeout"', b"\\u"


class _Parameters(msgspec.Struct, frozen=True):
    timeout: Any = None


class _Timed(msgspec.Struct):
    parameters: _Parameters = _Parameters()


_decode = msgspec.json.Decoder(_Timed).decode


def is_short(call: Call) -> bool:
    """Whether the JSON of a call is looked through for its deadline."""
    length = _length(call)
    return not call.body_path if length is None else length <= MOST_JSON


def asked_seconds(call: Call) -> float | None:
    """The seconds that a call gives its prediction, if it does. A body in a file is read: raises `OSError`.

    What is malformed says nothing here: the worker refuses it.
    """
    if not is_short(call):
        return None
    length = _length(call)
    if call.body_path:
        with Path(call.body_path).open("rb") as file:
            head = file.read(length or 0)
    else:
        head = json_of(call.body, length)
    if head.find(PLAIN) < 0 and head.find(ESCAPED) < 0:
        return None
    try:
        micros = _decode(head).parameters.timeout
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return micros / 1e6 if is_timeout(micros) and micros else None


def has_own_timeout(signature: Signature | None) -> bool:
    """Whether a model has an argument of its own that is called as the parameter is."""
    return signature is not None and any(one.name == TIMEOUT for one in signature.predict.arguments)


def is_timeout(value: Any) -> bool:
    """Whether a parameter is a number of microseconds; 0 is none at all."""
    return type(value) is int and 0 <= value < 1 << 63


def _length(call: Call) -> int | None:
    """The length of the JSON where bytes follow it; `None` where it is the whole body, or no length."""
    said = call.headers.get(HEADER_LENGTH, "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 20 else None
