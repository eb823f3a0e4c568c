"""Calls as they are stored with jobs."""

from __future__ import annotations

import pytest

from modelport.contract.calls import Call, Upload, packed, unpacked

# As jobs were stored with it at first: an array of all fields.
LISTED = (
    b"\xdc\x00\x10\x03\xa7predict\xc4\x03a=1\xa0\xa0\xc4\x01x\xa0\x91\x92\xa1a\xa1b\x91\x94\xa1f\xa4/p/q\xa1n"
    b"\xa0\x81\xa1h\xa1v\xc2\xc2\xc3\xa2v2\xa0\xa17"
)
CALL = Call(
    3, query=b"a=1", body=b"x", fields=[("a", "b")], uploads=[Upload("f", "/p/q", "n", "")],
    headers={"h": "v"}, collect=True, saved="7",
)  # fmt: skip


@pytest.mark.parametrize("call", [CALL, Call(1), Call(2, body=b"y", dialect="mlup")])
def test_a_stored_call_is_the_same_call(call: Call) -> None:
    assert unpacked(packed(call)) == call


def test_a_job_that_was_stored_as_a_list_can_still_run() -> None:
    assert unpacked(LISTED) == CALL
