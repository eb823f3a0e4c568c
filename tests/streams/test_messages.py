"""Messages of streams, from a client's and to it, as the types of the model say."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import Server, wait_until
from stream_clients import closed, opened, refused
from websockets.sync.client import ClientConnection

LARGEST = 1 << 20


def said(text: str, times: int = 1) -> str:
    return json.dumps({"text": text, "times": times})


def test_bytes_and_json_become_what_the_model_takes_and_what_it_yields_comes_back(streams: Server) -> None:
    with opened(streams, "chat/stream?language=de") as chat:
        chat.send(b"abc")
        assert chat.recv() == '{"size":3}'
        chat.send(said("grün", 2))
        assert [chat.recv(), chat.recv()] == ["de: grün"] * 2
        chat.send(b"")
        assert closed(chat)[0] == ['{"total":3}']
        assert (chat.close_code, chat.close_reason) == (1000, "")


@pytest.fixture(scope="module")
def echo(streams: Server) -> Any:
    with opened(streams, "kept/stream", max_size=None) as socket:
        yield socket


@settings(max_examples=50, deadline=None)
@given(message=st.text(min_size=1) | st.binary(min_size=1), cuts=st.lists(st.integers(0, 50), max_size=6))
def test_a_message_comes_back_whole_however_it_was_cut(
    echo: ClientConnection, message: str | bytes, cuts: list[int]
) -> None:
    places = [0, *sorted(min(cut, len(message)) for cut in cuts), len(message)]
    pieces = [message[start:end] for start, end in pairwise(places)]
    echo.send(pieces)  # pyright: ignore[reportArgumentType]
    assert echo.recv() == message


def test_a_message_may_be_as_large_as_is_set_and_no_larger(streams: Server) -> None:
    with opened(streams, "echo/stream", max_size=None) as socket:
        socket.send(b"x" * LARGEST)
        assert socket.recv() == b"x" * LARGEST
        socket.send([b"x" * (LARGEST // 2)] * 2 + [b"x"])
        assert closed(socket)[1].code == 1009
        assert socket.close_reason == f"a message may have {LARGEST} bytes at most: send several"


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        ("chat/stream", "{", (400, 1007, "message: the body is not valid JSON")),
        (
            "chat/stream",
            '{"text": "a", "text": "b"}',
            (400, 1007, "message: the JSON body has the key 'text'"),
        ),
        ("chat/stream", '{"text": NaN}', (400, 1007, "message: JSON has no NaN")),
        ("chat/stream", '{"text": "\\u0000"}', (400, 1007, "message: the JSON body holds a NUL character")),
        ("chat/stream", "[" * 65, (400, 1007, "message: the JSON body is nested deeper than 64")),
        ("chat/stream", '{"times": 2}', (400, 1007, "message.text: Missing data")),
        ("chat/stream", '{"text": 1}', (400, 1007, "message.text: Input should be a valid string")),
        ("moody/stream", b"\0", (415, 1003, "this model takes messages of text")),
        ("moody/stream", "raise", (500, 1011, "something of the model's own")),
        ("moody/stream?mood=refuses", None, (403, 1008, "not today")),
        ("moody/stream?mod=refuses", None, (400, 1007, "mod: Unknown argument; did you mean 'mood'?")),
    ],
)
def test_what_is_wrong_is_said_in_a_message_and_in_the_close(
    streams: Server, path: str, sent: Any, expected: tuple[int, int, str]
) -> None:
    with opened(streams, path) as socket:
        if sent is not None:
            socket.send(sent)
        found = refused(socket)
    assert found[:2] == expected[:2]
    assert found[2].startswith(expected[2])


def test_what_comes_after_the_end_is_refused(streams: Server) -> None:
    with opened(streams, "moody/stream") as socket:
        socket.send("deaf")
        assert socket.recv() == "I hear nothing"
        socket.send("")
        socket.send("more")
        assert refused(socket)[:2] == (400, 1007)


def test_a_client_that_leaves_cancels_the_model(streams: Server) -> None:
    with opened(streams, "moody/stream") as socket:
        socket.send("deaf")
        assert socket.recv() == "I hear nothing"

    def noted() -> bool:
        return streams.client.post("/v2/models/moody/predict", json={}).json() == "cancelled"

    wait_until(noted, lambda: streams.log)


def test_a_worker_that_is_killed_ends_its_streams_and_the_next_one_has_another(streams: Server) -> None:
    with opened(streams, "moody/stream") as one, opened(streams, "moody/stream") as two:
        one.send("pid")
        two.send("here")
        assert two.recv() == "here"
        os.kill(int(one.recv()), signal.SIGKILL)
        for socket in (one, two):
            status, code, words = refused(socket)
            assert (status, code) == (500, 1011)
            assert words == "the worker ended while it ran this prediction"
    with opened(streams, "moody/stream") as socket:
        socket.send("again")
        assert socket.recv() == "again"


def test_a_model_that_does_not_come_back_is_killed_when_its_client_leaves(streams: Server) -> None:
    with opened(streams, "moody/stream") as socket:
        socket.send("pid")
        pid = socket.recv()
        socket.send("hang")
        streams.wait_for_log("this hangs")
    with opened(streams, "moody/stream") as socket:
        socket.send("pid")
        assert socket.recv() != pid


def test_calls_and_streams_share_a_worker_that_awaits_both(streams: Server) -> None:
    with opened(streams, "chat/stream") as one, opened(streams, "chat/stream") as two:
        one.send(b"a")
        two.send(b"ab")
        assert (one.recv(), two.recv()) == ('{"size":1}', '{"size":2}')
        answer = streams.client.post("/v2/models/chat/predict", json={"x": 1})
        assert answer.json() == 2


def test_a_plain_model_has_one_client_at_a_time(streams: Server) -> None:
    with opened(streams, "echo/stream") as first, opened(streams, "echo/stream") as second:
        first.send("1")
        assert first.recv() == "1"
        second.send("2")
        heard: list[Any] = []
        reading = threading.Thread(target=lambda: heard.append(second.recv(20)))
        reading.start()
        first.send("3")
        assert first.recv() == "3"
        assert heard == []
        first.close()
        reading.join(30)
        assert heard == ["2"]


def test_what_a_stream_takes_and_gives_is_in_the_signature_and_the_documents(streams: Server) -> None:
    found = streams.client.get("/v2/models/chat/signature").json()["stream"]
    assert [one["name"] for one in found["arguments"]] == ["language"]
    assert found["takes"]["binary"] is True
    assert set(found["takes"]["schema"]["properties"]) == {"text", "times"}
    assert found["gives"] == {"binary": False, "text": True, "schema": {}}
    assert streams.client.get("/v2/models/silent/signature").json()["stream"] is None
    paths = streams.client.get("/openapi.json").json()["paths"]
    assert paths["/v2/models/chat/stream"]["get"]["parameters"][0]["name"] == "language"
    assert "/v2/models/silent/stream" not in paths


def test_a_stream_is_counted_as_a_request_when_it_has_ended(streams: Server) -> None:
    def counted() -> float:
        found = re.findall(r'modelport_requests_total\{.*model="chat".*verb="stream".* (\S+)', metrics())
        return sum(map(float, found))

    def metrics() -> str:
        return streams.client.get("/metrics").text

    before = counted()
    with opened(streams, "chat/stream") as socket:
        socket.send(b"abc")
        socket.recv()
    wait_until(lambda: counted() == before + 1, metrics)
