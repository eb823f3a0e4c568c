"""A real HTTP server that answers as it is told, for what a sound server does only by accident."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """One answer. `breaks`: the connection is cut after the body, which was announced as longer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    breaks: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


CUT = Answer(0)  # no answer at all


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class ScriptedServer:
    """Gives its answers in order, and keeps what it was asked."""

    def __init__(self, answers: list[Answer]):
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.too_many = 0
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                script.answer(self)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        self.asked.append(Asked(handler.command, handler.path, headers, body))
        handler.close_connection = True
        told = self.answers.pop(0) if self.answers else None
        if told is None:
            self.too_many += 1
        if told is None or told is CUT:
            return
        handler.send_response(told.status)
        for name, value in ({"content-type": "application/json"} | told.headers).items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(told.content) + (100 if told.breaks else 0)))
        handler.send_header("connection", "close")
        handler.end_headers()
        handler.wfile.write(told.content)


@contextmanager
def scripted(*answers: Answer) -> Iterator[ScriptedServer]:
    """Run a server with these answers. Each has to be asked for, and nothing else."""
    server = ScriptedServer(list(answers))
    thread = threading.Thread(target=lambda: server.http.serve_forever(0.01))
    thread.start()
    try:
        yield server
        assert server.answers == [], "answers that nobody asked for"
        assert server.too_many == 0, "requests that nobody expected"
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()
