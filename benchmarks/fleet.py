"""Servers that are alike but for their ports: `python -m benchmarks.fleet NUMBER PORT …`, from this port on.

Each is a process of its own, forked from one that has imported what a server imports, so that fifty start
within seconds and share the memory of their code.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from modelport.cli.main import main as command

GAP_SECONDS = 0.6


def main() -> None:
    import modelport.cli.serve
    import modelport.serving.life
    import modelport.storage.news  # noqa: F401

    number, first, *options = sys.argv[1:]
    servers: list[int] = []

    def end(*_: object) -> None:
        for pid in servers:
            os.kill(pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    for port in range(int(first), int(first) + int(number)):
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            sys.argv[1:] = ["serve", "--port", str(port), *options]
            command()
            os._exit(0)
        servers.append(pid)
        time.sleep(GAP_SECONDS)  # together they would take so long that none is up in a minute

    for pid in servers:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
