"""The rest of a body whose length is known: it comes past the parser, which would only copy it.

Where whoever takes the request wants the body whole, it is gathered: the transport reads straight to its
place, and the request begins when all has come. What can go wrong, and what answers it:

- *A client claims a large body and sends little.* The place is no more than four times what has come, and
  counts among the bodies in memory.
- *There is no memory for more.* Then the request begins at once, with what has come; the application takes
  the rest piece by piece, and may put it on the disk.
- *The client leaves or is too slow, or the server stops.* Then it begins, too, and is told: it is logged and
  counted as one that has begun with its head.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from modelport.http.body_place import BodyPlace
from modelport.http.cycle import Cycle
from modelport.http.flow import MOST_UNREAD, Flow
from modelport.http.server_state import ServerState

LEAST_DIRECT = 32 << 10  # bytes that are missing, for which it pays to have the transport read to their place


class Owner(Protocol):
    """The connection."""

    server: ServerState
    transport: asyncio.Transport
    flow: Flow
    cycle: Cycle | None
    reads_to_places: bool

    def body_came(self, size: int) -> None:
        """So many bytes of the body have come."""
        ...

    def body_ended(self, *, is_gathered: bool) -> None:
        """They were the last ones; a request that was gathered may begin now."""
        ...

    def begin_gathered(self) -> None:
        """Nothing more was read: begin such a request."""
        ...

    def run_as_task(self, cycle: Cycle, app: Any) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class KnownBody(asyncio.BufferedProtocol):
    """The body of the request that a connection reads, `left` bytes of which are to come past the parser.

    It is the protocol of the transport while that reads to the body's place, and hands on all else.
    """

    def __init__(self, owner: Any):
        self._owner: Owner = owner
        self.left = 0
        self._length = 0
        self._place: BodyPlace | None = None
        self._is_read_directly = False

    def expect(self, length: int, come: int) -> None:
        """A head was read, and so much of its body of this length."""
        self._length, self.left = length, length - come

    def feed(self, data: memoryview, parse: Callable[[memoryview], None]) -> None:
        """Take what has come of the body; what follows it is to be parsed."""
        own, cycle = data[: self.left], self._owner.cycle
        if self._place is not None:
            self._place.put(own)
        elif cycle is not None and not cycle.response_complete:
            cycle.body += own
            if len(cycle.body) > MOST_UNREAD:
                self._owner.flow.pause_reading()
        self._came(len(own))
        if len(own) < len(data):
            parse(data[len(own) :])
        elif not self.left:
            self._owner.begin_gathered()

    def _came(self, size: int) -> None:
        owner, cycle, place = self._owner, self._owner.cycle, self._place
        self.left -= size
        owner.body_came(size)
        if not self.left:
            owner.body_ended(is_gathered=self._end_gathering())
        elif place is not None and not place.has_room:
            self.begin_now()
        elif cycle is not None:
            cycle.wake()

    def gathers(self, cycle: Cycle) -> bool:
        """Have the request begin when its body is whole, if whoever takes it then wants that."""
        owner, asked = self._owner, self._owner.server.gathers
        if asked is None or not self.left or cycle.waiting_for_100_continue or owner.server.is_ending:
            return False
        self._place = asked(cycle, self._length)
        if self._place is None:
            return False
        self._place.put(memoryview(cycle.body))
        cycle.body = bytearray()
        cycle.on_disconnect = self.begin_now
        owner.flow.resume_reading()
        if self.left > LEAST_DIRECT and owner.reads_to_places:
            self._is_read_directly = True
            self._read_by(self)
        return True

    def begin_now(self) -> None:
        """Begin a request that was to begin when its body is whole."""
        cycle = self._owner.cycle
        if self._end_gathering() and cycle is not None:
            self._owner.run_as_task(cycle, cycle.app)

    def _end_gathering(self) -> bool:
        """Give the request what has come of its body; false if it has that already."""
        place, self._place = self._place, None
        cycle = self._owner.cycle
        if place is None or cycle is None:
            return False
        cycle.on_disconnect = None
        cycle.body = cast("bytes", place.give())  # a view, if it is whole: nothing is added to that
        if self._is_read_directly:
            self._is_read_directly = False
            self._read_by(self._owner)
        return True

    def _read_by(self, reader: Any) -> None:
        """Have the transport give to this one what it reads."""
        transport, is_paused = self._owner.transport, self._owner.flow.read_paused
        transport.pause_reading()  # uvloop looks where it begins to read at how
        transport.set_protocol(reader)
        if not is_paused:
            transport.resume_reading()

    # --- for the transport -------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        assert self._place is not None
        return self._place.free

    def buffer_updated(self, nbytes: int) -> None:
        assert self._place is not None
        self._place.came(nbytes)
        self._came(nbytes)
        if not self.left:
            self._owner.begin_gathered()

    def eof_received(self) -> bool | None:
        return self._owner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()
