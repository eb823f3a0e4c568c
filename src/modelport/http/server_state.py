"""What the connections of one server share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from modelport.http.body_place import BodyPlace
from modelport.http.crowd import Crowd
from modelport.http.cycle import Cycle
from modelport.http.forwarded import TrustedProxies
from modelport.http.heads import KnownHeads
from modelport.http.limits import HttpLimits
from modelport.http.sweep import Sweep, Swept

# Is offered each request that arrived in one piece. If it returns true, it answers the request itself, at
# once or later; the ASGI application does not see it.
Take = Callable[[Cycle], bool]
# Is asked, of a request whose body of so many bytes is still to come, whether it would take that one, once it
# is whole: if so, its place.
Gathers = Callable[[Cycle, int], BodyPlace | None]


class Member(Swept, Protocol):
    """A connection of a server."""

    @property
    def idle_since(self) -> float: ...
    def close(self) -> None: ...
    def end_soon(self) -> None: ...
    def end_if_idle(self) -> None: ...


class ServerState:
    """The application, the limits, and what there is of connections and tasks. For one event loop."""

    def __init__(
        self,
        app: Any,
        limits: HttpLimits,
        take: Take | None = None,
        root_path: str = "",
        proxies: TrustedProxies | None = None,
        gathers: Gathers | None = None,
    ):
        self.app = app
        self.root_path = root_path  # that a proxy has cut off the path of each request
        self.limits = limits
        self.take = take
        self.gathers = gathers
        self.loop = asyncio.get_running_loop()
        self.default_headers: list[tuple[bytes, bytes]] = []  # of each answer; a new list once a second
        self.connections: set[Member] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.is_ending = False  # each connection ends with its next answer
        self.vacant = asyncio.Event()  # set while there are neither connections nor tasks
        self.vacant.set()
        self.crowd = Crowd(limits.connections, limits.connections_of_one)
        self.proxies = proxies
        self.heads = KnownHeads()
        self.heads_of_proxies = KnownHeads()
        self.accepted = 0  # connections, so far
        self.when_left: Callable[[], None] | None = None  # is called when a connection has ended
        self.refused: Counter[int] = Counter()  # how often, by status, before anything was asked
        self._sweep = Sweep(self.loop, self.connections, limits)

    def enter(self, connection: Member) -> None:
        """A connection was made."""
        self.connections.add(connection)
        self.accepted += 1
        self.vacant.clear()
        self._sweep.arm()

    def leave(self, connection: Member) -> None:
        """A connection has ended."""
        self.connections.discard(connection)
        if self.when_left is not None:
            self.when_left()
        self._look()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what answers a request of a connection, to its end."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        self._look()

    def _look(self) -> None:
        if not (self.connections or self.tasks):
            self.vacant.set()
