"""What the connections of one server may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What connections may cost. Sizes in bytes, times in seconds."""

    request_line: int = 8192
    header_bytes: int = 65536
    header_count: int = 100
    header_deadline_s: float = 10.0
    body_idle_s: float = 30.0
    body_deadline_s: float = 3600.0
    body_rate: float = 500.0  # bytes a second, on the average of more than the grace
    body_grace_s: float = 10.0
    write_idle_s: float = 30.0
    keep_alive_s: float = 75.0  # between two requests
    message_bytes: int = 0  # of a WebSocket; without any there are no WebSockets
    ping_s: float = 20.0  # on a WebSocket on which nothing comes; it is cut after as much time again
    unsent_bytes: int = 64 << 20  # of all connections together
    connections: int = 1000
    connections_of_one: int = 500
