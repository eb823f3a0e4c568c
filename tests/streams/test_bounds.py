"""What a stream may cost, how long it may last, and how it ends with its server."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from certificates import Authority
from serving import Server, serving, wait_until
from stream_clients import closed, opened, refused
from websockets.exceptions import ConnectionClosed

MODELS = ("moody=streaming_both_ways:Moody", "chat=streaming_both_ways:Chat")
KEY = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
ASKS = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
FLOOD = 48 << 20  # bytes of pings
MOST_TAKEN = 24 << 20  # bytes of a flood that the two kernels and all windows may hold, and much less than it


@pytest.fixture(scope="module")
def short() -> Iterator[Server]:
    """A server that waits for nobody for long."""
    limits = ("--stream-idle-timeout", "1", "--stream-timeout", "3", "--write-timeout", "1")
    with serving(*MODELS, *limits, "--hide-model-errors") as server:
        yield server


class Raw:
    """A client that sends whatever bytes it likes."""

    def __init__(
        self,
        server: Server,
        path: str,
        head: bytes = ASKS + KEY + VERSION,
        method: str = "GET",
        early: bytes = b"",
    ):
        place = urlsplit(server.url)
        self.socket = socket.create_connection((str(place.hostname), int(place.port or 0)), 20)
        line = f"{method} /v2/models/{path} HTTP/1.1\r\nHost: {place.netloc}\r\n"
        self.socket.sendall(line.encode() + head + b"\r\n" + early)

    def __enter__(self) -> Raw:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def frame(self, first: int, payload: bytes, *, masked: bool = True) -> None:
        self.socket.sendall(frame(first, payload, masked=masked))

    def read(self, size: int) -> bytes:
        """Exactly so many bytes, or all there are before the end."""
        data = b""
        while len(data) < size and (more := self.socket.recv(size - len(data))):
            data += more
        return data

    def head(self) -> bytes:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            data += self.read(1)
        return data

    def message(self) -> tuple[int, bytes]:
        first, size = self.read(2)
        if size == 126:
            (size,) = struct.unpack(">H", self.read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.read(8))
        return first, self.read(size)

    def close_code(self) -> tuple[int, str]:
        """How the server closes; what comes before is passed over."""
        while True:
            first, payload = self.message()
            if first == CLOSE:
                return struct.unpack(">H", payload[:2])[0], payload[2:].decode()


def frame(first: int, payload: bytes, *, masked: bool = True) -> bytes:
    size, mask = len(payload), 0x80 if masked else 0
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 1 << 16:
        head = bytes([first, mask | 126]) + struct.pack(">H", size)
    else:
        head = bytes([first, mask | 127]) + struct.pack(">Q", size)
    return head + (bytes(4) if masked else b"") + payload  # a mask of zeros changes nothing


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (ASKS + KEY + b"Sec-WebSocket-Version: 8\r\n", b"426"),
        (ASKS + KEY, b"426"),
        (ASKS + VERSION, b"400"),
        (ASKS + VERSION + b"Sec-WebSocket-Key: short\r\n", b"400"),
        (ASKS + VERSION + KEY + KEY, b"400"),
        (b"", b"426"),
        (b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"426"),
    ],
)
def test_a_handshake_that_is_none_is_refused(streams: Server, head: bytes, status: bytes) -> None:
    with Raw(streams, "chat/stream", head) as raw:
        answer = raw.head()
        assert answer.split()[1] == status
        if b"8\r\n" in head:
            assert b"sec-websocket-version: 13" in answer.lower()


def test_another_method_is_no_handshake(streams: Server) -> None:
    head = ASKS + KEY + VERSION + b"Content-Length: 0\r\n"
    with Raw(streams, "chat/stream", head, "POST") as raw:
        assert raw.head().split()[1] == b"405"


def test_a_handshake_with_a_body_is_read_as_any_request(streams: Server) -> None:
    with Raw(streams, "chat/stream", ASKS + KEY + VERSION + b"Content-Length: 3\r\n") as raw:
        assert raw.head().split()[1] == b"426"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b"hello", masked=False), 1002),
        (frame(0x83, b"hello"), 1002),  # an opcode that nobody has defined
        (frame(0xC1, b"hello"), 1002),  # of an extension that was not agreed on
        (frame(0x80, b"the rest of nothing"), 1002),
        (frame(0x01, b"half") + frame(TEXT, b"another"), 1002),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(PING, b"x" * 126), 1002),
        (frame(0x09, b"a ping in parts"), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (bytes([BINARY, 0xFF]) + struct.pack(">Q", 1 << 63) + bytes(4), 1002),
    ],
)
def test_frames_that_are_none_end_the_stream(streams: Server, sent: bytes, code: int) -> None:
    with Raw(streams, "chat/stream") as raw:
        assert raw.head().startswith(b"HTTP/1.1 101 ")
        raw.socket.sendall(sent)
        assert raw.close_code()[0] == code
        assert raw.read(1) == b""


def test_what_comes_with_the_handshake_is_not_lost_and_pings_are_answered(streams: Server) -> None:
    with Raw(streams, "chat/stream", ASKS + KEY + VERSION, early=frame(BINARY, b"abc")) as raw:
        raw.head()
        assert raw.message() == (TEXT, b'{"size":3}')
    with Raw(streams, "chat/stream") as raw:
        raw.head()
        raw.frame(PING, b"are you there")
        assert raw.message() == (PONG, b"are you there")


def test_a_claim_of_a_large_frame_takes_nothing(streams: Server) -> None:
    with Raw(streams, "chat/stream") as raw:
        raw.head()
        raw.socket.sendall(bytes([BINARY, 0xFF]) + struct.pack(">Q", 1 << 40) + bytes(4))
        raw.socket.sendall(b"x" * (2 << 20))
        assert raw.close_code()[0] == 1009


def test_a_client_that_floods_is_held_back_and_then_closed(short: Server) -> None:
    with opened(short, "moody/stream") as pilot:
        pilot.send("pid")
        worker = int(pilot.recv())
    with Raw(short, "moody/stream") as raw:
        raw.head()
        raw.frame(TEXT, b"deaf")
        assert raw.message() == (TEXT, b"I hear nothing")
        taken, piece = 0, frame(TEXT, b"x" * 65536)
        raw.socket.settimeout(20)
        heard: list[Any] = []
        reading = threading.Thread(target=lambda: heard.append(raw.close_code()))
        reading.start()
        with pytest.raises(OSError):  # once it has closed
            while taken < 1 << 30:
                raw.socket.sendall(piece)
                taken += len(piece)
        assert taken < MOST_TAKEN
        reading.join(30)
        os.kill(worker, 0)  # it lives


def test_others_are_answered_while_one_floods_with_small_frames(streams: Server) -> None:
    answered, has_ended = threading.Event(), threading.Event()
    with Raw(streams, "chat/stream") as raw:
        raw.head()

        def flood() -> None:
            pings = frame(PING, b"x" * 125) * 1000
            for _ in range(FLOOD // len(pings)):
                if answered.is_set():
                    return
                raw.socket.sendall(pings)
            has_ended.set()

        flooding = threading.Thread(target=flood)
        flooding.start()
        for _ in range(5):
            with httpx.Client(base_url=streams.url, timeout=60) as other:
                assert other.get("/v2/health/live").status_code == 200
        answered.set()
        flooding.join(60)
        assert not has_ended.is_set(), "they had to wait for the flood"


def test_more_messages_than_are_taken_apart_at_once_all_arrive_in_order(streams: Server) -> None:
    words = [str(number).encode() for number in range(5000)]
    with Raw(streams, "echo/stream") as raw:
        raw.head()
        sent = b"".join(frame(TEXT, word) for word in words) + frame(BINARY, b"")
        sending = threading.Thread(target=raw.socket.sendall, args=(sent,))
        sending.start()
        assert [raw.message() for _ in words] == [(TEXT, word) for word in words]
        assert raw.close_code() == (1000, "")
        sending.join(30)


def test_a_client_that_does_not_read_is_cut_and_its_model_cancelled(short: Server) -> None:
    with Raw(short, "moody/stream") as raw:
        raw.head()
        raw.frame(TEXT, b"flood")

        def noted() -> bool:
            return short.client.post("/v2/models/moody/predict", json={}).json() == "cancelled"

        wait_until(noted, lambda: short.log)


def test_a_stream_in_which_nobody_speaks_ends(short: Server) -> None:
    with opened(short, "chat/stream") as silent:
        assert refused(silent) == (408, 1008, "no message has come or gone for 1 s")


def test_a_stream_ends_when_it_has_lasted_too_long(short: Server) -> None:
    with opened(short, "chat/stream") as talking:

        def talk() -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    talking.send(b"a")
                    stopped.wait(0.2)

        stopped = threading.Event()
        speaking = threading.Thread(target=talk)
        speaking.start()
        messages, close = closed(talking)
        assert (close.code, close.reason) == (1008, "a stream lasts 3 s at most")
        assert len(messages) > 2
        speaking.join(30)


def test_the_words_of_a_model_that_fails_are_hidden_where_they_are_to_be(short: Server) -> None:
    with opened(short, "moody/stream") as socket:
        socket.send("raise")
        assert refused(socket) == (500, 1011, "the model failed")


def test_a_stream_goes_through_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair = authority.pair()
    trusted = ssl.create_default_context(cafile=authority.file)
    options = ("--tls-cert", str(pair.cert), "--tls-key", str(pair.key))
    with serving(MODELS[1], *options, verify=trusted) as server:
        with opened(server, "chat/stream", ssl=trusted) as chat:
            chat.send(b"x" * (1 << 20))
            assert chat.recv() == f'{{"size":{1 << 20}}}'


def test_a_server_that_stops_lets_a_model_say_its_last_words() -> None:
    with serving(MODELS[0], "--drain-timeout", "1") as server:
        with opened(server, "moody/stream") as one, opened(server, "moody/stream") as two:
            one.send("a")
            two.send("deaf")  # and will not end by itself
            assert (one.recv(), two.recv()) == ("a", "I hear nothing")
            server.process.terminate()
            assert closed(one)[0] == ["last words"]
            assert (one.close_code, one.close_reason) == (1001, "the server is stopping")
            assert closed(two)[0] == []
            assert (two.close_code, two.close_reason) == (1001, "the server is stopping")
        assert server.process.wait(30) == 0
