"""From bytes to requests: what is parsed, refused and handed on by one connection.

llhttp lacks bounds on heads and on chunk framing, takes some transfer codings and versions that it
should not, puts trailer fields among the headers, and drops the body of a request that asks to upgrade.
All of that is made good here.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import httptools

from modelport.http import framing, refusals
from modelport.http.addresses import Address
from modelport.http.asgi import Headers
from modelport.http.client_certificate import ClientCertificate
from modelport.http.cycle import Cycle
from modelport.http.flow import MOST_UNREAD, Flow
from modelport.http.forwarded import TrustedProxies
from modelport.http.heads import Head
from modelport.http.known_body import KnownBody
from modelport.http.refusals import Refusal, RequestRefused
from modelport.http.server_state import ServerState
from modelport.http.watches import BodyWatch

if TYPE_CHECKING:
    from modelport.http.websockets import WebSocketCycle

_CHECKED_HEADERS = frozenset({b"host", b"transfer-encoding", b"expect"})


class RequestReader(asyncio.Protocol):
    """The reading half of a connection. The other half takes requests and refusals from it."""

    # Known once the connection is made
    transport: asyncio.Transport
    flow: Flow
    client: tuple[str, int] | None
    address: Address | None
    scheme: str
    certificate: ClientCertificate | None = None  # of the client, by which it has shaken hands
    reads_to_places = False  # whether the transport can read to where it is told

    def __init__(self, server: ServerState) -> None:
        self.server = server
        self.heads = server.heads
        self.proxies: TrustedProxies | None = None  # if the client is one of them
        self.limits = server.limits
        self.loop = server.loop
        # A head of no more bytes is neither too long a line nor too large.
        self._small_head = min(server.limits.request_line, server.limits.header_bytes)
        self.parser = self._new_parser()
        self.pipeline: deque[Cycle] = deque()
        self.url = b""
        self.headers: Headers = []  # of the head that is or was read last
        self.cycle: Cycle | None = None  # the request that was parsed last; `_running` is the one that runs
        self._running: Cycle | None = None
        self._is_unbegun = False  # whether the running one was read just now and has not begun,
        self._fresh: asyncio.Handle | None = None  # and what will begin it
        self._since: float | None = None  # the clock of the current phase; None: starts at the next tick
        self._is_between = True  # whether the parser stands before a request that may come
        self._goes_on = True  # whether it will after this one
        self.known: KnownBody | None = None  # a body that comes past the parser, once there was one,
        self._is_parser_within = False  # whose head was read by the parser, which does not see its end
        # The head that is being read
        self._has_begun = False  # whether there ever was one
        self._in_head = True
        self._head_bytes = 0
        self._read_size = 0
        self._good_host: bytes | None = None
        self._hosts = 0
        self._chunked = False
        self._expects_100 = False
        self._upgrades = False
        # Chunk framing bytes that are not accounted for
        self._overhead = 0
        self._credit = 0
        self.body = BodyWatch()
        self.websocket: WebSocketCycle | None = None  # that the connection has become

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What follows a request that ends the connection is not run; it is no fault of that request either.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    @property
    def default_headers(self) -> Headers:
        """Fields of every answer; a new list each time that they change."""
        return self.server.default_headers

    def on_response_complete(self) -> None:
        raise NotImplementedError

    def linger(self) -> None:
        raise NotImplementedError

    def run_as_task(self, cycle: Cycle, app: Any) -> None:
        raise NotImplementedError

    def _refuse(self, refusal: Refusal) -> None:
        raise NotImplementedError

    def _begin_read(self, *, at_once: bool) -> None:
        raise NotImplementedError

    def begin(self, cycle: Cycle) -> None:
        raise NotImplementedError

    def _enqueue(self, cycle: Cycle, *, for_server: bool) -> bool:
        raise NotImplementedError

    def _awaits_body(self) -> bool:
        """Whether more of a request's body must come, and somebody may still want it."""
        cycle = self.cycle
        return cycle is not None and cycle.more_body and not (cycle.response_complete or cycle.disconnected)

    def _feed(self, data: bytes | memoryview) -> None:
        if self.websocket is not None:
            self.websocket.feed(data)
            return
        if self.known is not None and self.known.left:
            self.known.feed(memoryview(data), self._feed)
            return
        size = self._read_size = len(data)
        was_between, before = self._is_between, self.cycle
        if self._in_head:
            self._head_bytes += size
        elif self._awaits_body():
            self._since = None  # bytes of a body restart the clock, those of a head and empty lines do not
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._upgrade(bytes(data[exc.args[0] :]))
            return
        except httptools.HttpParserError as exc:
            if self.cycle is self._running and self._awaits_body():
                self._is_unbegun = False
                if self._fresh is not None:
                    self._fresh.cancel()
            elif self._is_unbegun:
                self._begin_read(at_once=False)
            self._refuse(refusals.refusal_of(exc, data))
            return
        if self._in_head:
            self._check_partial_head(data)
        elif self._chunked:
            self._count_overhead(size)
        cycle = self.cycle
        learned, length = None, self.body.bytes
        if cycle is not None:
            if cycle.more_body and self._goes_on and not (self._in_head or self._chunked):
                self._is_parser_within = True
                length = cycle.head.content_length
                self._expect(length, self.body.bytes)
            if len(cycle.body) > MOST_UNREAD:
                self.flow.pause_reading()
            if cycle.more_body and cycle.body:
                cycle.wake()  # the end of a body tells it by itself
            if was_between and (self._is_between or self.left) and cycle is not before:  # not mere line ends
                is_plain = not (self._chunked or self._expects_100 or self.url == b"*")
                learned = cycle.head if is_plain and cycle.head.http_version == "1.1" else None
        running = self._running
        if self._is_unbegun and running is not None:
            self._begin_read(at_once=self.left > 0 or not running.more_body)  # chunks may come, or no chunks
        if learned is not None:  # by now it may be known to be one that hardly comes again
            self.heads.learn(bytes(data), learned, length, self.left)

    @property
    def left(self) -> int:
        """Bytes that are to come past the parser."""
        return 0 if self.known is None else self.known.left

    def _expect(self, length: int, come: int) -> None:
        """The rest of a body of this length comes past the parser."""
        self._is_between = False
        if self.known is None:
            self.known = KnownBody(self)
        self.known.expect(length, come)

    def body_came(self, size: int) -> None:
        """So many bytes of such a body have come."""
        self._since, self.body.bytes = None, self.body.bytes + size

    def body_ended(self, *, is_gathered: bool) -> None:
        """Such a body is whole; if it was gathered, its request is to begin."""
        self._is_between, self._is_unbegun = True, self._is_unbegun or is_gathered
        if self._is_parser_within:
            self._is_parser_within, self.parser = False, self._new_parser()
        if self.cycle is not None:
            self.cycle.more_body = False
            self.cycle.wake()

    def begin_gathered(self) -> None:
        """Begin the request that was gathered, if one was just now."""
        if self._is_unbegun and self._running is not None:
            self._begin_read(at_once=True)

    def _read_known(self, data: bytes) -> bool:
        """Take a request of a known head that has come whole, but for a large body; else do nothing."""
        head, end = self.heads.find(data)
        if head is None:
            return False
        self._has_begun, self._in_head, self._chunked, self._since = True, False, False, None
        is_whole = len(data) - end == head.length
        cycle = Cycle(self, head, data[end:] if is_whole else bytearray())
        cycle.more_body = not is_whole
        cycle.keep_alive = not self.server.is_ending
        if not is_whole:
            self.body.begin()
            self._expect(head.length, 0)
        if self._enqueue(cycle, for_server=False):
            self.begin(cycle)
        if not is_whole and len(data) > end:
            self._feed(memoryview(data)[end:])
        return True

    def _check_partial_head(self, data: bytes | memoryview) -> None:
        """Refuse a head that is too large before it is whole. Not on the path of short requests."""
        if not self._has_begun:
            return
        if len(self.url) > self.limits.request_line:
            refusal = refusals.URI_TOO_LONG
        elif len(self.headers) > self.limits.header_count:
            refusal = refusals.TOO_MANY_HEADERS
        elif self._head_bytes > self.limits.header_bytes + self.limits.request_line:
            refusal = refusals.HEADERS_TOO_LARGE
        elif data[-1:] == b"\n" and framing.is_simple_request(
            bytes(data), self.parser.get_method(), self.url
        ):
            refusal = refusals.HTTP_09  # such a client sends no more, and waits
        else:
            return
        self._refuse(refusal)

    def _count_overhead(self, size: int) -> None:
        """Refuse chunk extensions and trailers beyond reason: llhttp reads them without a limit."""
        self._overhead = max(self._overhead + size - self._credit, 0)
        self._credit = 0
        if self._overhead > framing.MAX_CHUNK_OVERHEAD and self._awaits_body():
            self._refuse(refusals.CHUNK_OVERHEAD)

    def _upgrade(self, rest: bytes) -> None:
        """Begin the WebSocket that is asked for; else go on as if the client had not asked to upgrade.

        llhttp stops at such a head and takes no body, so the head is parsed again without the field.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if self.limits.message_bytes and framing.asks_for_websocket(method, version, self.headers):
            if self._is_unbegun:
                self._begin_read(at_once=False)
            try:
                self._begin_websocket(rest)
            except RequestRefused as refused:
                self._refuse(refused.refusal)
            return
        head = [b"%b %b HTTP/%b\r\n" % (method, self.url, version.encode())]
        head += [b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade"]
        self.parser = self._new_parser()
        self._feed(b"".join([*head, b"\r\n", rest]))

    def _begin_websocket(self, rest: bytes) -> None:
        """Offer the application what asks for a WebSocket, which takes all that comes after its head."""
        from modelport.http.websockets import WebSocketCycle, accept_of  # most servers never need them

        if self.server.is_ending:
            raise RequestRefused(refusals.STOPPING)
        head = self._head("GET", "1.1", self._plain_target(b"GET"))
        cycle = WebSocketCycle(self, head, self.limits, accept_of(head.headers))
        self.websocket = cycle
        cycle.feed(rest)
        if self._enqueue(cycle, for_server=False):
            self.begin(cycle)

    # --- parser callbacks --------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._is_between = False
        self.url = b""
        self.headers = []
        self._has_begun = self._in_head = True
        self._since = None
        self._head_bytes = 0 if self.cycle is not None else self._read_size
        self._hosts = 0
        self._chunked = self._expects_100 = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer field must not pass for a header that was there from the start
        name = name.lower()
        value = value.rstrip(b" \t")
        if name in _CHECKED_HEADERS:
            self._check_header(name, value)
        self.headers.append((name, value))

    def _check_header(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._hosts += 1
            if self._hosts > 1:
                raise RequestRefused(refusals.TWO_HOSTS)
            if value != self._good_host:
                framing.check_host(value)
                self._good_host = value
        elif name == b"transfer-encoding":
            framing.check_coding(value, self.parser.get_http_version())
            self._chunked = True
        elif self.parser.get_http_version() != "1.0":  # 1.0 has no expectations: RFC 9110 10.1.1
            if value.lower() != b"100-continue":
                raise RequestRefused(refusals.BAD_EXPECT)
            self._expects_100 = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._since = None
        self.body.begin()
        parser = self.parser
        version = parser.get_http_version()
        method = parser.get_method()
        self._check_head(version, method)
        self._upgrades = parser.should_upgrade()
        if self._upgrades:
            return  # `_upgrade` begins anew
        target = self._plain_target(method)
        if self._chunked:
            # Only framing counts as overhead. With more requests in one read the head's place in it is
            # unknown; then the whole read is let pass.
            first = self._running is None or self._running.response_complete
            size = len(target) + 32 + framing.header_size(self.headers)
            self._overhead, self._credit = 0, size if first else self._read_size
        self._goes_on = parser.should_keep_alive()
        head = self._head(method.decode("ascii"), version, target)
        cycle = Cycle(self, head, bytearray())
        cycle.keep_alive = version != "1.0" and self._goes_on and not self.server.is_ending
        cycle.waiting_for_100_continue = self._expects_100
        if self._enqueue(cycle, for_server=target == b"*"):
            self._is_unbegun = True

    def _plain_target(self, method: bytes) -> bytes:
        """The path and query that were asked for. Raises `RequestRefused`."""
        target = self.url
        if target[:1] != b"/" or b"#" in target:
            target, authority = framing.plain_target(method, target)
            if authority is not None:  # the Host that counts (RFC 9112, 3.2.2)
                self.headers = [field for field in self.headers if field[0] != b"host"]
                self.headers.append((b"host", authority))
        return target

    def _head(self, method: str, version: str, target: bytes) -> Head:
        """The head that was read, as a trusted proxy explains it."""
        if self.proxies is None:
            return Head(method, version, target, self.headers, self.server.root_path)
        told = self.proxies.told(self.headers)
        if told.host:
            host = told.host.encode("latin-1")
            framing.check_host(host)
            self.headers = [field for field in self.headers if field[0] != b"host"]
            self.headers.append((b"host", host))
        head = Head(method, version, target, self.headers, self.server.root_path)
        head.told = told
        return head

    def _check_head(self, version: str, method: bytes) -> None:
        limits = self.limits
        if version != "1.1" and version != "1.0":
            raise RequestRefused(refusals.BAD_VERSION)
        if len(self.headers) > limits.header_count:
            raise RequestRefused(refusals.TOO_MANY_HEADERS)
        if self._head_bytes + self._read_size > self._small_head:
            if len(method) + len(self.url) + len(" " + " HTTP/1.1") > limits.request_line:
                raise RequestRefused(refusals.URI_TOO_LONG)
            if framing.header_size(self.headers) > limits.header_bytes:
                raise RequestRefused(refusals.HEADERS_TOO_LARGE)
        if not self._hosts and version == "1.1":
            raise RequestRefused(refusals.NO_HOST)
        if method == b"CONNECT" or method == b"TRACE":
            raise RequestRefused(refusals.METHOD_NOT_ALLOWED)

    def on_body(self, body: bytes) -> None:
        self._credit += len(body) + framing.CHUNK_ALLOWANCE
        self.body.bytes += len(body)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.body += body  # `_feed` wakes the app, once a read

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if cycle is None or self._upgrades:
            return
        cycle.more_body = False
        self._is_between = self._goes_on
        cycle.wake()
