"""Models that take and give what tensors can be."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import numpy

import modelport


class Adds(modelport.Model):
    """An array, and values beside it."""

    def predict(
        self, x: numpy.ndarray, k: float = 1.0, name: str = "", tags: list[str] | None = None
    ) -> dict[str, Any]:
        return {"sum": x + k, "name": name, "tags": tags or [], "whole": {"shape": list(x.shape)}}


class Reads(modelport.Model):
    def predict(self, file: modelport.File, times: int = 1) -> bytes:
        return file.path.read_bytes() * times


class Plain(modelport.Model):
    """Nothing of it is an array."""

    def predict(
        self, points: list[list[float]], on: bool = False, options: dict[str, int] | None = None
    ) -> dict[str, Any]:
        return {"total": sum(map(sum, points)), "on": on, "options": options or {}}


class Streams(modelport.Model):
    def predict(self, count: int) -> Iterator[int]:
        yield from range(count)


class Fails(modelport.Model):
    def predict(self, x: float) -> float:
        if x > 1:
            raise RuntimeError("the secret of the model")
        raise modelport.HTTPError(418, "I am a teapot")


class Counts(modelport.Model):
    def predict(self, count: int) -> int:
        return count


class Waits(modelport.Model):
    async def predict(self, seconds: float, more: numpy.ndarray | None = None) -> float:
        await asyncio.sleep(seconds)
        return seconds


class Own(modelport.Model):
    """Has an argument that the protocol has a parameter of that name for."""

    def predict(self, timeout: int) -> int:
        return timeout


class Writes(modelport.Model):
    """Yields texts, and fails after so many."""

    def predict(self, prompt: str, words: int = 3, fail_after: int = 0) -> Iterator[str]:
        for number in range(words):
            if fail_after and number == fail_after:
                raise RuntimeError("no words left")
            yield f"{prompt}{number} "


class Pieces(modelport.Model):
    """Yields objects with a text each."""

    def predict(self, text_input: str) -> Iterator[dict[str, Any]]:
        for number, letter in enumerate(text_input):
            yield {"text": letter, "number": number}


class Named(modelport.Model):
    """Has arguments that the protocol has names for, and answers an object."""

    def predict(self, id: int, stream: bool = False) -> dict[str, Any]:
        return {"id": id, "stream": stream, "rows": numpy.arange(id)}


class HeldAtGate(modelport.Model):
    """Waits at the gate of a test, whole or between two pieces."""

    def predict(self, gate: int, pieces: bool = False) -> Any:
        return self._pieces(gate) if pieces else _at_gate(gate)

    def _pieces(self, gate: int) -> Iterator[int]:
        yield os.getpid()
        yield _at_gate(gate)


def _at_gate(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(f"{os.getpid()} 1 {os.getpid()}\n".encode())
        sock.recv(1)
    return os.getpid()


class Large(modelport.Model):
    def predict(self, size: int, pieces: int = 0) -> Any:
        return (bytes(size) for _ in range(pieces)) if pieces else bytes(size)


class Keeps(modelport.Model):
    """Has the sums of all arrays that it was given."""

    def __init__(self) -> None:
        self.kept: list[numpy.ndarray] = []

    def predict(self, x: numpy.ndarray) -> list[float]:
        self.kept.append(x)
        return [float(array.sum()) for array in self.kept]


class Dies(modelport.Model):
    """The sum of an array; one that begins with the number of a gate, negative, is the end of its process."""

    def predict(self, x: numpy.ndarray) -> float:
        if x[0, 0] < 0:
            _at_gate(-int(x[0, 0]))
            os.kill(os.getpid(), signal.SIGKILL)
        return float(x.sum())
