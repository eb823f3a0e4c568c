"""The process that is the driver of Ray: it makes an actor for each worker, and tells how that goes.

    python -P -m modelport.engine.ray.placer SOCKET PARENT

SOCKET is an inherited file descriptor for lines of JSON, both ways; PARENT the server's process id. When the
server ends this process does, and with it all its actors: Ray ends what a driver leaves.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from modelport.worker.main import die_with

LOOK_SECONDS = 0.5
HEAD_SECONDS = 5.0  # between two looks at the head
INSTALL = "Ray is not installed: pip install 'modelport[ray]'"


class Placer:
    """Makes actors of a cluster; `ray` is its module."""

    def __init__(self, ray: Any, lines: socket.socket):
        from modelport.engine.ray.node import Node  # it needs no Ray

        self._ray = ray
        self._lines = lines
        self._sending = threading.Lock()
        self._node = ray.remote(Node)
        self._actors: dict[int, Any] = {}
        self._runs: dict[Any, int] = {}  # what an actor does, and which one that is
        self._changed = threading.Lock()

    def say(self, **message: Any) -> None:
        """Tell the server something."""
        with self._sending:
            self._lines.sendall(json.dumps(message).encode() + b"\n")

    def obey(self) -> None:
        """Do what the server says, until it is gone."""
        with self._lines.makefile("rb") as lines:
            for line in lines:
                asked = json.loads(line)
                if asked["do"] == "place":
                    self._place(asked)
                else:
                    self._end(asked["number"])

    def _place(self, asked: dict[str, Any]) -> None:
        number: int = asked["number"]
        try:
            actor = self._node.options(**asked["options"]).remote()
            run = actor.run.remote(asked["host"], asked["port"], bytes.fromhex(asked["secret"]))
        except Exception as error:  # what Ray makes of options that it does not take
            self.say(failed=number, why=_words(error), again=False)
            return
        with self._changed:
            self._actors[number] = actor
            self._runs[run] = number

    def _end(self, number: int) -> None:
        with self._changed:
            actor = self._actors.pop(number, None)
        if actor is not None:
            self._ray.kill(actor)

    def watch(self) -> None:
        """Tell of actors that have ended."""
        while True:
            with self._changed:
                runs = list(self._runs)
            if not runs:
                time.sleep(LOOK_SECONDS)
                continue
            done, _ = self._ray.wait(runs, num_returns=1, timeout=LOOK_SECONDS)
            for run in done:
                with self._changed:
                    number = self._runs.pop(run)
                    self._actors.pop(number, None)
                try:
                    self._ray.get(run)
                except self._ray.exceptions.RayActorError as error:
                    self.say(failed=number, why=_words(error), again=True)
                except Exception as error:  # what the actor has raised, which cannot reach the server
                    self.say(failed=number, why=_words(error), again=False)

    def look_at_head(self) -> None:
        """Tell each few seconds that the head answers; while it does not, this waits for it.

        It ends when the node of this machine is gone, by which this process belongs to the cluster: with that
        its actors end, and what it asks for would wait for ever.
        """
        here = self._ray.get_runtime_context().get_node_id()
        while any(node["NodeID"] == here and node["Alive"] for node in self._ray.nodes()):
            self.say(head=True)
            time.sleep(HEAD_SECONDS)


def _look_for(address: str) -> None:
    """Raise `OSError` if nothing listens at `HOST:PORT`: Ray itself would look for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=HEAD_SECONDS):
            pass


def _words(error: BaseException) -> str:
    """What an error says, in one line: the last one, where Ray has a traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:300] if lines else type(error).__name__


def main(argv: list[str]) -> int:
    """Connect to the cluster that the first line names, and place workers there until the server ends."""
    lines = socket.socket(fileno=int(argv[0]))
    die_with(int(argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who ends everything at once means the server first
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with lines.makefile("rb", 0) as first:
        asked = json.loads(first.readline())
    try:
        ray: Any = importlib.import_module("ray")  # an extra, and only here
    except ImportError:
        lines.sendall(json.dumps({"down": INSTALL}).encode() + b"\n")
        return 3
    try:
        _look_for(asked["address"])
        ray.init(address=asked["address"], log_to_driver=False, logging_level="ERROR")
    except Exception as error:  # whatever Ray makes of a cluster that is not there
        lines.sendall(json.dumps({"down": _words(error)}).encode() + b"\n")
        return 3
    placer = Placer(ray, lines)
    placer.say(up=ray.util.get_node_ip_address())
    for work in (placer.watch, placer.look_at_head):
        threading.Thread(target=_or_exit, args=(work,), daemon=True).start()
    placer.obey()
    return 0


def _or_exit(work: Any) -> None:
    """Without this work the process is of no use: the server starts another one."""
    try:
        work()
    finally:
        os._exit(4)


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # Ray's own end may wait for a head that is gone
