"""The dialects of calls: how each API's requests are read, and how its answers and errors are written.

Those of the root are imported when the first call comes there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from modelport.contract.calls import Answer, Call
from modelport.contract.places import Places
from modelport.contract.signature import Signature
from modelport.worker.failures import failed
from modelport.worker.frames import Load
from modelport.worker.requests import read_call


class Dialect(NamedTuple):
    """What a call of one API means in the worker.

    `read` finds its arguments, `failed` makes an error its answer (with true, without the model's words), and
    `frame` puts the JSON of an answer into the API's own form. The APIs of one model at the root have one;
    without it an answer looks as the model's contract says. `fit` puts this model's own names there.
    """

    read: Callable[[Call, Load], Places]
    failed: Callable[[Call, BaseException, bool], Answer]
    frame: Callable[[bytes], bytes] | None = None
    fit: Callable[[Places, Signature], None] | None = None


def _failed(call: Call, error: BaseException, hide: bool) -> Answer:
    return failed(call.id, error)  # its words are hidden by the server, which logs them first


V2 = Dialect(read_call, _failed)


def dialect_of(call: Call) -> Dialect:
    """The dialect that a call names."""
    return _dialect(call.dialect)


@cache
def _dialect(name: str) -> Dialect:
    if name == "mlup":
        from modelport.worker.mlup import failed_mlup_answer, mlup_frame, read_mlup_call
        from modelport.worker.mlup_names import fit_mlup_call

        return Dialect(read_mlup_call, failed_mlup_answer, mlup_frame, fit_mlup_call)
    if name == "lesson":
        from modelport.worker.lesson import failed_lesson_answer, lesson_frame, read_lesson_call

        return Dialect(read_lesson_call, failed_lesson_answer, lesson_frame)
    return V2
