"""Models for the engine's tests: they say what they ran, in which order and together with what."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

import modelport

RAN: list[str] = []
KEPT: list[bytes] = []
MIB = 1 << 20


class Orders(modelport.Model):
    """Answers with everything that it has run so far."""

    def predict(self, text: str = "", port: int = 0, do: str = "") -> dict[str, Any]:
        RAN.append(text)
        if port:
            wait_at(port)
        if do == "print":
            print(text)
        if do == "leave":
            os._exit(1)
        if do == "raise":
            raise ValueError(text)
        return {"text": text, "ran": list(RAN), "pid": os.getpid()}


class Batches(modelport.Model):
    """Answers with the texts of its batch."""

    max_batch_size = 4
    max_wait_ms = 100.0

    def predict(self, text: str) -> Any: ...

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        texts = [call["text"] for call in calls]
        if "raise" in texts:
            raise ValueError("poisoned")
        if "short" in texts:
            return texts[1:]
        if "leave" in texts:
            os._exit(1)
        return [ValueError("alone") if text == "error" else {"text": text, "with": texts} for text in texts]


class EagerBatches(Batches):
    """Waits for no time to pass."""

    max_wait_ms = 0.0


def deadly(value: str) -> str:
    """An argument's check that may end the process, before predict() runs."""
    if value == "leave":
        os._exit(1)
    return value


class DeadlyArguments(Orders):
    """Dies while it reads its arguments."""

    def predict(
        self, text: Annotated[str, AfterValidator(deadly)] = "", port: int = 0, do: str = ""
    ) -> dict[str, Any]:
        return super().predict(text, port, do)


class Hoarder(modelport.Model):
    """Takes memory for its call, or for good."""

    def predict(self, keep: int = 0, take: int = 0, port: int = 0) -> int:
        KEPT.append(b"k" * keep * MIB)
        taken = b"t" * take * MIB
        if port:
            wait_at(port)
        del taken
        return os.getpid()


class Fickle(modelport.Model):
    """Cannot be loaded, or waits at a gate while it is, if a file says so. The file may come later."""

    def __init__(self) -> None:
        file = Path(os.environ["FICKLE"])
        said = file.read_text() if file.exists() else ""
        if said.isdecimal():
            wait_at(int(said))
        elif said:
            raise ValueError(said)

    def predict(self, port: int = 0) -> int:
        if port:
            wait_at(port)
        return os.getpid()


def wait_at(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as gate:
        gate.recv(1)
