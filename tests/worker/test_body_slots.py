"""Memory that a server and its workers share: a body is where it was put until nobody has it any more."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelport.contract.calls import Call
from modelport.worker.body_slots import (
    ALL_BYTES,
    LEAST_BYTES,
    NOT_SHARED,
    SLOT_BYTES,
    SLOTS,
    BodySlots,
    BorrowedSlots,
    Lender,
)
from modelport.worker.frames import FrameError, Kind, decode, framed

SIZE = LEAST_BYTES + 1


class Both:
    """A server's slots, and those of a worker, which are the same memory."""

    def __init__(self) -> None:
        self.slots = BodySlots()
        self.lender = self.slots.lender()
        self.worker = BorrowedSlots(os.dup(self.lender.fd))

    def body(self, byte: int = 1, size: int = SIZE) -> memoryview:
        body = self.slots.take(size)
        assert body is not None
        body[:] = bytes([byte]) * size
        return body

    def sent(self, *bodies: bytes | memoryview, lender: Lender | None = None) -> list[Call]:
        """The calls with these bodies, as the worker gets them."""
        calls = [Call(number, body=body) for number, body in enumerate(bodies)]  # type: ignore[arg-type]
        kind, data = unframed(framed(Kind.CALLS, calls, lender or self.lender))
        found: list[Call] = decode(kind, data, self.worker)
        return found

    @property
    def free(self) -> int:
        """How many bodies find a place now."""
        places: list[memoryview] = []
        while (place := self.slots.take(SIZE)) is not None:
            places.append(place)
        return len(places)


def unframed(pieces: list[bytes]) -> tuple[int, bytes]:
    data = b"".join(pieces)
    return data[4], data[5:]


@pytest.fixture
def both() -> Iterator[Both]:
    made = Both()
    yield made
    made.lender.end()


def test_a_body_is_seen_where_it_was_put_and_nothing_of_it_is_sent(both: Both) -> None:
    body = both.body(7)
    pieces = framed(Kind.CALLS, [Call(1, body=body)], both.lender)  # type: ignore[arg-type]
    assert sum(map(len, pieces)) < 200
    [call] = decode(*unframed(pieces), both.worker)
    assert call.body == bytes([7]) * SIZE
    body[3] = 8
    assert call.body[3] == 8
    with pytest.raises(TypeError, match="read-only"):
        call.body[3] = 9
    assert not numpy.frombuffer(call.body, "u1").flags.writeable


def test_a_slot_is_free_when_neither_side_has_anything_of_it(both: Both) -> None:
    assert both.free == SLOTS
    body = both.body()
    [call] = both.sent(body)
    array = numpy.frombuffer(call.body[5:], "u1")[::2]
    del call
    assert both.free == SLOTS - 1
    del body
    assert both.free == SLOTS - 1, "the model has its array"
    part = array[7:]
    del array
    assert both.free == SLOTS - 1, "and a part of it"
    del part
    assert both.free == SLOTS
    kept = both.body()
    [call] = both.sent(kept)
    del call
    assert both.free == SLOTS - 1, "the server has it: the call may be tried again"
    del kept
    assert both.free == SLOTS


def test_all_that_are_kept_stay_what_they_were_and_no_more_find_a_place(both: Both) -> None:
    kept = [both.sent(both.body(number))[0].body for number in range(SLOTS)]
    assert both.slots.take(SIZE) is None
    assert [bytes(body) for body in kept] == [bytes([number]) * SIZE for number in range(SLOTS)]
    del kept[3]
    assert both.free == 1


@pytest.mark.parametrize("size", [0, 1, LEAST_BYTES, SLOT_BYTES + 1])
def test_what_is_not_large_or_too_large_finds_no_place(both: Both, size: int) -> None:
    assert both.slots.take(size) is None


def test_a_body_goes_to_one_worker_at_a_time(both: Both) -> None:
    body, other = both.body(4), both.slots.lender()
    [first] = both.sent(body)
    assert both.slots.number_of(body) == NOT_SHARED
    [second] = both.sent(body, lender=other)
    assert isinstance(second.body, bytes), "it was copied"
    assert first.body == second.body
    del first
    assert isinstance(both.sent(body, lender=other)[0].body, memoryview), "the first one has it no longer"
    other.end()


def test_a_worker_that_is_gone_has_nothing(both: Both) -> None:
    other = both.slots.lender()
    kept = [both.sent(both.body(), lender=other) for _ in range(3)]
    own = both.sent(both.body())
    assert both.free == SLOTS - 4
    other.end()
    other.end()  # it is told so more than once
    assert both.free == SLOTS - 1
    del kept, own


def test_slots_of_another_model_are_sent_as_bytes(both: Both) -> None:
    others = Both()
    body = others.body(5)
    [call] = both.sent(body)
    assert isinstance(call.body, bytes)
    assert call.body == body
    del body
    others.lender.end()


def test_the_memory_is_there_while_a_worker_may_have_it() -> None:
    slots = BodySlots()
    assert slots.take(SIZE) is None
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    first, second = slots.lender(), slots.lender()
    body = slots.take(SIZE)
    assert body is not None
    first.end()
    second.end()
    body[:] = bytes(SIZE)  # who has a body, has it
    assert slots.number_of(body) != NOT_SHARED
    del body
    assert slots.take(SIZE) is None
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == before
    third = slots.lender()
    assert slots.take(SIZE) is not None
    third.end()


def test_a_worker_cannot_cut_it_off(both: Both) -> None:
    for size in (0, ALL_BYTES - 1, ALL_BYTES + 1):
        with pytest.raises(PermissionError):
            os.ftruncate(both.lender.fd, size)
    with pytest.raises(PermissionError):
        fcntl.fcntl(both.lender.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)


@pytest.mark.parametrize(("number", "size"), [(SLOTS, 1), (-2, 1), (0, SLOT_BYTES + 1)])
def test_a_slot_that_there_is_not_is_a_frame_error(both: Both, number: int, size: int) -> None:
    class Wrong(Lender):
        def __init__(self) -> None:
            self.number_of = lambda _: number  # type: ignore[method-assign]

        def lend(self, numbers: object) -> None:
            assert numbers == [number]

    kind, data = unframed(framed(Kind.CALLS, [Call(1, body=bytes(max(size, SIZE)))], Wrong()))
    with pytest.raises(FrameError):
        decode(kind, data, both.worker)
    with pytest.raises(FrameError, match="not shared"):
        decode(kind, data)


@given(st.lists(st.sampled_from(["none", "small", "large", "slot"]), max_size=SLOTS))
def test_bodies_come_each_by_its_way(kinds: list[str]) -> None:
    both = Both()
    sizes = {"none": 0, "small": 5, "large": SIZE, "slot": SIZE}
    bodies = [
        both.body(number, sizes[kind]) if kind == "slot" else bytes([number]) * sizes[kind]
        for number, kind in enumerate(kinds)
    ]
    for _ in range(2):  # the second time as after the loss of a worker
        found = both.sent(*bodies) if bodies else []
        assert [bytes(call.body) for call in found] == [bytes(body) for body in bodies]
        assert [isinstance(call.body, memoryview) for call in found] == [kind == "slot" for kind in kinds]
        del found
    del bodies
    assert both.free == SLOTS
    both.lender.end()


FORKS = """
import os, sys
from modelport.worker.body_slots import BorrowedSlots
slots = BorrowedSlots(int(sys.argv[1]))
body, other = slots.body(0, 40000), slots.body(1, 40000)
end, told = os.pipe()
child = os.fork()
if not child:
    os.close(told)
    os.read(end, 1)  # until the parent has let go
    assert bytes(body) == b"x" * 40000
    del body, other
    sys.exit()
del body, other
new = slots.body(2, 40000)
del new
os.close(told)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_what_a_forked_process_may_have_is_not_given_back(tmp_path: Path) -> None:
    slots = BodySlots()
    lender = slots.lender()
    bodies = [slots.take(40_000) for _ in range(3)]
    assert bodies[0] is not None
    bodies[0][:] = b"x" * 40_000
    lender.lend([0, 1, 2])
    subprocess.run(
        [sys.executable, "-c", FORKS, str(lender.fd)], pass_fds=[lender.fd], check=True, timeout=60
    )
    numbers = [slots.number_of(body) for body in bodies]
    assert numbers == [NOT_SHARED, NOT_SHARED, 2], "the third one came after the fork"
    lender.end()
    assert [slots.number_of(body) for body in bodies] == [0, 1, 2]
