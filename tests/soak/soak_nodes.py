"""The nodes of a Ray cluster on which a server of a soak has its workers; others join for those killed."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import psutil
from ray_site import Cluster, free_port

CPUS = 8  # of each node, for Ray to count: a worker of each version that is loaded takes one
ACTOR = "ray::Node"
WORKER = "modelport.worker"


class Nodes:
    """A cluster of so many nodes. `begin` it, `mend` it again and again, and `end` it.

    A server belongs to the node that was the last to join when it began. The head, and the first of those,
    have no room for workers. All that runs there has its temporary files in a folder of the soak.
    """

    def __init__(self, folder: Path, count: int):
        self.temporary = folder / "nodes"
        self.temporary.mkdir()
        self.count = count
        self.address = ""
        self._raylets: dict[str, psutil.Process] = {}  # by their addresses
        self._added = 0
        self._lock = threading.Lock()
        self._cluster: Cluster | None = None

    def begin(self) -> None:
        """Start the head and the nodes, of which the last one is that of the server."""
        short = os.environ.get("RAY_TMPDIR", "/tmp")  # of Ray's own: names of sockets are short
        own = {"TMPDIR": str(self.temporary), "RAY_TMPDIR": short}
        self._cluster = Cluster(free_port(), **own)
        self.address = self._cluster.address
        for cpus in (*[CPUS] * self.count, 0):
            self._add(self._cluster, cpus)

    def _add(self, cluster: Cluster, cpus: int) -> None:
        raylet = psutil.Process(int(cluster.tell(f"add {cpus}")))
        with self._lock:
            self._added += 1
            self._raylets[f"127.0.0.{self._added + 1}"] = raylet

    def raylets(self) -> dict[str, psutil.Process]:
        """The process of each node that lives, by the node's address."""
        with self._lock:
            known = dict(self._raylets)
        return {address: raylet for address, raylet in known.items() if is_alive(raylet)}

    def mend(self) -> None:
        """Have a new node join for each that was killed."""
        for address, raylet in list(self._raylets.items()):
            if self._cluster is not None and not is_alive(raylet):
                with self._lock:
                    del self._raylets[address]
                self._cluster.tell(f"kill {raylet.pid}")  # what Ray has put beside it
                self._kill_agents(address)
                self._add(self._cluster, CPUS)

    def _kill_agents(self, address: str) -> None:
        """Kill Ray's agents of a node that is gone: they take processor time until they notice."""
        for process in psutil.process_iter(["cmdline", "environ"]):
            words, variables = process.info["cmdline"] or [], process.info["environ"] or {}
            is_own = variables.get("TMPDIR") == str(self.temporary)
            if (
                is_own
                and f"--node-ip-address={address}" in words
                and any("agent" in word for word in words[:4])
            ):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()

    def is_whole(self) -> bool:
        """Whether all nodes live."""
        return len(self.raylets()) == self.count + 1

    def processes(self) -> list[psutil.Process]:
        """The actors and workers on all nodes."""
        return [process for raylet in self.raylets().values() for process in on_node(raylet)]

    def end(self) -> None:
        """End all nodes."""
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            cluster.end()


def on_node(raylet: psutil.Process) -> list[psutil.Process]:
    """The actors and workers on a node."""
    found: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in raylet.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                line = process.cmdline()
                if WORKER in line or (line and line[0].startswith(ACTOR)):
                    found.append(process)
    return found


def is_alive(process: psutil.Process) -> bool:
    """Whether a process is there, and more than a line in the table of its parent."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
