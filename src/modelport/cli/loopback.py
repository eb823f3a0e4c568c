"""Where a browser comes back to that has logged in for a command: a port of this machine (RFC 8252, 7.3).

What can go wrong, and what answers it:

- *Another page or program calls it*, with a code of its own. What has not the `state` of this log-in is
  answered 400, and waited on: nobody can end the log-in of somebody else by it.
- *A browser opens a connection and says nothing.* Each is read in a thread of its own, for `READ_SECONDS`.
- *What comes back is shown in a page.* Nothing of it is.
"""

from __future__ import annotations

import hmac
import queue
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

HOST, PATH = "127.0.0.1", "/callback"
READ_SECONDS = 10.0
MOST_FIELDS = 20
PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="color-scheme" content="light dark"><title>modelport</title>'
    "<h1>{title}</h1><p>{words}</p></html>"
)
CAME_BACK = ("You have come back", "The command in your terminal goes on. This page can be closed.")
NOT_IN = ("The issuer has not let you in", "The command in your terminal says more. This page can be closed.")
OF_ANOTHER = ("This is the end of another log-in", "The command that waits here has begun a newer one.")
NOTHING = ("There is nothing here", "A command waits here for who logs in.")
HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "connection": "close",
}


class Receiver(NamedTuple):
    """Waits for a browser at `redirect_uri`. `strangers` has an entry for each that was of another log-in."""

    redirect_uri: str
    came_back: queue.SimpleQueue[dict[str, str]]
    strangers: list[str]

    def wait(self, seconds: float) -> dict[str, str] | None:
        """What the browser brings from the issuer; `None` if none comes in this time."""
        try:
            return self.came_back.get(timeout=seconds)
        except queue.Empty:
            return None


@contextmanager
def receiving(state: str) -> Generator[Receiver]:
    """Listen at a free port for the browser that brings this `state`. Raises `OSError`."""
    found, strangers = queue.SimpleQueue[dict[str, str]](), list[str]()

    class Handler(_Handler):
        expected, came_back, others = state, found, strangers

    with _Server((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Receiver(f"http://{HOST}:{server.server_address[1]}{PATH}", found, strangers)
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that leaves, or sends what is no HTTP, is nobody's to read of."""


class _Handler(BaseHTTPRequestHandler):
    timeout = READ_SECONDS
    expected: str
    came_back: queue.SimpleQueue[dict[str, str]]
    others: list[str]

    def do_GET(self) -> None:
        """Take what a browser brings."""
        there = urlsplit(self.path)
        if there.path != PATH:
            self._answer(404, NOTHING)
            return
        told = _fields_in(there.query)
        if not hmac.compare_digest(told.get("state", "").encode(), self.expected.encode()):
            self.others.append(PATH)
            self._answer(400, OF_ANOTHER)
            return
        try:
            self._answer(400 if "error" in told else 200, NOT_IN if "error" in told else CAME_BACK)
        finally:
            self.came_back.put(told)  # after the answer: the process may end then

    def _answer(self, status: int, words: tuple[str, str]) -> None:
        body = PAGE.format(title=words[0], words=words[1]).encode()
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """What it answers is nobody's to read, and has the code in it."""


def _fields_in(query: str) -> dict[str, str]:
    """The fields of a query; none of one in which a field is there twice."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        return {}
    found = dict(pairs)
    return found if len(found) == len(pairs) else {}
