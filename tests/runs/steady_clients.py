"""Clients that predict all the time, while a test does something to the server."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Seen:
    """One answer: when it was asked for and came (seconds, one clock), its status and its body."""

    asked: float
    came: float
    status: int
    body: Any


@dataclass
class SteadyClients:
    """`answers` has what came; `wait` until more did."""

    answers: list[Seen] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def add(self, seen: Seen) -> None:
        with self._changed:
            self.answers.append(seen)
            self._changed.notify_all()

    def wait_for_more(self, many: int, seconds: float = 60.0) -> None:
        """Wait until so many more answers came."""
        with self._changed:
            wanted = len(self.answers) + many
            assert self._changed.wait_for(lambda: len(self.answers) >= wanted, seconds)

    @property
    def failed(self) -> list[Seen]:
        return [seen for seen in self.answers if seen.status != 200]


@contextlib.contextmanager
def steady_clients(url: str, path: str, body: Any, *, clients: int = 4) -> Iterator[SteadyClients]:
    """About 200 requests a second: each client asks 50 times a second, or as fast as it is answered."""
    seen = SteadyClients()
    stopping = threading.Event()

    def run() -> None:
        with httpx.Client(base_url=url, timeout=60.0) as client:
            while not stopping.wait(0.02):
                asked = time.monotonic()
                try:
                    answer = client.post(path, json=body)
                    seen.add(Seen(asked, time.monotonic(), answer.status_code, answer.json()))
                except httpx.HTTPError as error:
                    seen.add(Seen(asked, time.monotonic(), 0, repr(error)))

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
