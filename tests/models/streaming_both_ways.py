"""Models that stream both ways, for the tests of WebSockets."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import modelport


@dataclass
class Said:
    text: str
    times: int = 1


class Chat(modelport.Model):
    """Repeats what is said, and counts bytes."""

    async def predict(self, x: int = 1) -> int:
        return x + 1

    async def stream(
        self, pieces: AsyncIterator[bytes | Said], language: str = "en"
    ) -> AsyncIterator[str | dict[str, int]]:
        size = 0
        async for piece in pieces:
            if isinstance(piece, bytes):
                size += len(piece)
                yield {"size": size}
            else:
                for _ in range(piece.times):
                    yield f"{language}: {piece.text}"
        yield {"total": size}


class Echo(modelport.Model):
    """Gives back bytes as bytes and text as text, one client at a time."""

    def predict(self, x: int = 1) -> int:
        return x + 1

    def stream(self, pieces: Iterator[bytes | str]) -> Iterator[bytes | str]:
        yield from pieces


class Moody(modelport.Model):
    """Does what it is told: raises, dies, hangs, floods, is deaf, or notes that it was cancelled."""

    noted = ""

    async def predict(self) -> str:
        return Moody.noted

    async def stream(self, pieces: AsyncIterator[str], mood: str = "") -> AsyncIterator[str]:
        if mood == "refuses":
            raise modelport.HTTPError(403, "not today")
        try:
            async for piece in pieces:
                if piece == "raise":
                    raise RuntimeError("something of the model's own")
                if piece == "pid":
                    yield str(os.getpid())
                elif piece == "die":
                    os.kill(os.getpid(), signal.SIGKILL)
                elif piece == "hang":
                    print("this hangs", flush=True)
                    time.sleep(3600)  # noqa: ASYNC251 - which is the point
                elif piece == "flood":
                    while True:
                        yield "x" * 65536
                elif piece == "deaf":
                    yield "I hear nothing"
                    await asyncio.sleep(3600)
                else:
                    yield piece
            yield "last words"
        except asyncio.CancelledError:
            Moody.noted = "cancelled"
            raise


class Silent(modelport.Model):
    """Has no stream, but something else by that name."""

    def predict(self, x: int = 1) -> int:
        return x

    def stream(self, prompt: str) -> Any:
        return prompt


class Learns(modelport.Model):
    """Multiplies by what its training has saved."""

    factor = 1

    def load_model(self, path: Path) -> None:
        self.factor = int(path.read_text())

    async def stream(self, pieces: AsyncIterator[int]) -> AsyncIterator[int]:
        async for piece in pieces:
            yield piece * self.factor

    def train(self, factor: int) -> dict[str, Any]:
        path = Path(os.environ["TMPDIR"]) / "factor"
        path.write_text(str(factor))
        modelport.current_job().save_model(path)
        return {}
