"""An S3 for tests: a real server, which can be away for a while."""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Iterator

from moto.server import ThreadedMotoServer

BUCKET = "files"
KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_REGION": "us-east-1"}


class S3:
    """A server with an empty bucket. Its objects are there again when it comes back."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self._port = self._server.get_host_and_port()[1]
        self.endpoint = f"http://127.0.0.1:{self._port}"
        self.url = f"s3://{BUCKET}/here"
        self.variables = {**KEYS, "AWS_ENDPOINT_URL": self.endpoint}
        self._ask("POST", "/moto-api/reset")
        self._ask("PUT", f"/{BUCKET}")

    def _ask(self, method: str, path: str) -> None:
        request = urllib.request.Request(f"{self.endpoint}{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Have nobody answer while the block runs."""
        self._server.stop()
        try:
            yield
        finally:
            self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
            self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop()


@contextlib.contextmanager
def s3_server() -> Iterator[S3]:
    """An S3 while the block runs."""
    server = S3()
    try:
        yield server
    finally:
        server.stop()
