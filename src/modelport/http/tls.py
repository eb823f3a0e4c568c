"""TLS between a socket and the HTTP protocol, without either noticing.

OpenSSL does TLS, in memory; what stands here moves bytes between it, the connection below and the protocol
above. The event loop has the same (`create_server(ssl=…)`), but tells of a connection only when it has shaken
hands. Here the protocol has it from the first moment, and so every bound that a plain connection has holds
for a handshake, too.

What can go wrong, and what answers it:

- *A client connects and never shakes hands.* It is in the crowd that is counted, in all and by address; it
  has no more than `header_timeout` until the first byte of a request, and gives way in a full house, as one
  that is idle. It costs no task and no timer.
- *Plain HTTP comes.* The first byte tells: TLS begins with 0x16. It gets one answer in plain HTTP that says
  what this port speaks. What is neither is closed without a word.
- *The client does not read.* All that is encrypted goes on at once; that much waits in the connection below
  is what the protocol is asked to pause for, as without TLS, and what is counted of slow readers.
- *The protocol does not want to read.* What has come stays as it came, at most one read of the socket.
- *The end.* `close` sends the client the end of TLS; a client that says it (close_notify) or closes its half
  without saying it is asked by the protocol as ever: framing tells whether a request was whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import Any, Protocol, cast

from modelport.http.client_certificate import ClientCertificate, client_certificate

logger = logging.getLogger("modelport.http")

READ_BYTES = 256 << 10
HANDSHAKE = 0x16  # the first byte of TLS: a record of the handshake (RFC 8446, 5.1)


class Secured(Protocol):
    """The protocol above: of asyncio, and what is told to it of TLS."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def secured(self, certificate: ClientCertificate | None) -> None:
        """Hands were shaken; the client has this certificate."""
        ...

    def plain_was_sent(self) -> None:
        """What has come is plain HTTP; what is written now goes out as plain, too."""
        ...


class TlsConnection(asyncio.Transport, asyncio.Protocol):
    """The transport of the protocol above, and the protocol of the connection below."""

    _below: asyncio.Transport
    # Once TLS has begun: who only connects costs none of it
    _ssl: ssl.SSLObject
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO

    def __init__(self, context: ssl.SSLContext, above: Secured):
        super().__init__()
        self._context = context
        self._above = above
        self._early = bytearray()  # written before the handshake was done
        self._has_begun = self._is_secure = self._is_plain = False
        self._is_paused = self._is_deaf = self._is_closing = self._is_lost = False

    # --- the protocol of the connection below ------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._below = cast(asyncio.Transport, transport)
        self._above.connection_made(self)

    def data_received(self, data: bytes) -> None:
        if self._is_secure:
            if self._is_deaf:
                self._above.data_received(data)  # which only counts what still comes
                return
            self._incoming.write(data)
            self._read()
        elif self._is_plain:
            self._above.data_received(data)
        elif not self._is_closing and (self._has_begun or self._begins_with(data)):
            self._incoming.write(data)
            self._shake_hands()

    def _begins_with(self, data: bytes) -> bool:
        """Whether this is TLS, which the first byte tells."""
        self._has_begun = True
        if data[0] == HANDSHAKE:
            self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            self._ssl = self._context.wrap_bio(self._incoming, self._outgoing, server_side=True)
            return True
        if data[:1].isupper():  # a method
            self._is_plain = True
            self._above.plain_was_sent()
        else:
            logger.info("closed a connection on which neither TLS nor HTTP came")
            self.close()
        return False

    def _shake_hands(self) -> None:
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            logger.info("a TLS handshake failed: %s", error.reason or error)
            self._flush()  # the alert that tells the client
            self.close()
            return
        self._is_secure = True
        self._above.secured(client_certificate(self._ssl) if self._context.verify_mode else None)
        self._flush()
        if self._early:
            early, self._early = bytes(self._early), bytearray()
            self._encrypt(early)
        if self._is_deaf:  # what it was told is all
            self.write_eof()
        else:
            self._read()

    def _read(self) -> None:
        """Give the protocol what has come, until there is no more or it wants none now."""
        above, incoming, read, pending = self._above, self._incoming, self._ssl.read, self._ssl.pending
        has_ended = False
        try:
            while not (self._is_paused or self._is_deaf or self._is_lost or self._is_closing):
                data = read(READ_BYTES)
                if not data:  # close_notify
                    has_ended = True
                    break
                above.data_received(data)
                if not (incoming.pending or pending()):
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            has_ended = True
        except ssl.SSLError as error:
            logger.info("what came was no TLS: %s", error.reason or error)
            self._flush()
            self.close()
            return
        if self._outgoing.pending:  # TLS has something to say by itself, such as a new key
            self._flush()
        if has_ended and not (self._is_lost or above.eof_received()):
            self.close()

    def eof_received(self) -> bool:
        if not (self._is_secure or self._is_plain):
            return False
        return bool(self._above.eof_received())

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self._above.connection_lost(exc)

    def pause_writing(self) -> None:
        self._above.pause_writing()

    def resume_writing(self) -> None:
        self._above.resume_writing()

    # --- the transport of the protocol above -------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._is_secure:
            if not (self._is_closing or self._is_deaf):
                self._encrypt(data)
        elif self._is_plain:
            self._below.write(data)
        else:
            self._early += data

    def _encrypt(self, data: bytes | bytearray | memoryview) -> None:
        encrypt = self._ssl.write
        try:
            done = encrypt(data) if data else 0
            if done < len(data):
                rest = memoryview(data)[done:]
                while rest:
                    rest = rest[encrypt(rest) :]
        except ssl.SSLError as error:
            logger.info("an answer could not be encrypted: %s", error.reason or error)
            self.abort()
        else:
            self._below.write(self._outgoing.read())

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._below.write(self._outgoing.read())

    def _end_tls(self) -> None:
        """Say that no more will come. What the client says to that is not waited for."""
        if self._is_secure and not self._is_lost:
            with contextlib.suppress(OSError):  # ssl.SSLError is one: that the client has not said it yet
                self._ssl.unwrap()
            self._flush()

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            if not self._is_deaf:
                self._end_tls()
            self._below.close()

    def abort(self) -> None:
        self._is_closing = True
        self._below.abort()

    def is_closing(self) -> bool:
        return self._is_closing or self._below.is_closing()

    def can_write_eof(self) -> bool:
        return self._below.can_write_eof()

    def write_eof(self) -> None:
        self._is_deaf = True
        if self._is_secure or self._is_plain:
            self._end_tls()
            self._below.write_eof()

    def pause_reading(self) -> None:
        self._is_paused = True
        self._below.pause_reading()

    def resume_reading(self) -> None:
        self._is_paused = False
        self._below.resume_reading()
        if self._is_secure and (self._incoming.pending or self._ssl.pending()):
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        if not (self._is_lost or self.is_closing()):
            self._read()

    def get_write_buffer_size(self) -> int:
        return self._below.get_write_buffer_size() + len(self._early)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "sslcontext":
            return self._context
        return self._below.get_extra_info(name, default)
