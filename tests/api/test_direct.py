"""Predictions on the shortest way, and what has to leave it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import MODELS, Server, serving, wait_until

PATH = "/v2/models/echo/predict"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(f"echo={MODELS / 'echoes.py'}:Echo") as running:
        yield running


def connection(server: Server) -> socket.socket:
    host, _, port = server.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def request(body: object, *fields: str, version: str = "1.1", path: str = PATH) -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"POST {path} HTTP/{version}", "Host: localhost", "Content-Type: application/json", *fields]
    return "\r\n".join([*head, f"Content-Length: {len(data)}", "", ""]).encode() + data


def answers(sock: socket.socket, count: int) -> list[tuple[str, dict[str, str], bytes]]:
    """So many responses: status line, fields, body."""
    found: list[tuple[str, dict[str, str], bytes]] = []
    with sock.makefile("rb") as stream:
        while len(found) < count:
            line = stream.readline().decode().strip()
            assert line, f"the connection ended after {len(found)} responses"
            fields: dict[str, str] = {}
            while field := stream.readline().decode().strip():
                name, _, value = field.partition(":")
                fields[name.lower()] = value.strip()
            found.append((line, fields, stream.read(int(fields["content-length"]))))
    return found


def test_pipelined_predictions_are_answered_in_order(server: Server) -> None:
    with connection(server) as sock:
        sock.sendall(b"".join(request({"number": number}) for number in range(300)))
        found = answers(sock, 300)
    assert [json.loads(body)["number"] for _, _, body in found] == list(range(300))
    ids = [fields["x-request-id"] for _, fields, _ in found]
    assert len(set(ids)) == 300
    assert all(line == "HTTP/1.1 200 OK" and "date" in fields for line, fields, _ in found)


def test_good_and_bad_requests_mix_in_one_pipeline(server: Server) -> None:
    mixed = [
        (request({"number": 1}), 200),
        (request({"number": "a"}), 422),
        (request(b"{"), 400),
        (request({"number": 2}, path="/v2/models/nobody/predict"), 404),
        (request({"number": 3}, path=PATH + "/?number=4"), 200),
        (request({"number": 5}, "Accept: image/png"), 406),
        (request({"number": 6}, "Content-Encoding: gzip"), 415),
        (request({"number": 7}, "Origin: http://elsewhere"), 403),
        (request({"number": 8}), 200),
    ]
    with connection(server) as sock:
        sock.sendall(b"".join(raw for raw, _ in mixed))
        found = answers(sock, len(mixed))
    assert [int(line.split()[1]) for line, _, _ in found] == [status for _, status in mixed]


@pytest.mark.parametrize(
    ("fields", "version"), [((), "1.0"), (("Connection: close",), "1.1"), (("Connection: close",), "1.0")]
)
def test_the_connection_closes_when_the_client_says_so(
    server: Server, fields: tuple[str, ...], version: str
) -> None:
    with connection(server) as sock:
        sock.sendall(request({"number": 9}, *fields, version=version))
        ((_, head, body),) = answers(sock, 1)
        assert sock.recv(1) == b""
    assert head["connection"] == "close"
    assert json.loads(body)["number"] == 9


def test_a_body_that_comes_later_and_an_expectation_take_the_long_way(server: Server) -> None:
    raw = request({"number": 10}, "Expect: 100-continue")
    head, _, body = raw.partition(b"\r\n\r\n")
    with connection(server) as sock:
        sock.sendall(head + b"\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 100 ")
        sock.sendall(body[:3])
        sock.sendall(body[3:])
        ((_, _, answer),) = answers(sock, 1)
    assert json.loads(answer)["number"] == 10


def test_a_client_that_does_not_read_is_not_buffered_for_without_end(server: Server) -> None:
    each = 500_000
    with connection(server) as sock:
        sock.sendall(b"".join(request({"number": n, "characters": each}) for n in range(40)))
        with connection(server) as other:  # others are served meanwhile
            other.sendall(request({"number": 1}))
            assert len(answers(other, 1)) == 1
        found = answers(sock, 40)
    assert [json.loads(body)["number"] for _, _, body in found] == list(range(40))
    assert all(len(body) > each for _, _, body in found)


def test_an_answer_of_many_megabytes_arrives_whole(server: Server) -> None:
    answer = server.client.post(PATH, json={"characters": 80_000_000})
    assert answer.status_code == 200
    assert len(answer.json()["text"]) == 80_000_000


def test_a_client_that_leaves_stops_its_prediction(server: Server, tmp_path: Path) -> None:
    started = tmp_path / "started"
    with connection(server) as sock:
        sock.sendall(request({"wait": 600.0, "started": str(started)}))
        wait_until(started.exists, lambda: server.log)
    assert server.client.post(PATH, json={"number": 11}).json()["number"] == 11
