"""Servers to be killed and started again, always on the same port, and a receiver of their webhooks."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil
from history import Record, Recorder, load, load_runs
from history_final import finals
from ports import free_port
from postgres_server import Postgres
from serving import START_SECONDS, Process, Server, start

from modelport.jobs.folders import JobFolders
from modelport.jobs.states import TERMINAL
from modelport.webhooks import WebhookError, verify

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OPTIONS = (
    "--job-workers=2", "--job-attempts=1000", "--cancel-grace=1", "--allow-private-callbacks",
    "--callback-ports=1024-65535",
    f"--webhook-secret={SECRET}",
)  # fmt: skip
MODEL = "n=noting_models:Noting"
ENDED = ", ".join(f"'{state}'" for state in TERMINAL)
UNENDED = f"SELECT count(*) FROM jobs WHERE state NOT IN ({ENDED})"
SETTLE_SECONDS = 60.0
SOON_SECONDS = 5.0
TOLD_SECONDS = 180.0  # a kill in the middle of a webhook leaves it to whoever finds its lease over


class Site:
    """Servers on one database. Close it at the end; nothing of it is left then."""

    def __init__(
        self,
        folder: Path,
        postgres: Postgres | None = None,
        servers: int = 1,
        options: tuple[str, ...] = (MODEL,),
    ):
        self.data, self.side = folder / "data", folder / "side"
        self.options = (*OPTIONS, *options)
        self.recorder = Recorder(folder / "history")
        self.postgres = postgres
        self.where = postgres.new_database() if postgres else str(self.data / "jobs.sqlite")
        self.ports = [free_port() for _ in range(servers)]
        self.servers: list[Server | None] = [None] * servers
        self.process: Process | None = None  # the last one started
        self.receiver = Receiver(self.recorder)

    def url(self, number: int) -> str:
        return f"http://127.0.0.1:{self.ports[number]}"

    def start(self, number: int = 0, *options: str, **variables: str) -> Server:
        """Start a server; returns when its model is ready."""
        database = [f"--database-url={self.where}"] if self.postgres else []
        place = [f"--port={self.ports[number]}", f"--data-dir={self.data}"]
        self.process = process = start(*place, *database, *self.options, *options, **variables)
        try:
            server = Server(process)
            self.servers[number] = server
            server.wait_settled()
        except (AssertionError, httpx.TransportError):
            self._not_started(process)
            raise
        return server

    def _not_started(self, process: Process) -> None:
        """It has ended, as it may, killed or with its only worker; to neither serve nor end is a mistake."""
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise RuntimeError("the server neither serves nor ends") from None
        finally:
            assert process.stderr is not None
            process.stderr.close()

    def kill(self, number: int = 0) -> None:
        """kill -9, and no thought of its jobs."""
        server, self.servers[number] = self.servers[number], None
        if server is not None:
            server.stop(signal.SIGKILL)

    def job_processes(self) -> list[psutil.Process]:
        """The processes of jobs; those of predictions are not as nice."""
        found: list[psutil.Process] = []
        for server in self.servers:
            if server is None:
                continue
            try:
                children = psutil.Process(server.process.pid).children()
                found += [child for child in children if child.nice() > 0]
            except psutil.NoSuchProcess:
                continue
        return found

    def settle(self) -> None:
        """Wait until every job has ended."""
        with self.recorder.operation("settling", "settle", bound=SETTLE_SECONDS) as record:
            if until(lambda: not self._count(UNENDED), SETTLE_SECONDS):
                record.type = "ok"

    def history(self) -> list[Record]:
        """Wait until no webhook is owed, stop everything and return what happened."""
        deadline = time.monotonic() + TOLD_SECONDS
        while not until(lambda: not self._owed(), SOON_SECONDS) and time.monotonic() < deadline:
            self._hasten()
        for number, server in enumerate(self.servers):
            self.servers[number] = None
            if server is not None:
                server.stop()
        self.receiver.close()
        return self.so_far()

    def so_far(self) -> list[Record]:
        """What has happened until now."""
        return load(self.recorder.path) + load_runs(self.side)

    def _owed(self) -> int:
        return self._count("SELECT count(*) FROM deliveries WHERE next_at IS NOT NULL")

    def _count(self, query: str) -> int:
        """What a query counts in the database, all at one moment."""
        if self.postgres:
            return self.postgres.number(query, self.where)
        with contextlib.closing(sqlite3.connect(f"file:{self.where}?mode=ro", uri=True)) as connection:
            return int(connection.execute(query).fetchone()[0])

    def _hasten(self) -> None:
        """Have those due now that failed twice, by a kill and a refusal: they wait five minutes."""
        change = "UPDATE deliveries SET next_at = 0 WHERE next_at IS NOT NULL AND owner = ''"
        if self.postgres:
            self.postgres.number(f"WITH due AS ({change} RETURNING 1) SELECT count(*) FROM due", self.where)
            return
        with contextlib.closing(sqlite3.connect(self.where, timeout=30)) as connection, connection:
            connection.execute(change)

    async def whole_history(self) -> list[Record]:
        """The history, and how each job stands at its end."""
        history = self.history()
        return history + await finals(self.where, JobFolders(self.data))

    def close(self) -> None:
        for number in range(len(self.servers)):
            self.kill(number)
        self.receiver.close()
        self.recorder.close()
        if self.postgres:
            self.postgres.empty(self.where)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Look again and again; false if it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Receiver:
    """Takes webhooks, checks their signatures, and refuses some at first: with 500, or with no answer.

    It never stays silent twice in a row: that would stop the sender for half a minute.
    """

    def __init__(self, recorder: Recorder):
        self.recorder = recorder
        self.dice: random.Random | None = None  # set it to have some refused
        self._seen: set[str] = set()
        self._silent = False
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.receive(dict(self.headers.items()), body)
                if status:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def receive(self, headers: dict[str, str], body: bytes) -> int:
        """Note a webhook; the status to answer with, 0 for none."""
        try:
            data = verify(SECRET, headers, body)["data"]
            valid = True
        except WebhookError:
            data, valid = json.loads(body)["data"], False
        given = {name.lower(): value for name, value in headers.items()}
        with self._lock:
            status = self._status(given["webhook-id"])
            self.recorder.note(
                "receiver",
                "webhook",
                data["id"],
                id=given["webhook-id"],
                valid=valid,
                state=data["state"],
                revision=data["revision"],
                answered=status,
            )
        return status

    def _status(self, message_id: str) -> int:
        first = message_id not in self._seen
        self._seen.add(message_id)
        if not first or self.dice is None:
            self._silent = False
            return 204
        status = self.dice.choices([204, 500, 0], [6, 2, 2])[0]
        if status == 0 and self._silent:
            status = 500
        self._silent = status == 0
        return status

    def close(self) -> None:
        """Stop it; harmless if that was done."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
