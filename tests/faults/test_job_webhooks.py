"""A receiver of webhooks that never answers: it costs a few connections, and nobody else anything."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

import psutil
import pytest
from job_calls import ASYNC, ended
from serving import serving, wait_until

pytestmark = pytest.mark.slow
JOBS = 12
UNDER_WAY = 4  # webhooks at once
OF_A_WORKER = 4  # descriptors: the second one for jobs may have begun since


class Good:
    """A receiver that takes everything; `bodies` are what it got."""

    def __init__(self) -> None:
        self.bodies: SimpleQueue[dict[str, Any]] = SimpleQueue()
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def good() -> Iterator[Good]:
    receiver = Good()
    yield receiver
    receiver.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of somebody who lets others connect, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"


def test_a_silent_receiver_holds_up_nobody(good: Good, silent: str) -> None:
    options = ("--allow-private-callbacks", "--callback-ports", "1024-65535", "--job-workers", "2")
    with serving("works=trainable:Works", *options) as server:
        client = server.client

        def ask(url: str) -> str:
            answer = client.post(
                "/v2/models/works/predict/", json={}, headers={**ASYNC, "Job-Callback-Url": url}
            )
            assert answer.status_code == 202, answer.text
            return answer.json()["id"]

        assert ended(client, ask(good.url))["state"] == "succeeded"
        assert good.bodies.get(timeout=20)["type"] == "job.succeeded"
        process = psutil.Process(server.process.pid)
        descriptors = process.num_fds()
        ids = [ask(silent) for _ in range(JOBS)]
        wanted = {ask(good.url) for _ in range(3)}
        for job_id in (*ids, *wanted):
            assert ended(client, job_id, 60)["state"] == "succeeded"
        assert {good.bodies.get(timeout=20)["data"]["id"] for _ in wanted} == wanted
        for _ in range(100):
            assert client.post("/v2/models/works/predict/", json={}).status_code == 200
        wait_until(
            lambda: process.num_fds() <= descriptors + UNDER_WAY + OF_A_WORKER + 2,
            lambda: f"{process.num_fds()} descriptors, {descriptors} before",
        )
        assert "Traceback" not in server.log
        assert server.stop() == 0  # what is under way holds up nothing
