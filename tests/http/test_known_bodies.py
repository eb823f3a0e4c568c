"""Bodies of a known length come past the parser, and are gathered where they are wanted whole."""

from __future__ import annotations

import asyncio
import random
import socket
import zlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from http_site import CL, App, get, post
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelport.http.body_memory import BodyMemory
from modelport.http.body_place import FIRST_BYTES, BodyPlace
from modelport.http.cycle import Cycle
from modelport.http.heads import LARGE
from modelport.http.known_body import LEAST_DIRECT
from modelport.http.limits import HttpLimits
from modelport.http.protocol import SLICE, HttpProtocol
from modelport.http.server_state import ServerState
from modelport.worker.body_slots import BodySlots

MOST = 300_000  # bytes of a body that is taken
BOUNDS = [SLICE, LARGE, LEAST_DIRECT, FIRST_BYTES, MOST]
SIZES = [0, 1, *(bound + more for bound in BOUNDS for more in (-1, 0, 1)), 2 * MOST]
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
CLOSE = b"Connection: close"
WAIT = 30.0


class Taker:
    """Takes what has come whole, and no more than `MOST`; the application has the rest."""

    def __init__(self, memory: int = 0) -> None:
        self.app = App()
        self.taken: list[bytes] = []
        self.memory = BodyMemory(memory)
        self.limits = HttpLimits()
        self.slots = BodySlots()

    def take(self, cycle: Cycle) -> bool:
        if cycle.head.method != "POST" or len(cycle.body) > MOST:
            return False
        body = bytes(cycle.body)
        self.taken.append(body)
        cycle.send_whole(b"HTTP/1.1 200 OK\r\n", said_of(body))
        return True

    def gathers(self, cycle: Cycle, length: int) -> BodyPlace | None:
        return BodyPlace(length, self.memory, self.slots.take) if length <= MOST else None

    def state(self) -> ServerState:
        return ServerState(self.app, self.limits, self.take, gathers=self.gathers)


class Client:
    """The other end of a connection."""

    def __init__(self, state: ServerState, protocol: HttpProtocol, theirs: socket.socket) -> None:
        self.state, self.protocol, self.theirs = state, protocol, theirs

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.theirs, data)

    async def read(self, until: Callable[[bytes], bool] = lambda _: False) -> bytes:
        """What comes until that is enough, or the end of the connection."""
        found = b""
        async with asyncio.timeout(WAIT):
            while not until(found):
                data = await asyncio.get_running_loop().sock_recv(self.theirs, 1 << 16)
                if not data:
                    break
                found += data
        return found

    async def end(self) -> None:
        self.theirs.close()
        async with asyncio.timeout(WAIT):
            await self.state.vacant.wait()


async def connected(state: ServerState) -> Client:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(lambda: HttpProtocol(state), sock=ours)
    return Client(state, protocol, theirs)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT):
        while not holds():  # noqa: ASYNC110 - what the transport does has no event for us
            await asyncio.sleep(0.001)


def run(loop: str, work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(work)


def said_of(body: bytes) -> bytes:
    return b"<%d %d>" % (len(body), zlib.crc32(body))


def body_of(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def large(size: int, *fields: bytes) -> bytes:
    return post(CL + b"%d" % size, *fields, body=body_of(size))


@pytest.mark.parametrize("loop", LOOPS)
@settings(max_examples=25, deadline=None)
@example([MOST, MOST, 0, MOST + 1, MOST], [])
@example([FIRST_BYTES + 1, FIRST_BYTES + 1, FIRST_BYTES + 1], [100, 50_000, 120_000])
@given(st.lists(st.sampled_from(SIZES), min_size=1, max_size=5), st.lists(st.integers(0, 10**6), max_size=6))
def test_bodies_are_whole_and_in_order_however_they_come(
    loop: str, sizes: list[int], places: list[int]
) -> None:
    stream = b"".join(map(large, sizes))
    ends = sorted({place % len(stream) for place in places} | {len(stream)})
    pieces = [stream[a:b] for a, b in zip([0, *ends], ends, strict=False)]
    taker = Taker()

    async def talk() -> bytes:
        state = taker.state()  # the same for both, so that the second finds the heads that the first sent
        answers = b""
        for sent in ([large(size) for size in sizes], pieces):
            client = await connected(state)
            reading = asyncio.ensure_future(client.read())
            for piece in sent:
                await client.send(piece)
                await asyncio.sleep(0)
            await client.send(get(b"/end", CLOSE))
            answers += await reading
            await client.end()
        return answers

    found = run(loop, talk())
    whole = [body_of(size) for size in sizes]
    assert found.count(b"HTTP/1.1 200 OK") == 2 * len(sizes) + 2
    assert taker.taken == 2 * [body for body in whole if len(body) <= MOST]
    assert [body for body in taker.app.bodies if body] == 2 * [body for body in whole if len(body) > MOST]
    said = [said_of(body) if len(body) <= MOST else b"/post " + body[:100] for body in whole]
    at = 0
    for one in 2 * [*said, b"/end"]:
        at = found.index(one, at) + len(one)
    assert taker.memory.held == 0


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("sent", [0, 1, 70_000])
def test_a_claim_costs_no_more_than_what_has_come(loop: str, sent: int) -> None:
    taker = Taker()

    async def claim(state: ServerState) -> None:
        client = await connected(state)
        await client.send(large(MOST)[: sent - MOST])
        await until(lambda: client.protocol.body.bytes == sent and taker.memory.held > 0)
        assert taker.memory.held <= max(FIRST_BYTES, 4 * sent)
        await client.end()
        assert taker.memory.held == 0

    async def talk() -> None:
        state = taker.state()
        await claim(state)
        await claim(state)  # now the head is known

    run(loop, talk())
    assert taker.app.disconnects.acquire(blocking=False)  # the application was told
    assert taker.app.disconnects.acquire(blocking=False)
    assert (taker.taken, taker.app.bodies) == ([], [])


@pytest.mark.parametrize("loop", LOOPS)
def test_bodies_without_room_are_left_to_the_application(loop: str) -> None:
    taker = Taker(memory=MOST + FIRST_BYTES)

    async def talk() -> list[bytes]:
        state = taker.state()
        one, other = await connected(state), await connected(state)
        whole = large(MOST)
        await one.send(whole[:-1])
        await until(lambda: one.protocol.left == 1)
        await other.send(whole[:-1])
        await until(lambda: taker.memory.held == MOST)  # the other one has given up its place
        await other.send(whole[-1:])
        answers = [await other.read(lambda found: b"/post" in found)]
        await one.send(whole[-1:])
        answers.append(await one.read(lambda found: b">" in found))
        one.theirs.close()
        await other.end()
        return answers

    answers = run(loop, talk())
    assert b"/post " + body_of(MOST)[:1] in answers[0]
    assert said_of(body_of(MOST)) in answers[1]
    assert taker.taken == taker.app.bodies == [body_of(MOST)]
    assert taker.memory.held == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_server_that_stops_answers_what_it_gathers(loop: str) -> None:
    taker = Taker()

    async def talk() -> bytes:
        state = taker.state()
        client = await connected(state)
        await client.send(large(MOST)[:-1])
        await until(lambda: client.protocol.left == 1)
        state.is_ending = True
        client.protocol.end_soon()
        assert len(state.tasks) == 1  # which is waited for
        await client.send(large(MOST)[-1:])
        answer = await client.read()
        await client.end()
        return answer

    answer = run(loop, talk())
    assert b"connection: close" in answer
    assert taker.app.bodies == [body_of(MOST)]
    assert taker.memory.held == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_gathered_body_that_stops_coming_is_refused_and_told(loop: str) -> None:
    taker = Taker()
    taker.limits = HttpLimits(body_idle_s=0.2)

    async def talk() -> bytes:
        client = await connected(taker.state())
        await client.send(large(MOST)[:-1])
        answer = await client.read()
        await client.end()
        return answer

    assert run(loop, talk()).startswith(b"HTTP/1.1 408 ")
    assert taker.app.disconnects.acquire(blocking=False)
    assert taker.memory.held == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_ends_within_a_gathered_body_is_told(loop: str) -> None:
    taker = Taker()

    async def talk() -> bytes:
        client = await connected(taker.state())
        await client.send(large(MOST)[:-1])
        client.theirs.shutdown(socket.SHUT_WR)
        answer = await client.read()
        await client.end()
        return answer

    assert run(loop, talk()).startswith(b"HTTP/1.1 400 ")
    assert taker.app.disconnects.acquire(blocking=False)
    assert taker.memory.held == 0
