"""A collector of traces: what takes them by OTLP over HTTP, as OpenTelemetry's own does."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from serving import wait_until


@dataclass
class Span:
    """A span as it arrived."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    kind: int
    start: int
    end: int
    is_error: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Asked:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    status: int


@dataclass
class Collector:
    """What has arrived. It is where `url` says, and answers with `statuses`, and then with 200."""

    url: str
    statuses: list[int] = field(default_factory=list[int])
    spans: list[Span] = field(default_factory=list[Span])
    asked: list[Asked] = field(default_factory=list[Asked])

    def wait_for(self, *names: str, seconds: float = 15.0) -> dict[str, Span]:
        """Wait for spans of all these names; returns the last one of each."""
        wait_until(lambda: set(names) <= {span.name for span in self.spans}, self.shown, seconds)
        return {span.name: span for span in self.spans}

    def shown(self) -> str:
        """The names of what has arrived."""
        return f"arrived: {[span.name for span in self.spans]}"


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            status = made.statuses.pop(0) if made.statuses else 200
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.asked.append(Asked(self.path, headers, status))
            if status == 200 and self.path == "/v1/traces":
                made.spans.extend(_spans(body))
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            name=span.name,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            state=span.trace_state,
            kind=span.kind,
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            is_error=span.status.code == 2,
            attributes=_values(span.attributes),
            resource=_values(of.resource.attributes),
        )
        for of in request.resource_spans
        for scope in of.scope_spans
        for span in scope.spans
    ]


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
