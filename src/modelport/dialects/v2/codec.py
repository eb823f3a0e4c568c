"""The codec of V2: arguments in a query string, a form or JSON; errors are problems, or maps of messages."""

from __future__ import annotations

from modelport.contract.calls import Answer, Call
from modelport.dialects.codecs import Codec
from modelport.dialects.codecs.failures import failed
from modelport.dialects.codecs.requests import read_call


def _failed(call: Call, error: BaseException, hide: bool) -> Answer:
    return failed(call.id, error)  # its words are hidden by the server, which logs them first


CODEC = Codec(read_call, _failed)
