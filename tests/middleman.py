"""A stretch of network before PostgreSQL, which can be cut where it hurts, and can speak TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading

TLS_PLEASE = struct.pack("!ii", 8, 80877103)
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what is closed ends with a reset
ASKED_TO_COMMIT = b"commit\0"
NEWS = b"A\0\0"  # how a NotificationResponse begins, which comes alone
HAS_COMMITTED = b"COMMIT\0"


class Middleman:
    """Passes bytes on between clients and the server at `port`. Close it at the end.

    With `tls` it speaks TLS to clients. `cut_at` are bytes: the next data that holds them is not passed on,
    the connection ends instead (with a reset if `reset`). `rubbish` is sent for whatever the server says.
    While `flows` is not set nothing is passed on and nothing ends: a network that swallows everything.
    With `keeps_news` what the server tells unasked goes to nobody, as behind a pooler of transactions.
    """

    def __init__(self, port: int, tls: ssl.SSLContext | None = None):
        self.cut_at: bytes | None = None
        self.cuts = 0
        self.reset = False
        self.rubbish: bytes | None = None
        self.keeps_news = False
        self.flows = threading.Event()
        self.flows.set()
        self._server = ("127.0.0.1", port)
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Cut everything, and wait until that is done."""
        self.flows.set()
        _end(self._listening)
        self._threads[0].join()
        self._listening.close()
        for one in list(self._open):
            _end(one)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(client,)))
            self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            self._open.append(client)
            if self._tls is not None:
                assert client.recv(8) == TLS_PLEASE
                client.sendall(b"S")
                client = stack.enter_context(self._tls.wrap_socket(client, server_side=True))
                self._open.append(client)
            server = stack.enter_context(socket.create_connection(self._server))
            self._open.append(server)
            back = threading.Thread(target=self._pass_on, args=(server, client))
            back.start()
            self._pass_on(client, server)
            back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        """Pass on until one side ends, then end both."""
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.flows.wait()
                if self.cut_at is not None and self.cut_at in data:
                    self.cut_at = None
                    self.cuts += 1
                    if self.reset:
                        _prepare_reset(source if target.getpeername() == self._server else target)
                    break
                said = source.getpeername() == self._server
                if said and self.keeps_news and data.startswith(NEWS):
                    continue
                target.sendall(self.rubbish if said and self.rubbish else data)
        _end(source)
        _end(target)


def _prepare_reset(client: socket.socket) -> None:
    """When it is closed, which comes next, the other side gets an error instead of an end."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def _end(one: socket.socket) -> None:
    """Wake whoever reads from it, and say that nothing follows, unless it is to end with a reset."""
    with contextlib.suppress(OSError):
        resets = one.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET)) == RESET
        one.shutdown(socket.SHUT_RD if resets else socket.SHUT_RDWR)
