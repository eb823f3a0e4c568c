"""The codec of `/run`: the arguments as V2 has them, and the activation's own variables around the call."""

from __future__ import annotations

import os

import msgspec

from modelport.contract.calls import Answer, Call
from modelport.contract.places import Places
from modelport.dialects.codecs import Codec
from modelport.dialects.codecs.failures import failed_in_words
from modelport.dialects.codecs.requests import read_call


def _read(call: Call, json_depth: int) -> Places:
    """The call has in its `request_id` the variables of the activation: the platform runs one at a time."""
    variables, call.request_id = msgspec.json.decode(call.request_id, type=dict[str, str]), ""
    os.environ.update(variables)
    return read_call(call, json_depth)


def _failed(call: Call, error: BaseException, hide: bool) -> Answer:
    answer = failed_in_words(call.id, error, hide)
    answer.body = msgspec.json.encode({"error": answer.detail})
    return answer


CODEC = Codec(_read, _failed, envelope=bytes)  # what the model has given, alone
