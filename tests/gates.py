"""Where what a server runs reports that it runs, and waits until the test releases it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Generic, TypeVar


class Held:
    """Code that waits at the gate, and the line that it said."""

    def __init__(self, sock: socket.socket):
        self._sock = sock
        self._file = sock.makefile("rb")
        self.text = self._file.readline().decode().rstrip("\n")

    def release(self) -> None:
        """Let it go on."""
        self._sock.sendall(b"x")

    def wait_end(self) -> None:
        """Wait until it has left the gate, or its process has ended."""
        assert self._file.read() == b""

    def close(self) -> None:
        self._file.close()
        self._sock.close()


SomeHeld = TypeVar("SomeHeld", bound=Held)


class Gate(Generic[SomeHeld]):
    """The gate. `held` makes what `arrival` returns, and every wait has a bound of `seconds`."""

    def __init__(self, held: Callable[[socket.socket], SomeHeld], seconds: float):
        self._make = held
        self._seconds = seconds
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._listener.settimeout(seconds)
        self.port: int = self._listener.getsockname()[1]
        self._held: list[SomeHeld] = []

    def __enter__(self) -> Gate[SomeHeld]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def arrival(self) -> SomeHeld:
        """Wait for the next that runs."""
        sock, _ = self._listener.accept()
        sock.settimeout(self._seconds)
        held = self._make(sock)
        self._held.append(held)
        return held

    def nobody_came(self) -> bool:
        """True if nothing has arrived since."""
        self._listener.setblocking(False)
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return True
        finally:
            self._listener.settimeout(self._seconds)
        return False

    def close(self) -> None:
        for held in self._held:
            held.close()
        self._listener.close()
