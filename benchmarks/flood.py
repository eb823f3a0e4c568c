"""A flood of wrong keys, at so little cost that it takes no processor from who is measured beside it.

    python -m benchmarks.flood PORT PER_SECOND SECONDS CONNECTIONS < REQUESTS

REQUESTS are raw HTTP requests with a line `--` between each two. Each connection sends one at
a time and reads the answer of the one before when it sends the next. Prints JSON: how many were sent, and the
status codes of the reads.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections import Counter

BETWEEN = b"\n--\n"


def run(port: int, per_second: float, seconds: float, connections: int, requests: list[bytes]) -> str:
    """Send in rounds, one request on each connection."""
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
    for one in sockets:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found: Counter[str] = Counter()
    sent, began = 0, time.perf_counter()
    while time.perf_counter() < began + seconds:
        for one in sockets:
            one.sendall(requests[sent % len(requests)])
            sent += 1
        time.sleep(max(0.0, began + sent / per_second - time.perf_counter()))
        for one in sockets:
            found[one.recv(65536)[9:12].decode("latin-1")] += 1
    for one in sockets:
        one.close()
    return json.dumps({"sent": sent, "statuses": found})


def main() -> None:
    port, per_second, seconds, connections = sys.argv[1:5]
    requests = sys.stdin.buffer.read().split(BETWEEN)
    print(run(int(port), float(per_second), float(seconds), int(connections), requests))


if __name__ == "__main__":
    main()
