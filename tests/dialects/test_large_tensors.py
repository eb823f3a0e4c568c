"""Tensors that come in many reads: by which way they go to the worker is to be seen by nobody."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
from serving import Server, serving, wait_until

from modelport.api.bodies import MEMORY_BYTES
from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

LIMIT = 3 << 20
PATH = "/v2/models/adds/infer"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """With a key that may predict, and a limit of bodies."""
    folder = str(tmp_path_factory.mktemp("data"))
    made = DatabaseKeys(Settings(data_dir=folder)).create(
        {"name": "one", "scopes": ["predict"], "models": None, "expires": None}
    )
    options = ("--auth", "on", "--data-dir", folder, "--client-max-size", str(LIMIT))
    models = ("adds=tensor_models:Adds", "keeps=tensor_models:Keeps", "dies=tensor_models:Dies")
    with serving(*models, *options) as running:
        own = {"authorization": f"Bearer {made['key']}"}
        wait_until(lambda: running.client.get("/v2/me", headers=own).status_code == 200, lambda: running.log)
        yield running, made["key"]


def body_of(values: numpy.ndarray, size: int = 0) -> tuple[bytes, int]:
    """A body with the tensor, and where its JSON ends; with a `size` it has so many bytes."""
    data = values.astype("<f4").tobytes()
    one = {"name": "x", "shape": [1, len(values)], "datatype": "FP32"}
    said = json.dumps({"inputs": [{**one, "parameters": {"binary_data_size": len(data)}}]}).encode()
    said += b" " * (size - len(said) - len(data))
    return said + data, len(said)


def request(key: str, body: bytes, json_ends: int, path: str = PATH, length: int = -1) -> bytes:
    head = [
        f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/octet-stream",
        f"Authorization: Bearer {key}", f"Inference-Header-Content-Length: {json_ends}",
        f"Content-Length: {len(body) if length < 0 else length}",
    ]  # fmt: skip
    return "\r\n".join([*head, "", ""]).encode() + body


def connected(server: Server) -> socket.socket:
    host, _, port = server.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def answers(sock: socket.socket, count: int) -> list[tuple[int, dict[str, object]]]:
    found: list[tuple[int, dict[str, object]]] = []
    with sock.makefile("rb") as stream:
        while len(found) < count:
            status, length = int(stream.readline().split()[1]), 0
            while field := stream.readline().strip().lower():
                length = int(field.split()[1]) if field.startswith(b"content-length:") else length
            found.append((status, json.loads(stream.read(length))))
    return found


def numbers(count: int, seed: int) -> numpy.ndarray:
    return numpy.random.default_rng(seed).integers(0, 100, count).astype("<f4")


def sums(answer: tuple[int, dict[str, object]]) -> list[float]:
    status, body = answer
    assert status == 200, body
    outputs: list[dict[str, object]] = body["outputs"]  # type: ignore[assignment]
    return next(one["data"] for one in outputs if one["name"] == "sum")  # type: ignore[return-value]


def test_tensors_around_the_bounds_of_the_ways(server: tuple[Server, str]) -> None:
    running, key = server
    sizes = [MEMORY_BYTES - 1, MEMORY_BYTES, MEMORY_BYTES + 1, 16 << 10, 64 << 10, 2 * MEMORY_BYTES]
    with connected(running) as sock:
        for again in range(2):  # then its head is known
            for size in sizes:
                values = numbers(3000, size + again)
                sock.sendall(request(key, *body_of(values, size)))
                assert sums(answers(sock, 1)[0]) == (values + 1).tolist()


def test_what_follows_a_large_body_is_read_as_the_next_request(server: tuple[Server, str]) -> None:
    running, key = server
    values = [numbers(count, count) for count in (200_000, 5, 200_001, 100_000, 7)]
    with connected(running) as sock, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(sock.sendall, b"".join(request(key, *body_of(one)) for one in values))
        found = answers(sock, len(values))
        sending.result()
    assert [sums(one) for one in found] == [(one + 1).tolist() for one in values]


def test_two_large_bodies_at_once(server: tuple[Server, str]) -> None:
    running, key = server
    values = [numbers(200_000, seed) for seed in (1, 2)]
    sent = [request(key, *body_of(one)) for one in values]
    with connected(running) as one, connected(running) as other:
        for at in range(0, max(map(len, sent)), 50_000):
            one.sendall(sent[0][at : at + 50_000])
            other.sendall(sent[1][at : at + 50_000])
        found = [answers(one, 1)[0], answers(other, 1)[0]]
    assert [sums(answer) for answer in found] == [(one + 1).tolist() for one in values]


def test_arrays_that_a_model_keeps_stay_what_they_were(server: tuple[Server, str]) -> None:
    running, key = server
    # More than there are slots of shared memory; large ones, and ones that are not.
    values = [numbers(count, number) for number, count in enumerate((150_000, 60_000, 9000, 200_000, 5) * 5)]
    with connected(running) as sock:
        for number, one in enumerate(values):
            sock.sendall(request(key, *body_of(one), "/v2/models/keeps/infer"))
            [(status, body)] = answers(sock, 1)
            assert status == 200, body
            outputs: list[dict[str, list[float]]] = body["outputs"]  # type: ignore[assignment]
            assert outputs[0]["data"] == [float(array.sum()) for array in values[: number + 1]]


def test_tensors_that_wait_where_a_worker_is_killed_come_whole(server: tuple[Server, str]) -> None:
    running, key = server
    values = [numbers(150_000, seed) for seed in range(6)]
    with contextlib.ExitStack() as stack:
        gate = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        gate.settimeout(60)
        values[0][0] = -gate.getsockname()[1]
        socks = [stack.enter_context(connected(running)) for _ in values]
        for sock, one in zip(socks, values, strict=True):
            sock.sendall(request(key, *body_of(one), "/v2/models/dies/infer"))
        gate.accept()[0].close()  # it runs, and the others have come
        found = [answers(sock, 1)[0] for sock in socks]
    assert found[0][0] == 500, found[0]
    for (status, body), one in zip(found[1:], values[1:], strict=True):
        assert status == 200, body
        outputs: list[dict[str, list[float]]] = body["outputs"]  # type: ignore[assignment]
        assert outputs[0]["data"] == [float(one.sum())]


@pytest.mark.parametrize(
    ("path", "key", "size", "status"),
    [
        (PATH, "", 800_000, 401),
        (PATH, "wrong", 800_000, 401),
        (PATH, "own", LIMIT + 1, 413),
        ("/v2/models/nobody/infer", "own", 800_000, 404),
    ],
)
def test_who_is_refused_is_told_and_disconnected(
    server: tuple[Server, str], path: str, key: str, size: int, status: int
) -> None:
    running, own = server
    body = bytes(size)
    with connected(running) as sock:
        said = b""
        with contextlib.suppress(ConnectionError):  # it reads no more than it will
            sock.sendall(request(own if key == "own" else key, b"", 100, path, size))
            sock.sendall(body)
        with contextlib.suppress(ConnectionError):
            while data := sock.recv(1 << 16):
                said += data
    assert said.startswith(b"HTTP/1.1 %d " % status), said[:500]
    assert b"connection: close" in said


def test_clients_that_leave_within_a_body_leave_nothing(server: tuple[Server, str]) -> None:
    running, key = server
    values = numbers(200_000, 3)
    raw = request(key, *body_of(values))
    for sent in (300, 70_000, len(raw) - 1):
        with connected(running) as sock:
            sock.sendall(raw[:sent])
    wait_until(
        lambda: running.log.count("the client left before its request was complete") >= 3, lambda: running.log
    )
    with connected(running) as sock:
        sock.sendall(raw)
        assert sums(answers(sock, 1)[0]) == (values + 1).tolist()
