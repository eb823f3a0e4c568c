"""A Ray cluster of several nodes on this machine, in a process of its own, for tests."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from serving import environment

CLUSTER = Path(__file__).parent / "engine" / "ray_cluster.py"
SECONDS = 180.0  # for what takes some, where others use this machine


class Cluster:
    """A cluster whose head, without CPUs for workers, is at a port of this machine. `address` is where."""

    def __init__(self, port: int, **variables: str):
        self.process = subprocess.Popen(
            [sys.executable, str(CLUSTER), str(port)],
            env=environment(**variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
        )
        self.address = self._line()

    def tell(self, command: str) -> str:
        """Have it do what `ray_cluster.py` knows, and return what it says."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\n")
        return self._line()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, "the cluster could not be started"
        return line

    def end(self) -> None:
        """End all nodes."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(SECONDS)
        self.process.stdout.close()


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
