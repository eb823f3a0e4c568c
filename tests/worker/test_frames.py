"""Frames come out whole however their bytes are cut, and whatever else comes is a `FrameError`."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelport.contract.calls import Answer, Call, Chunk, Upload
from modelport.sources.source import SourceKind
from modelport.worker.body_slots import LEAST_BYTES
from modelport.worker.frames import (
    HEADER,
    MAX_MESSAGE,
    Acknowledge,
    Failed,
    FrameBuffer,
    FrameError,
    FrameSocket,
    Kind,
    Load,
    State,
    decode,
    encode,
    framed,
)

numbers = st.integers(0, 2**63 - 1)
texts = st.text(max_size=20)
source_kinds = st.sampled_from(get_args(SourceKind))
datas = st.binary(max_size=300)
uploads = st.builds(Upload, texts, texts, texts, texts)
calls = st.builds(
    Call,
    numbers,
    query=datas,
    content_type=texts,
    body=datas,
    fields=st.lists(st.tuples(texts, texts), max_size=3),
    uploads=st.lists(uploads, max_size=3),
    headers=st.dictionaries(texts, texts, max_size=3),
    alone=st.booleans(),
)
answers = st.builds(
    Answer, numbers, status=st.integers(200, 599), body=datas, headers=st.lists(st.tuples(texts, texts))
)
messages = st.one_of(
    st.tuples(st.just(Kind.CALLS), st.lists(calls, max_size=3)),
    st.tuples(st.just(Kind.ANSWERS), st.lists(answers, max_size=3)),
    st.tuples(st.just(Kind.CHUNK), st.builds(Chunk, numbers, datas, st.booleans(), texts)),
    st.tuples(st.just(Kind.ACKNOWLEDGE), st.builds(Acknowledge, numbers, numbers)),
    st.tuples(st.just(Kind.STATE), st.builds(State, texts)),
    st.tuples(st.just(Kind.FAILED), st.builds(Failed, texts, texts)),
    st.tuples(
        st.just(Kind.LOAD), st.builds(Load, texts, st.sampled_from(get_args(SourceKind)), texts, texts, texts)
    ),
    st.tuples(st.just(Kind.STOP), st.none()),
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(st.lists(messages, max_size=5), st.lists(st.integers(0, 1 << 16), max_size=12))
def test_frames_come_out_whole_however_they_are_cut(sent: list[tuple[Kind, Any]], places: list[int]) -> None:
    data = b"".join(encode(kind, message) for kind, message in sent)
    buffer = FrameBuffer()
    got = [(kind, decode(kind, raw)) for piece in cut(data, places) for kind, raw in buffer.feed(piece)]
    assert got == sent
    assert not buffer.partial


@given(
    st.lists(
        st.tuples(calls, st.sampled_from([0, 1, LEAST_BYTES, LEAST_BYTES + 1, 3 * LEAST_BYTES])), max_size=4
    ),
    st.booleans(),
)
@example([(Call(1), LEAST_BYTES + 1), (Call(2), 1), (Call(3), 3 * LEAST_BYTES)], True)
def test_large_bodies_follow_their_calls(sent: list[tuple[Call, int]], is_view: bool) -> None:
    for number, (call, size) in enumerate(sent):
        call.body = bytes([number]) * size
        if is_view:  # as it lies where it was read to
            call.body = bytearray(call.body)  # type: ignore[assignment]
    whole = [call for call, _ in sent]
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sending = threading.Thread(target=lambda: [ours.sendall(one) for one in framed(Kind.CALLS, whole)])
        sending.start()
        assert FrameSocket(theirs).receive() == (Kind.CALLS, whole)
        sending.join()
    assert [len(call.body) for call in whole] == [size for _, size in sent]  # they are as they were
    pieces = framed(Kind.CALLS, whole)
    assert len(pieces) == 1 + sum(size > LEAST_BYTES for _, size in sent)


def test_bodies_that_are_not_as_they_are_said_to_be_are_a_frame_error() -> None:
    head, body = framed(Kind.CALLS, [Call(1, body=bytes(LEAST_BYTES + 1))])
    for wrong in (b"", body[1:], body + b"x"):
        with pytest.raises(FrameError):
            decode(Kind.CALLS_AND_BODIES, head[HEADER.size :] + wrong)
    with pytest.raises(FrameError):
        framed(Kind.CALLS, [Call(1, body=bytes(MAX_MESSAGE))])


@given(messages)
def test_frames_come_out_whole_byte_by_byte(sent: tuple[Kind, Any]) -> None:
    buffer = FrameBuffer()
    *early, last = encode(*sent)
    for byte in early:
        assert buffer.feed(bytes([byte])) == []
        assert buffer.partial
    [(kind, raw)] = buffer.feed(bytes([last]))
    assert (kind, decode(kind, raw)) == sent


@given(st.lists(st.binary(max_size=400), max_size=5))
def test_garbage_is_a_frame_error_and_nothing_else(pieces: list[bytes]) -> None:
    buffer = FrameBuffer()
    with contextlib.suppress(FrameError):
        for piece in pieces:
            for kind, raw in buffer.feed(piece):
                decode(kind, raw)


@given(st.sampled_from(Kind), st.binary(max_size=400))
@example(Kind.LOAD, b"\x95\xa5\x00\x00\x00\x00\x80")  # a text that is no UTF-8
def test_a_garbled_message_is_a_frame_error_and_nothing_else(kind: Kind, raw: bytes) -> None:
    buffer = FrameBuffer()
    [(found, message)] = buffer.feed(HEADER.pack(len(raw), kind) + raw)
    assert (found, message) == (kind, raw)
    with contextlib.suppress(FrameError):
        decode(found, message)


def test_deep_nesting_is_a_frame_error() -> None:
    with pytest.raises(FrameError):
        decode(Kind.ANSWERS, b"\x91" * 100_000 + b"\xc0")


@pytest.mark.parametrize("length", [MAX_MESSAGE + 1, 2**32 - 1])
def test_a_length_over_the_limit_is_refused_before_its_bytes_come(length: int) -> None:
    with pytest.raises(FrameError, match="is over"):
        FrameBuffer().feed(HEADER.pack(length, Kind.ANSWERS))


def test_a_message_over_the_limit_is_not_sent() -> None:
    with pytest.raises(FrameError, match="CHUNK"):
        encode(Kind.CHUNK, Chunk(1, b"x" * MAX_MESSAGE))


@pytest.mark.parametrize("kind", [0, 19, 99, 255])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    with pytest.raises(FrameError, match=f"unknown frame kind {kind}"):
        FrameBuffer().feed(HEADER.pack(0, kind))
    with pytest.raises(FrameError, match=f"unknown frame kind {kind}"):
        decode(kind, b"")


def test_a_large_frame_is_read_to_its_place_with_small_ones_around_it() -> None:
    ours, theirs = socket.socketpair()
    large = Chunk(2, bytes(range(256)) * 10_000)
    sent = [
        (Kind.CHUNK, Chunk(1, b"x")),
        (Kind.CHUNK, large),
        (Kind.CHUNK, Chunk(3, b"y")),
        (Kind.STOP, None),
    ]
    data = b"".join(encode(kind, message) for kind, message in sent)
    sending = threading.Thread(target=theirs.sendall, args=(data,))
    sending.start()
    channel = FrameSocket(ours)
    assert [channel.receive() for _ in sent] == sent
    sending.join()
    theirs.close()
    assert channel.receive() is None
    channel.close()


def test_a_socket_gives_frames_in_order_and_none_at_a_clean_end() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(encode(Kind.STATE, State("loading")) + encode(Kind.STOP, None))
    frames = FrameSocket(ours)
    assert frames.receive() == (Kind.STATE, State("loading"))
    assert frames.receive() == (Kind.STOP, None)
    assert frames.receive() is None
    frames.close()


@pytest.mark.parametrize("length", [1, 4, 5, 6, 11])
def test_a_socket_that_ends_in_the_middle_of_a_frame_is_an_error(length: int) -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(encode(Kind.STATE, State("loading"))[:length])
    frames = FrameSocket(ours)
    with pytest.raises(FrameError, match="middle of a frame"):
        frames.receive()
    frames.close()


def test_large_frames_cross_a_small_socket_whole() -> None:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    sent = [Chunk(number, bytes([number]) * 3_000_000) for number in range(3)]
    sender = FrameSocket(theirs)
    thread = threading.Thread(target=lambda: [sender.send(Kind.CHUNK, chunk) for chunk in sent])
    thread.start()
    frames = FrameSocket(ours)
    assert [frames.receive() for _ in sent] == [(Kind.CHUNK, chunk) for chunk in sent]
    thread.join()
    sender.close()
    frames.close()
