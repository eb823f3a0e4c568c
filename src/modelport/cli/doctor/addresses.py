"""Can the server listen where it is to, and if not, who does?"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from modelport.api.listening import MOST_PATH, answers, said_in_vain
from modelport.cli.doctor.seen import Seen
from modelport.home import expanded
from modelport.http.addresses import http_url
from modelport.settings import Settings, normal_base_path

SUBJECT = "address"
ASK_SECONDS = 1.0
LISTENING = "0A"  # the state in /proc/net/tcp (include/net/tcp_states.h)
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
SOCKETS = Path("/proc/net/unix")  # each socket's inode and path are the last of its fields
PRIVILEGED = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


def seen_of_address(settings: Settings) -> Iterator[Seen]:
    """What there is to say of the address and port, or of the Unix socket."""
    if settings.uds is not None:
        yield from _seen_of_path(_path(settings.uds))
        if in_vain := said_in_vain(settings):
            yield Seen(SUBJECT, "note", in_vain, "leave it out, or uds")
    else:
        yield _seen_of_port("", settings.host, settings.port, settings)
    if settings.metrics_port is not None:
        yield _seen_of_port("metrics-", settings.metrics_host, settings.metrics_port, settings)


def _seen_of_port(which: str, host: str, port: int, settings: Settings) -> Seen:
    """What there is to say of an address and port; `which` begins the names of their options."""
    place = f"{which.rstrip('-')} {host}:{port}".strip()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except (OSError, OverflowError) as error:
            number = getattr(error, "errno", None)
            if number == errno.EADDRINUSE:
                return _taken(which, place, port, settings)
            if number == errno.EACCES:
                first = _text(PRIVILEGED).strip() or "1024"
                return Seen(
                    SUBJECT, "error", f"{place}: ports below {first} are for root",
                    f"name a higher port with --{which}port and put a proxy before it, or give the process "
                    "CAP_NET_BIND_SERVICE (AmbientCapabilities of systemd)",
                )  # fmt: skip
            reason = getattr(error, "strerror", None) or error
            return Seen(
                SUBJECT, "error", f"{place}: {reason}", f"--{which}host names an address of this machine"
            )
    return Seen(SUBJECT, "ok", f"{place}: {'nobody listens there' if port else 'a free port is taken'}")


def _taken(which: str, place: str, port: int, settings: Settings) -> Seen:
    holder = holder_of(port)
    if holder == _holder_of_server(settings) and _is_ours(settings):  # one process has both
        by = f" ({holder})" if holder else ""
        return Seen(SUBJECT, "note", f"{place}: a server of modelport listens there{by}")
    who = holder or "a process of another user or container"
    return Seen(
        SUBJECT, "error", f"{place}: it is taken by {who}", f"stop that, or name another port: --{which}port"
    )


def _is_ours(settings: Settings) -> bool:
    """Whether what listens there says that it lives, as these servers do."""
    scheme = "https" if settings.tls_cert else "http"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    url = http_url(host, settings.port, scheme)
    # Whoever it is: nothing is sent to it, and nothing that it says is believed but this.
    options: dict[str, Any] = {"verify": False, "trust_env": False}
    if settings.uds is not None:
        url, options["transport"] = "http://localhost", httpx.HTTPTransport(uds=str(_path(settings.uds)))
    try:
        with httpx.Client(timeout=ASK_SECONDS, **options) as client:
            answer = client.get(f"{url}{normal_base_path(settings.base_path)}/v2/health/live")
        return answer.json() == {"live": True}
    except (httpx.HTTPError, ValueError):
        return False


def _holder_of_server(settings: Settings) -> str | None:
    """Who listens where the server is to."""
    if settings.uds is None:
        return holder_of(settings.port)
    path = str(_path(settings.uds))
    lines = [line.split(maxsplit=7) for line in _text(SOCKETS).splitlines()[1:]]
    return _holder({f"socket:[{fields[6]}]" for fields in lines if len(fields) == 8 and fields[7] == path})


def holder_of(port: int) -> str | None:
    """Who listens at a port, as far as this user may see it: process and command line."""
    inodes: set[str] = set()
    for table in TABLES:
        for line in _text(table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return _holder(inodes)


def _holder(inodes: set[str]) -> str | None:
    """The process that has one of these sockets open."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(opened.readlink()) in inodes for opened in (process / "fd").iterdir()):
                command = _text(process / "cmdline").replace("\0", " ").strip()[:100]
                return f"process {process.name} ({command})"
    return None


def _path(uds: str) -> Path:
    return expanded(uds).absolute()


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _seen_of_path(path: Path) -> Iterator[Seen]:
    if len(os.fsencode(path)) > MOST_PATH:
        yield Seen(
            SUBJECT, "error", f"{path}: a Unix socket's path has {MOST_PATH} bytes at most",
            "name a shorter one with --uds",
        )  # fmt: skip
        return
    if not os.access(path.parent, os.W_OK | os.X_OK):
        yield Seen(
            SUBJECT, "error", f"{path}: its folder is missing, or this user cannot write it",
            "make the folder, or name another path with --uds (RuntimeDirectory= of systemd makes one)",
        )  # fmt: skip
        return
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            yield Seen(
                SUBJECT, "error", f"{path}: it is there, and no socket", "name another path with --uds"
            )
        elif answers(path):
            yield Seen(SUBJECT, "note", f"{path}: a server answers there; another one would be refused")
        else:
            yield Seen(SUBJECT, "ok", f"{path}: a server that is gone has left it; it is replaced")
    except FileNotFoundError:
        yield Seen(SUBJECT, "ok", f"{path}: it can be made")
    except OSError as error:
        yield Seen(
            SUBJECT, "error", f"{path}: {error.strerror}", "let this user reach it, or name another path"
        )
