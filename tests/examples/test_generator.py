"""The generator example over HTTP: many texts in one batch, who leaves it, and who does not read his own."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
from serving import ROOT, Server, serving, wait_until

import modelport

FOLDER = ROOT / "examples" / "generator"
GENERATOR = FOLDER / "generator.py"
PREDICT = "/v2/models/generator/predict"
CLIENTS = 16
ENDLESS = 1_000_000  # characters: some minutes, which no test waits for

Piece = dict[str, Any]
Stream = Callable[..., AbstractContextManager[Iterator[Piece]]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(str(GENERATOR), "--write-timeout", "600") as running:  # who does not read, reads on
        yield running


@pytest.fixture(scope="module")
def stream(server: Server) -> Iterator[Stream]:
    with httpx.Client(base_url=server.url, timeout=60, limits=httpx.Limits(max_connections=100)) as client:

        @contextmanager
        def streamed(**arguments: Any) -> Iterator[Iterator[Piece]]:
            accept = {"Accept": "application/x-ndjson"}
            with client.stream("POST", PREDICT, json=arguments, headers=accept) as answer:
                assert answer.status_code == 200
                yield map(json.loads, answer.iter_lines())

        yield streamed


@pytest.fixture(scope="module")
def write(stream: Stream) -> Callable[..., list[Piece]]:
    def written(**arguments: Any) -> list[Piece]:
        with stream(**arguments) as pieces:
            return list(pieces)

    return written


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece["text"] for piece in pieces)


def until_alone(pieces: Iterator[Piece]) -> None:
    """Read on until this text is the only one that is written. The pieces do not end before."""
    assert any(piece["batch"] == 1 for piece in pieces)


def test_it_writes_words_of_the_sonnets(write: Any) -> None:
    text = text_of(write(prompt="Shall I ", length=3000, temperature=0.4, seed=1))
    assert len(text) == 3000
    known = set(re.findall(r"[\w'-]+", (FOLDER / "sonnets.txt").read_text().lower()))
    words = re.findall(r"[\w'-]+", text.lower())
    assert len(words) > 400
    assert sum(word in known for word in words) > 0.9 * len(words)
    assert 20 < len(text) / text.count("\n") < 80  # verses


def test_a_piece_is_a_word(write: Any) -> None:
    pieces = write(length=200, seed=1)
    assert all(re.fullmatch(r"\S*\s", piece["text"]) for piece in pieces[:-1])


def test_all_that_ask_at_once_are_written_in_one_batch_and_as_each_would_be_alone(write: Any) -> None:
    prompts = ["", "Shall I ", "When I consider every thing that grows\nHolds in "]
    asked = [{"prompt": prompts[n % 3], "seed": n, "temperature": 0.3 + n / 20} for n in range(CLIENTS)]
    alone = [text_of(write(**each, length=100)) for each in asked]
    with ThreadPoolExecutor(CLIENTS) as pool:
        beside = list(pool.map(lambda each: write(**each, length=4000), asked))
    assert max(piece["batch"] for pieces in beside for piece in pieces) == CLIENTS
    assert [text_of(pieces)[:100] for pieces in beside] == alone
    assert len(set(alone)) == CLIENTS


def test_without_a_seed_each_text_is_another_one(write: Any) -> None:
    assert text_of(write(length=200)) != text_of(write(length=200))


def test_who_leaves_is_written_no_further(stream: Stream) -> None:
    with stream(length=ENDLESS) as stays:
        with stream(length=ENDLESS) as leaves:
            next(leaves)
            assert any(piece["batch"] == 2 for piece in stays)
        until_alone(stays)


@pytest.mark.slow
def test_who_does_not_read_is_left_out_until_he_reads_on(server: Server, write: Any) -> None:
    length = 30_000

    def texts() -> int:
        return write(length=10)[0]["batch"]

    with unread(server, length=length, seed=7) as answer:
        wait_until(lambda: texts() == 2, lambda: "it is not written")
        wait_until(lambda: texts() == 1, lambda: "it is still written", seconds=60)
        said = b"".join(iter(lambda: answer.recv(65536), b""))
        text = "".join(json.loads(line)["text"] for line in re.findall(rb'{"text":.*}', said))
        assert len(text) == length
    assert text.startswith(text_of(write(length=5000, seed=7)))


@contextmanager
def unread(server: Server, **arguments: Any) -> Iterator[socket.socket]:
    """A client that has asked, and reads nothing of the answer by itself."""
    host, port = server.url.removeprefix("http://").split(":")
    body = json.dumps(arguments)
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(60)
        sock.connect((host, int(port)))
        head = f"POST {PREDICT} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        head += "Accept: application/x-ndjson\r\n\r\n"
        sock.sendall((head + body).encode())
        yield sock


def test_browsers_and_the_client_read_the_same(server: Server, write: Any) -> None:
    arguments = {"prompt": "Shall I ", "length": 60, "seed": 3}
    text = text_of(write(**arguments))
    events = server.client.get(PREDICT, params=arguments, headers={"Accept": "text/event-stream"}).text
    *data, end = events.removesuffix("\n\n").split("\n\n")
    assert text_of([json.loads(event.removeprefix("data: ")) for event in data]) == text
    assert end.startswith("event: end")
    with modelport.Client(server.url) as client:
        assert text_of(list(client.stream("generator", **arguments))) == text
    listed = server.client.post(PREDICT, json=arguments, headers={"Accept": "application/json"})
    assert text_of(listed.json()) == text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"prompt": "Soll ich dich mit € vergleichen?"}, "No sonnet has the character '€' of the prompt."),
        ({"prompt": "x" * 1001}, {"prompt": ["String should have at most 1000 characters"]}),
        ({"length": 0}, {"length": ["Input should be greater than or equal to 1"]}),
        ({"temperature": 0}, {"temperature": ["Input should be greater than or equal to 0.05"]}),
    ],
    ids=str,
)
def test_what_cannot_be_written_is_refused(server: Server, wrong: dict[str, Any], said: Any) -> None:
    answer = server.client.post(PREDICT, json=wrong)
    assert answer.status_code == 422
    assert said in (answer.json(), answer.json().get("detail"))


@pytest.mark.slow
def test_what_was_trained_writes_once_it_is_live() -> None:
    with serving(str(GENERATOR)) as server, modelport.Client(server.url) as client:

        def written() -> str:
            return text_of(list(client.stream("generator", length=100, seed=1)))

        before = written()
        job = client.train("generator", epochs=2, units=16, layers=2)
        job.wait(timeout=100)
        assert set(job.result()) == {"held_out_loss"}
        assert len(job.metrics()["held_out_loss"]) == 2
        client.promote(1, "generator")
        assert written() != before
        client.roll_back("generator")
        assert written() == before


def test_the_model_says_what_it_is(server: Server) -> None:
    metadata = server.client.get("/v2/models/generator").json()
    assert (metadata["version"], metadata["license"]) == ("1.0.0", "Apache-2.0")
    assert metadata["description"].startswith("Goes on with a text in the manner of Shakespeare's sonnets.")


def test_the_shipped_weights_are_small() -> None:
    assert (FOLDER / "weights.npz").stat().st_size < 300_000
