"""Models whose rows are predicted by batch jobs."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import modelport


class Sums(modelport.Model):
    """Adds two numbers, one row a call. It fails at 13, and notes each call in a file."""

    def predict(
        self, a: int, b: float = 1.0, note: str | None = None, log: str = "", gate: int = 0
    ) -> dict[str, Any]:
        if log:
            with Path(log).open("a") as file:
                file.write(f"{a}\n")
        if gate and note == "wait":
            with socket.create_connection(("127.0.0.1", gate)) as sock:
                sock.sendall(f"{os.getpid()} {modelport.current_job().attempt} {a}\n".encode())
                sock.recv(1)
        if a == 13:
            raise ValueError("13 is unlucky")
        return {"sum": a + b, "note": note}


class Tables(modelport.Model):
    """Takes the rows of a chunk at once."""

    def predict(self, table: modelport.Table, times: float = 1.0, gate: int = 0) -> list[float]:
        rows = table.numbers()
        if any(cell == 13 for row in rows for cell in row):
            raise ValueError("13 is unlucky")
        return [times * sum(row) for row in rows]


class Means(modelport.Model):
    """Takes rows, and answers no prediction for each."""

    def predict(self, table: modelport.Table) -> dict[str, int]:
        return {"rows": len(table)}


class Together(modelport.Model):
    """Takes calls together; says with each how many there were."""

    max_batch_size = 8

    def predict(self, a: int) -> list[int]:
        raise NotImplementedError

    def predict_batch(self, calls: list[dict[str, Any]]) -> list[Any]:
        if any(call["a"] == 13 for call in calls):
            raise ValueError("13 is unlucky")
        return [[call["a"], len(calls)] for call in calls]


class Beside(modelport.Model):
    """Answers calls side by side: each waits until all of them are there."""

    max_concurrency = 4

    def __init__(self) -> None:
        self.all_there = asyncio.Barrier(4)

    async def predict(self, a: int) -> int:
        await self.all_there.wait()
        return a


class Broken(modelport.Model):
    """Fails for every row."""

    def predict(self, a: int) -> int:
        raise RuntimeError("no device")


class Rows:
    """A plain object whose `X` are rows."""

    def predict(self, X):  # type: ignore[no-untyped-def]
        return [row["a"] * 2 for row in X]
