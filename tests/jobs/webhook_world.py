"""A receiver of webhooks, a clock to turn, and a store that tells when a delivery has ended."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from making import Clock, new_job

from modelport.jobs.records import Delivery, Job, Outcome
from modelport.jobs.states import State
from modelport.jobs.store import JobStore
from modelport.jobs.webhooks import WebhookSender, post_limits
from modelport.webhooks import verify

ANY_PORT = ("1-65535",)

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
PATIENCE = 20.0


@dataclass
class Message:
    """A message as a receiver got it."""

    path: str
    headers: dict[str, str]
    body: bytes

    def event(self, clock: Clock) -> dict[str, Any]:
        return verify(SECRET, self.headers, self.body, now=clock())


class Receiver:
    """An HTTP server that answers with the next of `statuses` (the last one stays); 0 is no answer at all."""

    def __init__(self, *statuses: int, headers: str = "") -> None:
        self.statuses = list(statuses or (204,))
        self.headers = headers
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.connections = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[Any]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in tuple(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await self._server.wait_closed()

    async def next(self) -> Message:
        async with asyncio.timeout(PATIENCE):
            return await self.messages.get()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        try:
            head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(_header(line) for line in lines if line)
            body = await reader.readexactly(int(headers["content-length"]))
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            self.messages.put_nowait(Message(head.split(" ")[1], headers, body))
            if not status:
                await asyncio.Event().wait()
            said = f"HTTP/1.1 {status} So\r\nContent-Length: 2\r\nConnection: close\r\n{self.headers}\r\nok"
            writer.write(said.encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the sender has left
        finally:
            self._open.discard(task)
            writer.close()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name.lower(), value


class Watched:
    """The real store, which also tells how each delivery ended: id, error (empty: delivered), next time."""

    def __init__(self, store: JobStore) -> None:
        self.store = store
        self.ends: asyncio.Queue[tuple[str, str, float | None]] = asyncio.Queue()
        self.get, self.subscribe = store.get, store.subscribe

    async def due_deliveries(
        self, limit: int, owner: str, lease_seconds: float, not_to: Sequence[str] = ()
    ) -> Sequence[Delivery]:
        return await self.store.due_deliveries(limit, owner, lease_seconds, not_to)

    async def delivered(self, delivery_id: str) -> None:
        await self.store.delivered(delivery_id)
        self.ends.put_nowait((delivery_id, "", None))

    async def delivery_failed(self, delivery_id: str, error: str, next_at: float | None) -> None:
        await self.store.delivery_failed(delivery_id, error, next_at)
        self.ends.put_nowait((delivery_id, error, next_at))

    async def next_end(self) -> tuple[str, str, float | None]:
        async with asyncio.timeout(PATIENCE):
            return await self.ends.get()


@dataclass
class World:
    """A store with a clock of its own, its senders and its receivers."""

    store: JobStore
    watched: Watched
    clock: Clock
    receivers: list[Receiver] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def receiver(self, *statuses: int, headers: str = "") -> Receiver:
        receiver = Receiver(*statuses, headers=headers)
        await receiver.start()
        self.receivers.append(receiver)
        return receiver

    def sender(self, *, allow_private: bool = True, secret: str = SECRET) -> WebhookSender:
        """A sender that runs from now on; loopback is private, so it may be sent to if that is allowed."""
        sender = self.idle_sender(allow_private=allow_private, secret=secret)
        self.run(sender)
        return sender

    def idle_sender(self, *, allow_private: bool = True, secret: str = SECRET) -> WebhookSender:
        limits = post_limits(allow_private, ANY_PORT)
        return WebhookSender(self.watched, secret, "this server", limits=limits, clock=self.clock)

    def run(self, sender: WebhookSender) -> asyncio.Task[None]:
        self.tasks.append(asyncio.create_task(sender.run()))
        return self.tasks[-1]

    async def submit(self, callback_url: str | None) -> str:
        job, _ = await self.store.submit(new_job(callback_url=callback_url))
        return job.id

    async def run_next(self, state: State = State.SUCCEEDED, error: str = "") -> Job:
        """Run the job that waits longest to an end."""
        [claim] = await self.store.claim("a runner", 1, 60.0)
        outcome = Outcome(state=state, error=error, result=b"{}", result_type="application/json")
        job = await self.store.finish(claim.job.id, claim.token, outcome)
        assert job is not None
        return job

    async def ended_job(
        self, callback_url: str | None, state: State = State.SUCCEEDED, error: str = ""
    ) -> Job:
        await self.submit(callback_url)
        return await self.run_next(state, error)


@asynccontextmanager
async def world(where: str) -> AsyncIterator[World]:
    clock = Clock(1_800_000_000.0)
    store = await JobStore.open(where, clock=clock)
    made = World(store, Watched(store), clock)
    try:
        yield made
    finally:
        for task in made.tasks:
            task.cancel()
        ends = await asyncio.gather(*made.tasks, return_exceptions=True)
        for receiver in made.receivers:
            await receiver.stop()
        await store.close()
    assert [end for end in ends if not isinstance(end, asyncio.CancelledError)] == []
