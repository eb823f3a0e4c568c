"""Where a server listens: an address and port, with TLS or without, or a Unix socket.

What can go wrong with a Unix socket, and what answers it:

- *The file of a server that was killed is still there.* Nobody answers at it: it is replaced. One at which
  somebody answers is left alone, and the start is refused, as it is where the file is no socket.
- *Two servers start at once*, and each replaces the other's: they take turns, by a lock on the folder.
- *Somebody connects before the permissions stand.* They are set before the socket listens.
- *A later server has the path when this one ends.* Only its own file is removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

from modelport.home import expanded
from modelport.http.addresses import http_url
from modelport.http.server import BACKLOG
from modelport.http.tls_files import Certificates, TlsFileError, TlsFiles
from modelport.security.hosts import is_own_machine
from modelport.settings import Settings, normal_base_path
from modelport.settings.checking import SettingsError
from modelport.settings.groups.tls import ClientCertificates
from modelport.settings.platform import PORT
from modelport.settings.together import check_together

UNIX = "unix://"  # begins the URL of a server on a Unix socket; a base path stands after a colon
MOST_PATH = 107  # bytes of the path of a Unix socket (unix(7))
ASK_SECONDS = 1.0  # for a server to take a connection; one whose backlog is full is alive
OPEN_ADDRESSES = ("0.0.0.0", "::")
# Each in a URL, an address elsewhere that is nobody's (RFC 5737, RFC 3849), and what is always there.
WAYS_OUT = (("0.0.0.0", "192.0.2.1", "127.0.0.1"), ("[::]", "2001:db8::1", "[::1]"))


class CannotListen(OSError):
    """An address that is listened at besides cannot be had."""


class Listener:
    """A socket that listens, what is spoken on it, and the URL to reach it. `close` it at the end.

    `metrics` is the socket of `metrics_port`, where that listens already.
    """

    def __init__(self, sock: socket.socket, url: str, certificates: Certificates | None, path: Path | None):
        self.socket = sock
        self.url = url
        self.certificates = certificates
        self.metrics: socket.socket | None = None
        self._path = path
        self._file = None if path is None else _identity(path)

    def of_process(self) -> Listener:
        """The same in a process that shares it: the file of a Unix socket stays when that closes it."""
        mine = Listener(self.socket, self.url, self.certificates, None)
        mine.metrics = self.metrics
        return mine

    def close(self) -> None:
        """Listen no more, and remove the file of a Unix socket if it is still this one's."""
        self.socket.close()
        path, self._path = self._path, None
        if path is not None:
            with contextlib.suppress(OSError):
                if _identity(path) == self._file:
                    path.unlink()


def bind(settings: Settings) -> Listener:
    """Listen where the settings say.

    Raises `OSError` if the address cannot be had, and `SettingsError` if others could reach it and nobody has
    said whether they must say who they are, if settings contradict each other, or for certificates that
    cannot be used.
    """
    check_together(settings)
    _check_metrics(settings)
    _check_grpc(settings)
    if settings.uds is not None:
        if settings.tls_cert is not None:
            raise SettingsError("uds: a Unix socket has no TLS, which is for the network; leave tls_cert out")
        return _bind_path(expanded(settings.uds).absolute(), settings)
    if settings.auth is None and not is_own_machine(settings.host):
        raise SettingsError(
            f"listening on {settings.host}{_why_there(settings)} lets others reach this server: say auth on "
            "(--auth on, MODELPORT_AUTH=on), and who asks needs a key that `modelport keys create` makes; or "
            "auth off (--auth off), and whoever reaches the server may predict, train, cancel and promote"
        )
    certificates = _certificates(settings)
    sock = bound(settings.host, settings.port)
    host, port = sock.getsockname()[:2]
    url = http_url(host, port, "http" if certificates is None else "https")
    return Listener(sock, url + normal_base_path(settings.base_path), certificates, None)


def _why_there(settings: Settings) -> str:
    """Why it is to be listened there, if nobody has said so to this server."""
    if settings.written.get("host") != PORT:
        return ""
    return (
        ", because the variable PORT is set, as platforms for containers do (--port or --host say otherwise),"
    )


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens at an address. Raises `OSError` if that cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _check_metrics(settings: Settings) -> None:
    """Raise `SettingsError` if others could read the metrics and nobody has said that they may."""
    host, is_said = settings.metrics_host, settings.auth is not None or settings.open_metrics
    if settings.metrics_port is not None and not (is_said or is_own_machine(host)):
        raise SettingsError(
            f"listening on {host} lets others read the metrics: say open_metrics (--open-metrics) if anybody "
            "may; or auth on (--auth on), and who reads them needs a key for it"
        )


def _check_grpc(settings: Settings) -> None:
    """Raise `SettingsError` if gRPC cannot be spoken, or if nobody has said whether with everybody."""
    if settings.grpc_port is None:
        return
    if find_spec("grpc") is None:
        raise SettingsError("grpc_port: gRPC needs the package grpcio: pip install 'modelport[grpc]'")
    if settings.auth is None and not is_own_machine(settings.host):
        raise SettingsError(
            f"grpc_port: listening on {settings.host} lets others reach this server: say auth on (--auth "
            "on), and who asks needs a key; or auth off (--auth off), and whoever reaches it may do all"
        )


def said_in_vain(settings: Settings) -> str:
    """Says which settings of an address were written, and count for nothing beside a Unix socket."""
    may_be_of_no_use = ("port",) if settings.grpc_port is not None else ("host", "port")
    names = [name for name in may_be_of_no_use if name in settings.written]
    if settings.uds is None or not names:
        return ""
    return f"{' and '.join(names)}: of no use beside uds, where alone this server listens"


def reachable(url: str) -> str:
    """The URL of a server that listens at every address, by one of these that others may reach it at.

    It is the address from which this machine would go out; its loopback if it goes nowhere.
    """
    for every, somewhere, own in WAYS_OUT:
        if f"//{every}:" in url:
            return url.replace(every, _way_out(somewhere) or own, 1)
    return url


def on_this_machine(url: str) -> str:
    """The URL of a server that listens at every address, as programs of this machine reach it."""
    for every, _, own in WAYS_OUT:
        if f"//{every}:" in url:
            return url.replace(every, own, 1)
    return url


def _way_out(somewhere: str) -> str | None:
    """The address of ours from which packets would go there, as it stands in a URL. None is sent."""
    family = socket.AF_INET6 if ":" in somewhere else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((somewhere, 9))
            host = sock.getsockname()[0]
    except OSError:
        return None
    return f"[{host}]" if ":" in host else host


def address_of(settings: Settings) -> str:
    """Where it is to be listened, as errors name it."""
    return settings.uds if settings.uds is not None else f"{settings.host}:{settings.port}"


def tls_files_of(settings: Settings) -> TlsFiles | None:
    """The files of TLS; `None` if there is to be none."""
    if settings.tls_cert is None:
        return None
    key, password_file, client_ca = (
        settings.tls_key,
        settings.tls_key_password_file,
        settings.tls_client_ca,
    )
    return TlsFiles(
        expanded(settings.tls_cert),
        None if key is None else expanded(key),
        settings.tls_key_password,
        None if password_file is None else expanded(password_file),
        None if client_ca is None else expanded(client_ca),
        needs_client=settings.tls_client_certs == ClientCertificates.REQUIRED,
    )


def _certificates(settings: Settings) -> Certificates | None:
    files = tls_files_of(settings)
    try:
        return None if files is None else Certificates(files)
    except TlsFileError as error:
        raise SettingsError(str(error)) from None


def _bind_path(path: Path, settings: Settings) -> Listener:
    if len(os.fsencode(path)) > MOST_PATH:
        raise SettingsError(
            f"uds: {path} is too long: the path of a Unix socket has {MOST_PATH} bytes at most"
        )
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _one_at_a_time(path.parent):
            _make_room(path)
            sock.bind(str(path))
            path.chmod(int(settings.uds_mode, 8))
            sock.listen(BACKLOG)
            base = normal_base_path(settings.base_path)
            return Listener(sock, f"{UNIX}{path}{base and ':' + base}", None, path)
    except BaseException:
        sock.close()
        raise


def _make_room(path: Path) -> None:
    """Remove the socket of a server that is gone. Raises `OSError` if there is anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "there is a file of this name, and it is no socket")
    if answers(path):
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    path.unlink(missing_ok=True)


def answers(path: Path) -> bool:
    """Whether somebody listens at a Unix socket. Raises `OSError` if that cannot be told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ASK_SECONDS)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (BlockingIOError, TimeoutError):
            return True
        return True


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Generator[None]:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _identity(path: Path) -> tuple[int, int, int]:
    """What tells this file from a later one: a number alone may be given again."""
    found = path.lstat()
    return found.st_dev, found.st_ino, found.st_mtime_ns
