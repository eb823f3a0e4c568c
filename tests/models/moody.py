"""Models whose loading and calls a test holds, breaks or makes large."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import modelport

MIB = 1 << 20


class Moody(modelport.Model):
    """Is loaded as the file MOODY says, if there is one: `large`, the port of a gate, or what is wrong."""

    def __init__(self) -> None:
        file = Path(os.environ["MOODY"])
        said = file.read_text() if file.exists() else ""
        self.kept = b"m" * (100 * MIB if said == "large" else 0)
        if said.isdecimal():
            wait_at(int(said), "loading")
        elif said and said != "large":
            raise ValueError(said)

    def predict(self, port: int = 0) -> int:
        if port:
            wait_at(port, "predicting")
        return os.getpid()


def wait_at(port: int, what: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as gate:
        gate.sendall(f"{what}\n".encode())
        gate.recv(1)
