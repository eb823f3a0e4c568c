"""A network between this machine and a PostgreSQL, of Linux's own namespaces, which can swallow all.

    this machine ── router ── PostgreSQL

The router forwards nothing while it is cut: both sides go on sending, and hear nothing of it, as where a
switch has died. It takes root. The namespaces are those of two processes: they end with the tests, however
these end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from serving import wait_until

# Until its parent ends, whatever ends that (prctl(2), PR_SET_PDEATHSIG).
STAY = "import ctypes, signal; ctypes.CDLL(None).prctl(1, signal.SIGKILL); signal.pause()"


class CutNetwork:
    """`address` is PostgreSQL's, in the namespace that `inside` runs programs in."""

    def __init__(self, stack: ExitStack):
        self._near = f"pg{os.getpid()}"
        # 198.18.0.0/15 is for tests of networks (RFC 2544); each process of the tests has its own part.
        part = f"198.{18 + os.getpid() // 256 % 2}.{os.getpid() % 256}"
        self.address = f"{part}.6"
        self._router, self._beyond = (_namespace(stack) for _ in range(2))
        _run(f"ip link add {self._near} type veth peer name near netns {self._router}")
        self._in_router(f"ip link add far type veth peer name there netns {self._beyond}")
        _run(f"ip addr add {part}.1/30 dev {self._near}")
        _run(f"ip link set {self._near} up")
        for run, device, last in (
            (self._in_router, "near", 2),
            (self._in_router, "far", 5),
            (self._in_beyond, "there", 6),
        ):
            run(f"ip addr add {part}.{last}/30 dev {device}")
            run(f"ip link set {device} up")
        self._in_beyond("ip link set lo up")
        self._in_beyond(f"ip route add default via {part}.5")
        _run(f"ip route add {part}.4/30 via {part}.2")
        self.mend()

    @property
    def inside(self) -> tuple[str, ...]:
        """What a command begins with that runs there."""
        return ("nsenter", "-t", self._beyond, "-n")

    def cut(self) -> None:
        """Swallow everything."""
        self._forward("0")

    def mend(self) -> None:
        """Let everything through."""
        self._forward("1")

    def _forward(self, value: str) -> None:
        # What /proc/sys/net holds is of the network of who looks.
        _run(f"nsenter -t {self._router} -n tee /proc/sys/net/ipv4/ip_forward", value)

    def _in_router(self, command: str) -> None:
        _run(f"nsenter -t {self._router} -n {command}")

    def _in_beyond(self, command: str) -> None:
        _run(f"nsenter -t {self._beyond} -n {command}")


def _namespace(stack: ExitStack) -> str:
    """The id of a process with a network of its own, for as long as the stack is open."""
    process = stack.enter_context(
        subprocess.Popen(["unshare", "--net", sys.executable, "-ISc", STAY], stdin=subprocess.DEVNULL)
    )
    stack.callback(process.kill)
    mine, other = (Path(f"/proc/{which}/ns/net") for which in ("self", process.pid))
    wait_until(lambda: other.readlink() != mine.readlink(), lambda: "it has no network of its own")
    return str(process.pid)


def _run(command: str, sent: str = "") -> None:
    done = subprocess.run(
        command.split(), input=sent, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"


@contextmanager
def cut_network() -> Generator[CutNetwork | None]:
    """The network while the block runs; `None` to who may make none: it takes root, and Linux's programs."""
    with ExitStack() as stack:
        yield CutNetwork(stack) if _may_make_networks() else None


def _may_make_networks() -> bool:
    if os.getuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "nsenter"))):
        return False
    made = "ip link add near type veth peer name far"  # in a network of its own, which ends with it
    return (
        subprocess.run(["unshare", "--net", *made.split()], capture_output=True, check=False).returncode == 0
    )
