"""Too much: memory, output, processes, files, and a disk that is full."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_site import Site, harmed, prediction
from serving import wait_until
from small_disks import mounted

SERVED = "m=Faulty memory=Faulty parents=Faulty u=Uploads loud=Faulty"
DISK_BYTES = 1 << 20


def test_a_model_that_needs_too_much_memory_fails_and_is_served_on(site: Site) -> None:
    before = site.pid("memory")
    answer = site.predict("memory", "memory")
    assert answer.status_code == 500
    assert site.pid("memory") == before


def test_a_model_that_exits_like_a_script_fails_that_call_only(site: Site) -> None:
    before = site.pid()
    answer = site.predict("system_exit", text="bye")
    assert (answer.status_code, answer.json()["detail"]) == (500, "bye")
    assert site.pid() == before


@pytest.mark.slow
def test_100_mb_of_output_neither_block_nor_flood(site: Site) -> None:
    """It is drained and cut into bounded lines; what looks like a log line of ours does not start one."""
    start = len(site.server.lines)
    memory = site.process.memory_info().rss
    assert prediction(site.predict("prints", "loud", text="done"))["text"] == "done"
    new = site.server.lines[start:]
    assert max(len(line) for line in new) < 20_000
    assert not [line for line in new if "\x1b" in line or line.startswith("2026-01-01")]
    assert sum(len(line) for line in new) < 20_000_000
    assert site.process.memory_info().rss - memory < 50_000_000


def test_the_children_of_a_worker_end_with_it(site: Site) -> None:
    """A child, one in a session of its own and a daemon."""
    children = set(prediction(site.predict("children", "parents")))
    assert len(children) == 3
    assert all(os.path.exists(f"/proc/{pid}") for pid in children)  # noqa: PTH110
    assert site.predict("leave", "parents", text="1").status_code == 500
    wait_until(lambda: not children & set(pids()), lambda: f"left: {children & set(pids())}")
    site.wait_ready(1, "parents")


def pids() -> Iterator[int]:
    return (int(folder.name) for folder in Path("/proc").glob("[0-9]*"))


@pytest.mark.parametrize("do", ["leave", "leave an answer"])
def test_uploads_go_with_a_worker_that_ends(site: Site, do: str) -> None:
    restarts = site.health()["models"]["u"]["restarts"]
    answer = site.client.post(f"/v2/models/u/predict/?do={do}", files={"file": b"x" * 100_000})
    assert answer.status_code == 500, answer.text
    site.wait_ready(restarts + 1, "u")
    assert site.client.post("/v2/models/u/predict/", files={"file": b"abc"}).json()["predictions"] == 3


def test_uploads_go_with_a_client_that_leaves(site: Site) -> None:
    """The model waits with the file in hand when its client goes."""
    import socket

    import httpx

    url = httpx.URL(site.server.url)
    request = httpx.Request("POST", url, files={"file": b"x" * 100_000})
    with socket.create_connection((url.host, url.port or 0), timeout=10) as client:
        head = f"POST /v2/models/u/predict/?do=wait&port={site.gate.port} HTTP/1.1\r\nHost: localhost\r\n"
        fields = f"Content-Type: {request.headers['content-type']}\r\n"
        body = request.read()
        client.sendall(f"{head}{fields}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        try:
            held = site.gate.arrival()
        except TimeoutError:
            print(client.recv(4000))
            raise
        assert site.files()
    held.wait_end()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    with mounted(tmp_path, f"size={DISK_BYTES}") as folder:
        yield folder


def test_a_full_disk_answers_507_and_is_empty_again(small_disk: Path) -> None:
    """Predictions without files go on, and uploads work again once there is room."""
    with harmed(small_disk, models="m=Faulty u=Uploads") as site:
        path = "/v2/models/u/predict/"
        for _ in range(3):
            answer = site.client.post(path, files={"file": b"x" * (4 * DISK_BYTES)})
            assert answer.status_code == 507, answer.text
            assert answer.headers["retry-after"]
            assert str(small_disk) not in answer.text
            wait_until(lambda: not site.files(), lambda: str(site.files()))
        raw = site.client.post(path, content=b"x" * (4 * DISK_BYTES), headers={"content-type": "image/png"})
        assert raw.status_code == 507
        assert site.predict().status_code == 200
        assert prediction(site.client.post(path, files={"file": b"abc"})) == 3
        site.assert_whole()


@pytest.mark.slow
def test_a_server_without_descriptors_recovers(tmp_path: Path) -> None:
    """Connections beyond its limit wait or close; the answers go on when they have left."""
    import socket

    import httpx

    with harmed(tmp_path) as site:
        limit = site.process.num_fds() + 20
        before = resource.prlimit(site.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(site.process.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
        url = httpx.URL(site.server.url)
        many = [socket.create_connection((url.host, url.port or 0)) for _ in range(100)]
        assert site.client.get("/v2/health/live").status_code == 200  # on a connection from before
        for sock in many:
            sock.close()
        wait_until(lambda: site.process.num_fds() < limit - 10, lambda: str(site.process.num_fds()))
        assert httpx.get(f"{site.server.url}/v2/health/live", timeout=10).status_code == 200
        resource.prlimit(site.process.pid, resource.RLIMIT_NOFILE, before)
        site.assert_whole()
