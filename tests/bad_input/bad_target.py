"""A server to send bad input to, and the oracle that every case has to pass.

Whatever was sent: an error is our problem document or webargs' map and names nothing of the inside, the
processes are the same, a good request works next, no file is left and the log is not flooded or forged.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from serving import Server, serving, wait_until

MODELS = Path(__file__).parent / "bad_models.py"
PREDICT = "/v2/models/{}/predict/"
INNER = re.compile(
    r"/tmp|/work|/home|/proc|/dev/|site-packages|Traceback|File \"|\.py\b|<class|<locals>|object at 0x"
    r"|\b(?:modelport|starlette|uvicorn|pydantic|msgspec|marshmallow|webargs|asyncio)\.\w"
    r"|modelport-\d+|pid\b|_pydantic|function-plain|bad_models"
)
# A record, or the indented rest of one that has several lines.
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ +[\w.]+: |    ")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass
class Reply:
    """A response; `body` is as it came, `json` what it says."""

    status: int
    headers: dict[str, str]
    body: bytes
    json: Any = field(default=None)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def result(self) -> Any:
        """What the model returned: bare from a typed model, else in the envelope of DEEPaaS."""
        assert self.status == 200, self.text
        is_wrapped = isinstance(self.json, dict) and self.json.keys() == {"status", "predictions"}
        return self.json["predictions"] if is_wrapped else self.json


class Target:
    """A running server. Every error that it answers is held against the oracle."""

    def __init__(self, server: Server, spool: Path, models: tuple[str, ...]):
        self.server = server
        self.spool = spool
        self.models = models
        self.pids = self.processes()
        self.address = (httpx.URL(server.url).host, httpx.URL(server.url).port or 0)

    # -- sending -----------------------------------------------------------------------------------

    def send(self, method: str, path: str, **request: Any) -> Reply:
        """A request by httpx, its answer checked."""
        answer = self.server.client.request(method, path, **request)
        return self._checked(Reply(answer.status_code, dict(answer.headers), answer.content))

    def predict(self, model: str, **request: Any) -> Reply:
        return self.send("POST", PREDICT.format(model), **request)

    def json(self, model: str, body: bytes, content_type: str = "application/json") -> Reply:
        return self.predict(model, content=body, headers={"content-type": content_type})

    def form(self, model: str, body: bytes, content_type: str = "multipart/form-data; boundary=b") -> Reply:
        """A form as raw bytes. The server may answer, and stop reading, before it is sent."""
        return self.post_raw(PREDICT.format(model), body, [f"Content-Type: {content_type}"])

    def post_raw(self, path: str, body: bytes, headers: list[str] = []) -> Reply:
        head = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", *headers]
        return self.raw("\r\n".join([*head, "", ""]).encode("latin-1"), body)

    def raw(self, *pieces: bytes) -> Reply:
        """Bytes as they are on a connection of their own; the first response."""
        with self.connection() as sock:
            with contextlib.suppress(ConnectionError, TimeoutError):
                for piece in pieces:
                    sock.sendall(piece)
            return self._checked(read_reply(sock))

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket]:
        with socket.create_connection(self.address, timeout=30) as sock:
            yield sock

    # -- the oracle --------------------------------------------------------------------------------

    def _checked(self, reply: Reply) -> Reply:
        if "json" in reply.headers.get("content-type", ""):
            reply.json = json.loads(reply.body) if reply.body else None
        if reply.status >= 400:
            check_error(reply)
            named = [pid for pid in self.pids if re.search(rf"\b{pid}\b", reply.text)]
            assert not named, f"process numbers in {reply.text}"
        return reply

    def processes(self) -> dict[int, float]:
        """The server and everything it started, as process number and start time."""
        server = psutil.Process(self.server.process.pid)
        return {p.pid: p.create_time() for p in [server, *server.children(recursive=True)]}

    def cpu_seconds(self) -> float:
        """How long the server process has worked since it began. The models' work does not count."""
        spent = psutil.Process(self.server.process.pid).cpu_times()
        return spent.user + spent.system

    def files(self) -> list[str]:
        """What lies in the spool folder beside the workers' own temporary folders."""
        return [
            str(p.relative_to(self.spool))
            for p in self.spool.glob("modelport-*/*")
            if not p.name.startswith("tmp-") or any(p.iterdir())
        ]

    def runs(self) -> int:
        """How often the model `values` has run; asking is one run more."""
        return self.predict("values", json={"number": 2}).result["runs"]

    def log_position(self) -> tuple[int, str]:
        """How many lines the log has, and what time it is, as the log tells it: a thread writes it, so that
        a line of the case before may come yet.
        """
        return len(self.server.lines), datetime.now().strftime("%Y-%m-%d %H:%M:%S,%f")[:23]

    def assert_undisturbed(self, log_start: tuple[int, str], log_lines: int) -> None:
        """What has to hold after every case."""
        assert self.processes() == self.pids, "a process died or was started"
        live = self.send("GET", "/v2/health/live")
        assert (live.status, live.json) == (200, {"live": True})
        ready = self.send("GET", "/v2/health/ready")
        assert ready.status == 200, ready.text
        if "values" in self.models:
            assert self.predict("values", json={"text": "good"}).status == 200
        wait_until(lambda: not self.files(), lambda: f"left in the spool folder: {self.files()}")
        seen, began = log_start
        new = self.server.lines[seen:]
        while new and LOG_LINE.match(new[0]) and (new[0].startswith("    ") or new[0][:23] < began):
            new = new[1:]
        assert len(new) <= log_lines, "".join(new)
        for line in new:
            assert LOG_LINE.match(line), f"not a log line: {line!r}"
            assert not CONTROL.search(line.rstrip("\n")), f"control characters in the log: {line!r}"


def check_error(reply: Reply) -> None:
    """An error is a problem document or webargs' map of messages, and names nothing of the inside."""
    kind = reply.headers["content-type"]
    if kind == "application/problem+json":
        assert {"type", "title", "status", "detail"} <= reply.json.keys()
        assert reply.json["status"] == reply.status
        assert reply.json["detail"]
        if "request_id" in reply.json:
            assert reply.headers["x-request-id"] == reply.json["request_id"]
    else:
        assert kind == "application/json", reply
        assert reply.json
        assert all(is_messages(value) for value in reply.json.values()), reply.json
    said = reply.text if "request_id" not in reply.json else reply.text.replace(reply.json["request_id"], "")
    found = INNER.search(said)
    assert not found, f"{found} in {said}"


def is_messages(value: Any) -> bool:
    """True for a list of messages, or messages by key or index."""
    if isinstance(value, dict):
        return bool(value) and all(is_messages(item) for item in value.values())
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def read_reply(sock: socket.socket) -> Reply:
    """One response, delimited by its length, its chunks or the end of the connection."""
    with sock.makefile("rb") as file:
        status = int(file.readline().split()[1])
        headers: dict[str, str] = {}
        while (line := file.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode("latin-1").partition(":")
            assert name.lower() not in headers, f"{name} came twice"
            headers[name.lower()] = value.strip()
        if "content-length" in headers:
            return Reply(status, headers, file.read(int(headers["content-length"])))
        if headers.get("transfer-encoding") == "chunked":
            return Reply(status, headers, b"".join(chunks(file)))
        return Reply(status, headers, file.read())


def chunks(file: Any) -> Iterator[bytes]:
    """The chunks of a body. Raises `EOFError` if the last is missing."""
    while True:
        line = file.readline()
        if not line:
            raise EOFError("the chunked body was cut")
        size = int(line, 16)
        data = file.read(size)
        file.readline()
        if size == 0:
            return
        yield data


@contextlib.contextmanager
def target(spool: Path, models: tuple[str, ...], *arguments: str) -> Iterator[Target]:
    """A server with these models of `bad_models`, by their class names in lower case."""
    sources = [f"{name}={MODELS}:{name.title()}" for name in models]
    with serving("--spool-dir", str(spool), *arguments, *sources) as server:
        assert server.client.get("/v2/health/ready").status_code == 200, server.log
        yield Target(server, spool, models)
