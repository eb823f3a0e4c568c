"""What a soak harms: servers on one database, each started again whenever it ends, as systemd would.

Where there are nodes, the last server has its workers on them.
"""

from __future__ import annotations

import contextlib
import re
import threading
from pathlib import Path

import httpx
import psutil
from history_site import Site, until
from postgres_server import Postgres
from serving import Server
from soak_nodes import Nodes, is_alive, on_node

OPTIONS = ("n=soaked:Soaked", "--workers=1", "--max-queued-jobs=10000", "--loaded-versions=1")
WHOLE_SECONDS = 90.0  # within which everything serves again after a kill, on a machine that does much else
PAUSE = 0.2  # before a server is started again, or looked at
WORKER = "modelport.worker"
LISTENS = re.compile(r"listens on ([\d.]+):\d+ for workers")


class Supervised:
    """A site whose processes come back by themselves. `begin` it, and `end` it."""

    def __init__(self, folder: Path, postgres: Postgres | None, servers: int, nodes: int = 0):
        self.spool = folder / "spool"
        self.spool.mkdir()
        self.site = Site(folder, postgres, servers, (*OPTIONS, f"--spool-dir={self.spool}"))
        self.postgres = postgres
        self.nodes = Nodes(folder, nodes) if nodes else None
        self.folder = folder
        self.lost: list[str] = []  # what did not come back, or did not go
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._keep, args=(number,), daemon=True) for number in range(servers)
        ]
        if postgres is not None:
            self._threads.append(threading.Thread(target=self._keep_postgres, args=(postgres,), daemon=True))
        if self.nodes is not None:
            self._threads.append(threading.Thread(target=self._keep_nodes, args=(self.nodes,), daemon=True))

    def begin(self) -> None:
        """Start everything; returns when all of it serves."""
        if self.nodes is not None:
            self.nodes.begin()
        for thread in self._threads:
            thread.start()
        if not until(self.is_whole, WHOLE_SECONDS):
            raise RuntimeError(f"nothing serves:\n{self.log_of(0)}")

    def rest(self) -> None:
        """Start nothing any more; what runs goes on."""
        self._ending.set()

    def stopped(self) -> None:
        """Wait until nothing is looked after any more."""
        for thread in self._threads:
            thread.join(WHOLE_SECONDS)

    def end(self) -> None:
        """Stop everything, hard."""
        self.rest()
        self.stopped()
        self.site.close()
        if self.nodes is not None:
            self.nodes.end()

    def start(self, number: int) -> Server:
        """Start a server; returns when its model is ready."""
        return self.site.start(number, *self._engine_of(number))

    def _keep(self, number: int) -> None:
        while not self._ending.is_set():
            try:
                server = self.start(number)
            except (AssertionError, RuntimeError, httpx.HTTPError) as error:  # killed while it started
                if isinstance(error, RuntimeError):
                    self.lost.append(f"server {number}: {error}")
                self.write_log(number, f"{type(error).__name__}: {error}\n")
                self.site.servers[number] = None
                self._ending.wait(PAUSE)
                continue
            while not self._ending.is_set() and server.process.poll() is None:
                self._ending.wait(PAUSE)
            if self._ending.is_set():
                return
            self.write_log(number, server.log)
            self.site.kill(number)

    def _keep_postgres(self, postgres: Postgres) -> None:
        while not self._ending.wait(PAUSE):
            if postgres.main_process() is None:
                with contextlib.suppress(RuntimeError):  # what it had started has not ended yet: once more
                    postgres.start()

    def _keep_nodes(self, nodes: Nodes) -> None:
        while not self._ending.wait(PAUSE):
            nodes.mend()

    def has_nodes(self, number: int | None) -> bool:
        """Whether it is the server that has its workers on nodes."""
        return self.nodes is not None and number == len(self.site.ports) - 1

    def _engine_of(self, number: int) -> list[str]:
        if self.nodes is None or not self.has_nodes(number):
            return []
        return ["--engine=ray", f"--ray-address={self.nodes.address}"]

    def write_log(self, number: int, text: str) -> None:
        """Keep what a server has written in a life that is over."""
        with (self.folder / f"server-{number}.log").open("a", encoding="utf-8") as file:
            file.write(text + "---- the next life\n")

    def log_of(self, number: int) -> str:
        """What a server has written so far, in all its lives."""
        path = self.folder / f"server-{number}.log"
        server = self.site.servers[number]
        earlier = path.read_text(encoding="utf-8") if path.exists() else ""
        return earlier + (server.log if server is not None else "")

    def is_whole(self) -> bool:
        """Whether each server answers with its model ready, and has its database."""
        if self.postgres is not None and self.postgres.main_process() is None:
            return False
        if self.nodes is not None and not self.nodes.is_whole():
            return False
        return all(is_ready(self.site.url(number)) for number in range(len(self.site.ports)))

    def server_process(self, number: int) -> psutil.Process | None:
        """The process of a server, if it runs."""
        server = self.site.servers[number] if number < len(self.site.servers) else None
        if server is None or server.process.poll() is not None:
            return None
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(server.process.pid)
        return None

    def children(self, number: int) -> list[psutil.Process]:
        """All that a server has started, and what that has; what runs for it on nodes."""
        process = self.server_process(number)
        if process is None:
            return []
        there = self.nodes.processes() if self.nodes is not None and self.has_nodes(number) else []
        with contextlib.suppress(psutil.NoSuchProcess):
            return process.children(recursive=True) + there
        return there

    def with_node(self, raylet: psutil.Process) -> list[psutil.Process]:
        """What ends with a node: all that runs there, and all of a server that belongs to it."""
        if self.nodes is None:
            return []
        server = self.site.servers[-1]
        told = LISTENS.findall(server.log) if server is not None else []
        is_own = bool(told) and self.nodes.raylets().get(told[-1]) == raylet
        return self.nodes.processes() if is_own else on_node(raylet)

    def have_gone(self, processes: list[psutil.Process], seconds: float) -> bool:
        """Wait for the end of processes."""
        return until(lambda: not any(is_alive(process) for process in processes), seconds)


def is_worker(process: psutil.Process) -> bool:
    """Whether a child of a server answers predictions: those of jobs are nicer."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return WORKER in process.cmdline() and process.nice() <= 0
    return False


def is_job(process: psutil.Process) -> bool:
    """Whether a child of a server runs jobs."""
    with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
        return process.nice() > 0
    return False


def is_ready(url: str) -> bool:
    """Whether a server is ready, and its database and its cluster are well."""
    with contextlib.suppress(httpx.HTTPError):
        answer = httpx.get(f"{url}/v2/health/ready", timeout=5.0)
        return answer.status_code == 200 and not {"database", "engine"} & set(answer.json())
    return False
