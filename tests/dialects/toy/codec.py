from __future__ import annotations

from modelport.contract.calls import Answer, Call
from modelport.dialects.codecs import Codec
from modelport.dialects.codecs.failures import failed_answer, json_answer
from modelport.dialects.codecs.requests import read_call


def failed(call: Call, error: BaseException, hide: bool) -> Answer:
    return json_answer(call.id, failed_answer(call.id, error).status, {"oops": str(error)})


def enveloped(answer: bytes) -> bytes:
    return b'{"toy":%b}' % answer


CODEC = Codec(read_call, failed, enveloped)
