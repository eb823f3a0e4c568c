"""From bytes to requests: whatever heads are known, however the bytes are cut, the answers are the same."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import weakref
from typing import Any

from http_site import (
    CL,
    CLOSE,
    GOOD,
    SMUGGLED,
    TE,
    App,
    Site,
    chunked,
    get,
    post,
    problem,
    read_all,
    read_one,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelport.http.heads import MAX_HEAD, MOST_HEADS, Head, KnownHeads
from modelport.http.limits import HttpLimits
from modelport.http.protocol import MAX_PIPELINED, SLICE, HttpProtocol
from modelport.http.server_state import ServerState

TWO = post(CL + b"2", body=b"ab")
REQUESTS = [
    TWO,
    TWO.replace(b"ab", b"cd"),
    TWO.replace(b"ab", b"\r\n"),
    post(CL + b"4", body=b"\r\n\r\n"),
    post(CL + b"0"),
    get(),
    get(b"/other?a=1"),
    get(method=b"HEAD"),
    get(method=b"OPTIONS", target=b"*"),
    chunked(b"2\r\nab\r\n0\r\n\r\n"),
    post(CL + b"%d" % len(TWO), body=TWO),
    b"\r\n" + TWO,
    TWO + b"\r\n",
    post(b"Upgrade: h2c", b"Connection: upgrade", CL + b"2", body=b"ab"),
    b"\r\n\r\n",
    b"\r\n\r\n\r\n",
    b"nonsense\r\n\r\n",
]
GET = 5
HEAD = 7
AS_BODY = 10  # has what looks like a request for its body
LINE_ENDS = 14
NONSENSE = 16


class Talk:
    """The protocol on one end of a pair of sockets, given its bytes piece by piece."""

    def __init__(self) -> None:
        self.app = App()
        self.most_waiting = 0  # requests, that were parsed

    async def answers(self, connections: list[list[bytes]]) -> list[bytes]:
        """What each connection is answered, one after the other, to its pieces."""
        state = ServerState(self.app, HttpLimits())
        return [await self._answer(state, pieces) for pieces in connections]

    async def _answer(self, state: ServerState, pieces: list[bytes]) -> bytes:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(lambda: HttpProtocol(state), sock=ours)
        for piece in pieces:
            protocol.data_received(piece)
            self.most_waiting = max(self.most_waiting, len(protocol.pipeline))
            await asyncio.sleep(0)
        protocol.data_received(get(b"/end", CLOSE))
        found = b""
        try:
            async with asyncio.timeout(10):
                while data := await loop.sock_recv(theirs, 1 << 16):
                    found += data
                    self.most_waiting = max(self.most_waiting, len(protocol.pipeline))
        finally:
            theirs.close()
            transport.close()
            async with asyncio.timeout(10):
                await state.vacant.wait()
        return found


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(stream) + 1) for place in places} | {len(stream)} - {0})
    return [stream[a:b] for a, b in zip([0, *ends], ends, strict=False) if a < b]


@settings(max_examples=150, deadline=None)
@example([0, 0, 0], [])
@example([GET, LINE_ENDS, GET], [])
@example([2, LINE_ENDS + 1], [])
@example([HEAD, NONSENSE], [])
@example([0, AS_BODY], [len(TWO), len(TWO + REQUESTS[AS_BODY]) - len(TWO)])
@given(st.lists(st.integers(0, len(REQUESTS) - 1), min_size=1, max_size=6), st.lists(st.integers(0, 1000)))
def test_answers_do_not_depend_on_what_is_known_or_where_bytes_are_cut(
    chosen: list[int], places: list[int]
) -> None:
    requests = [REQUESTS[number] for number in chosen]
    stream = b"".join(requests)
    parsed, known = Talk(), Talk()
    [answer] = asyncio.run(parsed.answers([[bytes([byte]) for byte in stream]]))
    once, again, whole, some = asyncio.run(known.answers([requests, requests, [stream], cut(stream, places)]))
    assert once == again == whole == some == answer
    assert known.app.seen == 4 * parsed.app.seen
    assert known.app.bodies == 4 * parsed.app.bodies


def test_requests_that_come_one_by_one_are_held_back_too() -> None:
    count = 10 * MAX_PIPELINED
    talk = Talk()
    [answer] = asyncio.run(talk.answers([[get(b"/slow"), *(get(b"/%d" % i) for i in range(count))]]))
    assert re.findall(rb"\n/(\d+) ", answer) == [b"%d" % i for i in range(count)]
    assert talk.most_waiting == MAX_PIPELINED


def test_what_is_held_back_is_parsed_little_by_little() -> None:
    talk = Talk()
    flood = get(b"/0") * (4 * SLICE // len(get(b"/0")))
    [answer] = asyncio.run(talk.answers([[get(b"/slow"), *[get(b"/0")] * MAX_PIPELINED, flood]]))
    assert answer.count(b"\r\n\r\n/0 ") == MAX_PIPELINED + len(flood) // len(get(b"/0"))
    assert talk.most_waiting <= MAX_PIPELINED + SLICE // len(get(b"/0"))


def test_line_ends_alone_are_no_request_of_another_client() -> None:
    talk = Talk()
    _, other = asyncio.run(talk.answers([[SMUGGLED, b"\r\n\r\n"], [b"\r\n\r\n", GOOD]]))
    assert re.findall(rb"\n(/\w+) ", other) == [b"/good", b"/end"]
    assert talk.app.seen == ["/smuggled", "/end", "/good", "/end"]


class Forgetful(App):
    """Keeps nothing of a request but whether it is still there."""

    def __init__(self) -> None:
        super().__init__()
        self.cycles: list[weakref.ref[Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.cycles.append(weakref.ref(receive.__self__))
        await self.on_echo(scope, receive, send)


def test_an_answered_request_is_gone_without_the_garbage_collector() -> None:
    talk = Talk()
    talk.app = app = Forgetful()
    gc.disable()
    try:
        asyncio.run(talk.answers([[TWO, TWO, get()]]))
        assert [cycle() for cycle in app.cycles] == [None] * 4
    finally:
        gc.enable()


def test_a_body_that_looks_like_a_known_request_is_a_body(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(SMUGGLED)
        assert read_one(sock) == (200, b"/smuggled ")
        sock.sendall(post(CL + b"%d" % len(SMUGGLED)))
        site.app.seen.clear()
        sock.sendall(SMUGGLED)
        assert read_one(sock) == (200, b"/post " + SMUGGLED)
    assert site.app.seen == ["/post"]


def test_nothing_known_is_run_after_the_last_request_of_a_connection(site: Site) -> None:
    with site.client() as sock:
        sock.sendall(SMUGGLED)
        read_one(sock)
    site.app.seen.clear()
    answer = site.talk(get(b"/slow", CLOSE) + SMUGGLED)
    assert len(re.findall(rb"HTTP/1.1 200", answer)) == 1
    with site.client() as sock:
        sock.sendall(get(b"/slow", CLOSE))
        sock.sendall(SMUGGLED)
        assert len(re.findall(rb"HTTP/1.1 200", read_all(sock))) == 1
    assert site.app.seen == ["/slow", "/slow"]


def test_what_is_no_request_is_answered_in_full_whatever_came_before() -> None:
    for answer in asyncio.run(Talk().answers([[REQUESTS[HEAD], REQUESTS[NONSENSE]]] * 2)):
        assert problem(answer[answer.index(b"HTTP/1.1 400") :])["status"] == 400


def test_what_an_app_does_to_its_headers_is_not_seen_by_the_next(site: Site) -> None:
    with site.client() as sock:
        for _ in range(3):
            sock.sendall(get(b"/mine"))
            assert read_one(sock) == (200, b"/mine ")
            assert site.app.scopes[-1]["headers"] == [(b"host", b"a")]
            site.app.scopes[-1]["headers"].append((b"x-added", b"1"))


def test_no_more_heads_are_known_than_there_is_room_for() -> None:
    heads = KnownHeads()

    def learn(number: int, more: bytes = b"") -> bytes:
        data = get(b"/%d" % number, *([b"X: " + more] if more else []))
        heads.learn(data, Head("GET", "1.1", b"/%d" % number, []), 0)
        return data

    first = learn(0)
    assert heads.find(first)[0] is not None
    assert heads.find(learn(1, b"x" * MAX_HEAD))[0] is None
    often = learn(1)
    for number in range(2, 2 * MOST_HEADS + 1):
        last = learn(number)
        assert heads.find(often)[0] is not None  # it is sent again and again
    assert heads.find(last)[0] is not None
    assert heads.find(first)[0] is None


def test_a_rare_head_is_learned_when_it_comes_again() -> None:
    heads, data = KnownHeads(), get(b"/rare")

    def learn() -> Head | None:
        head = Head("GET", "1.1", b"/rare", [])
        head.is_rare = True
        heads.learn(data, head, 0)
        return heads.find(data)[0]

    assert learn() is None
    for number in range(MOST_HEADS + 1):
        other = Head("GET", "1.1", b"/%d" % number, [])
        other.is_rare = True
        heads.learn(get(b"/%d" % number), other, 0)
    assert learn() is None  # it is forgotten that it came
    assert learn() is not None


def test_a_head_is_learned_only_from_a_whole_request() -> None:
    heads = KnownHeads()
    head = Head("POST", "1.1", b"/post", [])
    for data, length in (
        (TWO[:-1], 2),
        (TWO + TWO, 2),
        (post(TE + b"chunked", body=b"2\r\nab\r\n0\r\n\r\n"), 2),
    ):
        heads.learn(data, head, length)
        assert heads.find(data)[0] is None
    heads.learn(TWO, head, 2)
    assert heads.find(TWO) == (head, len(TWO) - 2)
    assert heads.find(TWO + b"x")[0] is None
