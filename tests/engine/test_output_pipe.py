"""The pipe of a process that prints: nothing is lost, and what was printed first can be had first."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator

import pytest

from modelport.engine.local.output_pipe import READ_BYTES, REST_SECONDS, OutputPipe

pytestmark = pytest.mark.anyio


class Printing:
    """A pipe, its writing end and the lines that were read from it."""

    def __init__(self) -> None:
        read_end, self.write_end = os.pipe()
        self.lines: list[bytes] = []
        self.came = asyncio.Event()
        self.pipe = OutputPipe(read_end, self)

    def add(self, line: bytes) -> None:
        self.lines.append(line)
        self.came.set()

    def print(self, text: bytes) -> None:
        os.write(self.write_end, text)

    async def first(self) -> None:
        """Print a line and wait until it was read: the pipe rests then."""
        self.print(b"first\n")
        await self.came.wait()
        assert self.pipe.resting

    def end(self) -> None:
        if self.write_end >= 0:
            os.close(self.write_end)
            self.write_end = -1


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def printing(anyio_backend: str) -> AsyncIterator[Printing]:
    one = Printing()
    yield one
    one.end()
    one.pipe.close()


async def test_what_stands_in_a_pipe_that_rests_can_be_taken_at_once(printing: Printing) -> None:
    await printing.first()
    printing.print(b"second\nthird\nhalf")
    assert printing.lines == [b"first"]
    printing.pipe.drain()
    assert printing.lines == [b"first", b"second", b"third"]
    printing.pipe.drain()  # nothing is there: it returns
    printing.print(b" a line\n")
    printing.end()
    await printing.pipe.ended.wait()
    assert printing.lines[3:] == [b"half a line"]


async def test_the_end_may_come_at_any_moment_and_nothing_is_lost(printing: Printing) -> None:
    await printing.first()
    printing.print(b"second\nno end")
    printing.end()
    printing.pipe.watch()
    await printing.pipe.ended.wait()
    assert printing.lines == [b"first", b"second", b"no end"]
    for late in (printing.pipe.drain, printing.pipe.watch, printing.pipe.close):
        late()
    assert not printing.pipe.resting


async def test_the_end_that_draining_finds_is_the_end(printing: Printing) -> None:
    await printing.first()
    printing.end()
    printing.pipe.drain()
    assert printing.pipe.ended.is_set()
    assert not printing.pipe.resting


async def test_a_pipe_is_watched_again_after_a_quiet_rest(printing: Printing) -> None:
    await printing.first()
    await asyncio.sleep(2 * REST_SECONDS)  # its rest ends before this does, however slow the machine is
    assert not printing.pipe.resting
    printing.came.clear()
    await printing.first()
    assert printing.lines == [b"first", b"first"]


async def test_a_closed_pipe_hands_out_half_a_line(printing: Printing) -> None:
    await printing.first()
    printing.print(b"half")
    printing.pipe.drain()
    printing.pipe.close()
    assert printing.lines == [b"first", b"half"]


async def test_more_than_a_pipe_holds_comes_whole_and_in_order(printing: Printing) -> None:
    wanted = [b"line %d" % number for number in range(20 * READ_BYTES // 10)]

    def flood() -> None:
        with open(printing.write_end, "wb", closefd=False) as file:
            file.writelines(line + b"\n" for line in wanted)
        printing.end()

    thread = threading.Thread(target=flood)
    thread.start()
    await printing.pipe.ended.wait()
    thread.join()
    assert printing.lines == wanted
