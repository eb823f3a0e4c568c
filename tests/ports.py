"""Ports for programs that are told theirs, and listen there later, or again."""

from __future__ import annotations

import random
import socket
from pathlib import Path

GIVEN_BY_SYSTEM = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST = 20_000  # beyond those that the workers of Ray take


def free_port() -> int:
    """A port of the loopback address on which nobody listens now.

    The system gives it to nobody else meanwhile, neither to who asks for any port nor to who connects.
    """
    end = int(GIVEN_BY_SYSTEM.read_text().split()[0])
    dice = random.SystemRandom()  # whatever seed tests have set: others look for a port at the same time
    for port in dice.sample(range(FIRST, max(end, FIRST)), 100) if end - FIRST > 100 else ():
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
