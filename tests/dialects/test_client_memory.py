"""Tensors in the shared memory of clients: as Triton's client uses it, and as who means harm does."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy
import pytest
import tritonclient.http as triton
import tritonclient.utils.shared_memory as memory
from serving import Server, serving, wait_until

from modelport.cli.keys_store import DatabaseKeys
from modelport.settings import Settings

SHARED = Path("/dev/shm")
MODELS = ("adds=tensor_models:Adds", "reads=tensor_models:Reads")
PLACE = "/v2/systemsharedmemory"
X = numpy.arange(6, dtype="f4").reshape(2, 3)
pytestmark = pytest.mark.skipif(not os.access(SHARED, os.W_OK), reason="there is no /dev/shm to write to")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving(*MODELS, "--allow-client-shm", "--client-max-size", "4096") as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as made:
        yield made


@pytest.fixture
def key() -> Iterator[str]:
    """The name of memory of 1000 bytes, which begins with the numbers of `X`."""
    name = f"modelport-test-{uuid.uuid4().hex}"
    (SHARED / name).write_bytes(X.tobytes().ljust(1000, b"\0"))
    yield name
    (SHARED / name).unlink(missing_ok=True)


@pytest.fixture
def region(server: Server, key: str) -> Iterator[str]:
    """A region of that memory."""
    name = f"of {key}"
    assert register(server, name, f"/{key}", 500).status_code == 200
    yield name
    assert server.client.post(f"{PLACE}/region/{name}/unregister").status_code == 200


def register(server: Server, name: str, key: str, size: int, offset: int = 0) -> httpx.Response:
    body = {"key": key, "byte_size": size, "offset": offset}
    return server.client.post(f"{PLACE}/region/{name}/register", json=body)


def infer(server: Server, outputs: list[Any] | None = None, **where: Any) -> httpx.Response:
    x = {"name": "x", "shape": [2, 3], "datatype": "FP32", "parameters": where}
    body = {"inputs": [x], **({} if outputs is None else {"outputs": outputs})}
    return server.client.post("/v2/models/adds/infer", json=body)


def at(region: str, size: Any = 24, **more: Any) -> dict[str, Any]:
    return {"shared_memory_region": region, "shared_memory_byte_size": size, **more}


def refused(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_tritons_client_gives_and_takes_tensors_by_it(client: Any) -> None:
    name = f"modelport-test-{uuid.uuid4().hex}"
    handle = memory.create_shared_memory_region("both", f"/{name}", 48)
    try:
        memory.set_shared_memory_region(handle, [X])
        client.register_system_shared_memory("both", f"/{name}", 48)
        (shown,) = client.get_system_shared_memory_status("both")
        assert shown == {"name": "both", "key": f"/{name}", "offset": 0, "byte_size": 48}
        x, output = triton.InferInput("x", [2, 3], "FP32"), triton.InferRequestedOutput("sum")
        x.set_shared_memory("both", 24)
        output.set_shared_memory("both", 24, offset=24)
        found = client.infer("adds", [x], outputs=[output])
        told = found.get_output("sum")["parameters"]
        assert told == at("both", shared_memory_offset=24)
        assert numpy.array_equal(memory.get_contents_as_numpy(handle, numpy.float32, [2, 3], 24), X + 1)
        assert "system_shared_memory" in client.get_server_metadata()["extensions"]
    finally:
        client.unregister_system_shared_memory("both")
        memory.destroy_shared_memory_region(handle)
    assert client.get_system_shared_memory_status() == []
    client.unregister_system_shared_memory()


def test_texts_and_files_come_by_it(client: Any, server: Server, key: str, region: str) -> None:
    (SHARED / key).write_bytes(b"\3\0\0\0abc".ljust(1000, b"\0"))
    file = triton.InferInput("file", [1], "BYTES")
    file.set_shared_memory(region, 7)
    assert client.infer("reads", [file]).as_numpy("output").tolist() == [b"abc"]


def test_regions_begin_where_they_say(server: Server, key: str) -> None:
    assert register(server, "later", key, 16, offset=8).status_code == 200
    x = {"name": "x", "shape": [2], "datatype": "FP32", "parameters": at("later", 8, shared_memory_offset=4)}
    answer = server.client.post("/v2/models/adds/infer", json={"inputs": [x]}).json()
    assert answer["outputs"][0]["data"] == [4.0, 5.0]
    x["parameters"]["shared_memory_offset"] = 12
    answer = server.client.post("/v2/models/adds/infer", json={"inputs": [x]})
    assert "has 16 bytes, and not 8 from 12 on" in refused(answer)
    server.client.post(f"{PLACE}/region/later/unregister")
    assert "registered no region 'later'" in refused(infer(server, **at("later")))


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (at("nothing"), "the input 'x': you have registered no region 'nothing'"),
        (
            at("{}", 20),
            "the input 'x': its shape [2, 3] of FP32 has 24 bytes, and its place in shared memory has 20",
        ),
        (at("{}", -24), "shared_memory_byte_size is -24"),
        (at("{}", 24, shared_memory_offset=1 << 62), "shared_memory_offset is 4611686018427387904"),
        (at("{}", 24, shared_memory_offset=(1 << 62) - 1), "has 500 bytes, and not 24 from"),
        (at("{}", 24, shared_memory_offset=477), "has 500 bytes, and not 24 from 477 on"),
        (at("{}", "24"), "shared_memory_byte_size is '24'"),
        ({"shared_memory_region": "{}"}, "shared_memory_byte_size is None"),
        ({"shared_memory_byte_size": 24}, "its shared_memory_region must be the name of a region"),
        (at("{}", binary_data_size=24), "has data, and is in shared memory"),
    ],
)
def test_what_does_not_fit_is_refused(server: Server, region: str, where: dict[str, Any], words: str) -> None:
    placed = {
        name: value.format(region) if isinstance(value, str) else value for name, value in where.items()
    }
    assert words in refused(infer(server, **placed))


def test_an_output_that_has_no_room_is_refused(server: Server, region: str) -> None:
    output = {"name": "sum", "parameters": at(region, 20)}
    assert "the output 'sum' has 24 bytes" in refused(infer(server, [output], **at(region)))
    output = {"name": "sum", "parameters": at("nothing", 24)}
    assert "the output 'sum': you have registered no region" in refused(infer(server, [output], **at(region)))


def test_one_request_may_not_use_more_than_a_body_may_have(server: Server, key: str) -> None:
    assert "at most 4096 bytes" in refused(register(server, "large", key, 5000))
    (SHARED / key).write_bytes(bytes(4096))
    assert register(server, "large", key, 4096).status_code == 200
    inputs = [
        {"name": name, "shape": [1024], "datatype": "FP32", "parameters": at("large", 4096)} for name in "xk"
    ]
    answer = server.client.post("/v2/models/adds/infer", json={"inputs": inputs})
    assert "the input 'k': a request may use 4096 bytes" in refused(answer)
    server.client.post(f"{PLACE}/region/large/unregister")


def test_memory_that_changes_ends_no_worker(server: Server, key: str, region: str) -> None:
    before = server.client.get("/v2/health/ready").json()
    os.truncate(SHARED / key, 100)
    assert f"'/{key}' has 100 bytes, and its region ends at 500" in refused(infer(server, **at(region)))
    (SHARED / key).unlink()
    assert "cannot be opened: No such file" in refused(infer(server, **at(region)))
    (SHARED / key).symlink_to("/etc/hostname")
    assert "cannot be opened" in refused(infer(server, **at(region)))
    (SHARED / key).unlink()
    os.mkfifo(SHARED / key)
    assert "is no memory" in refused(infer(server, **at(region)))
    assert server.client.get("/v2/health/ready").json() == before


@pytest.mark.parametrize(
    "key",
    ["../etc/passwd", "/../x", "..", ".", "/", "", "a/b", "/a/b", "//x", "a\0b", "sem.x", "/sem.x", "ä" * 9],
)
def test_a_key_is_a_name_and_no_path(server: Server, key: str) -> None:
    assert "is no name of shared memory" in refused(register(server, "path", key, 1))


def test_what_is_no_memory_is_not_registered(server: Server, key: str) -> None:
    assert "cannot be opened: No such file" in refused(register(server, "new", "/modelport-test-none", 1))
    assert "has 1000 bytes, and its region ends at 1001" in refused(register(server, "new", key, 1, 1000))
    for body in ({"key": key, "byte_size": 0}, {"key": key, "byte_size": -1}, {"key": 1, "byte_size": 1}, {}):
        assert server.client.post(f"{PLACE}/region/new/register", json=body).status_code == 422
    assert "at most 200 characters" in refused(register(server, "n" * 201, key, 1))
    folder = SHARED / f"{key}-folder"
    folder.mkdir()
    try:
        assert "cannot be opened" in refused(register(server, "new", folder.name, 1))
    finally:
        folder.rmdir()
    assert server.client.get(f"{PLACE}/status").json() == []
    assert "no region 'new'" in refused(server.client.get(f"{PLACE}/region/new/status"), 404)


def test_regions_are_bounded_and_have_one_name_each(server: Server, key: str) -> None:
    try:
        for number in range(64):
            assert register(server, f"n{number}", key, 1).status_code == 200
        assert "there may be 64" in refused(register(server, "more", key, 1), 409)
        assert "is registered: unregister it first" in refused(register(server, "n1", key, 1), 409)
    finally:
        assert server.client.post(f"{PLACE}/unregister").status_code == 200
    assert server.client.get(f"{PLACE}/status").json() == []


def test_memory_of_gpus_is_refused_with_the_reason(server: Server, client: Any) -> None:
    with pytest.raises(triton.InferenceServerException, match="no memory of GPUs"):
        client.get_cuda_shared_memory_status()
    with pytest.raises(triton.InferenceServerException, match="register system shared memory"):
        client.register_cuda_shared_memory("gpu", b"handle", 0, 8)
    with pytest.raises(triton.InferenceServerException, match="no memory of GPUs"):
        client.unregister_cuda_shared_memory()
    assert "no memory of GPUs" in refused(server.client.get("/v2/cudasharedmemory/region/a/status"), 501)


def test_regions_are_their_owners(tmp_path: Path, key: str) -> None:
    store = DatabaseKeys(Settings(data_dir=str(tmp_path)))

    def by(name: str) -> dict[str, str]:
        made = store.create({"name": name, "scopes": ["predict"], "models": None, "expires": None})
        return {"authorization": f"Bearer {made['key']}"}

    one, other = by("one"), by("other")
    options = ("--auth", "on", "--data-dir", str(tmp_path), "--allow-client-shm")
    with serving(*MODELS, *options) as server:
        client = server.client
        wait_until(lambda: client.get("/v2/me", headers=one).status_code == 200, lambda: server.log)
        assert client.get(f"{PLACE}/status").status_code == 401
        body = {"key": key, "byte_size": 24}
        place = f"{PLACE}/region/mine/register"
        assert client.post(place, json=body, headers=one).status_code == 200
        assert client.get(f"{PLACE}/status", headers=other).json() == []
        assert client.post(f"{PLACE}/unregister", headers=other).status_code == 200
        x = {"name": "x", "shape": [2, 3], "datatype": "FP32", "parameters": at("mine")}
        asked = {"inputs": [x]}
        found = client.post("/v2/models/adds/infer", json=asked, headers=one)
        assert found.json()["outputs"][0]["data"] == (X + 1).ravel().tolist()
        answer = client.post("/v2/models/adds/infer", json=asked, headers=other)
        assert "registered no region 'mine'" in refused(answer)
        placed = asked | {"outputs": [{"name": "sum", "parameters": at("mine")}]}
        by_version = client.post("/v2/models/adds/versions/0/infer", json=placed, headers=one)
        assert by_version.status_code == 200
        used = {"params": {"model": "adds"}, "headers": one}
        (row,) = client.get("/v2/usage", **used).json()["usage"]
        both = (found, by_version)
        assert row["bytes_in"] == sum(len(one.request.content) for one in both) + 2 * X.nbytes
        assert row["bytes_out"] == sum(len(one.content) for one in both) + X.nbytes
        assert client.post(place, json=body, headers=other).status_code == 200  # a name of their own


def test_regions_of_owners_that_are_gone_take_no_place_for_ever(tmp_path: Path, key: str) -> None:
    store = DatabaseKeys(Settings(data_dir=str(tmp_path)))

    def by(name: str) -> dict[str, str]:
        made = store.create({"name": name, "scopes": ["predict"], "models": None, "expires": None})
        return {"authorization": f"Bearer {made['key']}"}

    full, late = [by(f"one of many {number}") for number in range(4)], by("late")
    options = ("--auth", "on", "--data-dir", str(tmp_path), "--allow-client-shm")
    with serving(*MODELS, *options) as server:

        def registered(name: str, headers: dict[str, str]) -> httpx.Response:
            place = f"{PLACE}/region/{name}/register"
            return server.client.post(place, json={"key": key, "byte_size": 24}, headers=headers)

        def count(headers: dict[str, str]) -> int:
            return len(server.client.get(f"{PLACE}/status", headers=headers).json())

        wait_until(lambda: registered("first", late).status_code == 200, lambda: server.log)
        for headers in full[1:]:
            assert all(registered(str(number), headers).status_code == 200 for number in range(64))
        assert all(registered(str(number), full[0]).status_code == 200 for number in range(63))
        assert registered("second", late).status_code == 200
        assert count(late) == 2
        assert sorted(map(count, full)) == [63, 63, 64, 64]
        assert "64 and 256" in refused(registered("more", full[3]), 409)
        assert "64 and 256" in refused(registered("more", full[0]), 409)
