"""Predictions over connections that are kept, and what became of each."""

from __future__ import annotations

import itertools
import random
import threading
import time
from dataclasses import asdict, dataclass
from typing import Any

import httpx

PATH = "/v2/models/n/predict/"
PATIENCE = 60.0  # seconds after which an answer is none
PAUSES = (0.005, 0.06)  # between two calls of a client: the machine is to have time for all else
SLOW = 0.1  # this share of the calls runs for a while, so that kills meet some that run
REFUSED_PAUSE = 0.1  # before another server is asked, where one takes no connections


@dataclass
class Call:
    """A prediction. Times are seconds since the epoch.

    `said` is "answered"; "failed", an answer that is none of the model's; "turned away" (503); "cut", a
    connection that broke while it was used; "silent", none in time. `since` is when this connection was last
    known to be one.
    """

    client: int
    server: int
    number: int
    since: float
    begun: float
    done: float = 0.0
    said: str = "silent"
    factor: int = 0
    text: str = ""


class Callers:
    """Clients that ask without end: each prefers one server, and goes to the next if that is away."""

    def __init__(self, urls: list[str], seed: int, clients: int):
        self.urls = urls
        self.seed = seed
        self.refused = 0  # connections that nobody took: no call was made
        self.failures: list[BaseException] = []
        self._calls: list[Call] = []
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._go, args=(number,), daemon=True) for number in range(clients)
        ]

    def begin(self) -> None:
        """Start them all."""
        for thread in self._threads:
            thread.start()

    def end(self) -> list[dict[str, Any]]:
        """Stop them; returns all calls. Raises the first mistake that one of them made."""
        self._stop.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)
        if self.failures:
            raise self.failures[0]
        return [asdict(call) for call in self._calls]

    def _go(self, client: int) -> None:
        dice = random.Random(f"{self.seed} caller {client}")
        connections = [httpx.Client(base_url=url, timeout=PATIENCE) for url in self.urls]
        alive = [time.time()] * len(self.urls)
        server = client % len(self.urls)
        try:
            while not self._stop.wait(dice.uniform(*PAUSES)):
                call = Call(client, server, next(self._numbers), alive[server], time.time())
                if ask(connections[server], call, dice.uniform(0.02, 0.2) if dice.random() < SLOW else 0.0):
                    self._calls.append(call)
                else:
                    self.refused += 1
                if call.said == "answered":
                    alive[server] = call.done
                    continue
                server = (server + 1) % len(self.urls)
                self._stop.wait(REFUSED_PAUSE)
        except BaseException as error:  # the soak's own mistake, raised at the end
            self.failures.append(error)
        finally:
            for connection in connections:
                connection.close()


def ask(connection: httpx.Client, call: Call, seconds: float) -> bool:
    """Make a call, and write down what became of it; false if there was no connection to make it on."""
    try:
        answer = connection.post(PATH, json={"number": call.number, "seconds": seconds})
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return False
    except httpx.TimeoutException:
        call.said = "silent"
    except httpx.TransportError as error:
        call.said, call.text = "cut", repr(error)
    else:
        read(answer, call)
    call.done = time.time()
    return True


def read(answer: httpx.Response, call: Call) -> None:
    """What an answer says, and whether it is that of this call."""
    if answer.status_code != 200:
        call.said = "turned away" if answer.status_code == 503 else "failed"
        call.text = f"{answer.status_code} {answer.text}"
        return
    body = answer.json()
    body = body.get("predictions", body)
    call.said, call.factor = "answered", body["factor"]
    if body["value"] != call.number * call.factor:
        call.said, call.text = "failed", f"another call's answer: {answer.text}"
