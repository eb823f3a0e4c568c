"""OpenTelemetry's own form of spans, and what sends them. It imports the package: who traces imports this."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from modelport import __version__
from modelport.contract.traces import CLIENT, INTERNAL, SERVER, Span

KINDS = {INTERNAL: SpanKind.INTERNAL, SERVER: SpanKind.SERVER, CLIENT: SpanKind.CLIENT}
SCOPE = InstrumentationScope("modelport", __version__)
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
Sent = Callable[[Sequence[ReadableSpan], bool], None]


class _Counted(SpanExporter):
    """Tells of each batch whether it was taken."""

    def __init__(self, exporter: SpanExporter, sent: Sent):
        self._exporter = exporter
        self._sent = sent

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # as the processor does with what an exporter raises: the batch is lost
            result = SpanExportResult.FAILURE
        self._sent(spans, result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


def made(endpoint: str, instance: str, sent: Sent, most: int) -> tuple[Resource, BatchSpanProcessor]:
    """What sends spans, of which `most` may wait, and what it says of this server. OpenTelemetry's variables
    say the rest.
    """
    own = {"service.name": "modelport", "service.version": __version__, "service.instance.id": instance}
    resource = Resource.create(own).merge(OTELResourceDetector().detect())
    exporter = _Counted(OTLPSpanExporter(endpoint=endpoint or None), sent)
    # The caller bounds what waits: a smaller queue would drop spans that nobody counts.
    return resource, BatchSpanProcessor(exporter, max_queue_size=most)


def readable(span: Span, resource: Resource) -> ReadableSpan:
    """A span as the package has it."""
    trace_id, parent_id, span_id, written = span.place
    state = TraceState.from_header([written]) if written else None
    context = SpanContext(int(trace_id, 16), int(span_id, 16), False, SAMPLED, state)
    parent = SpanContext(int(trace_id, 16), int(parent_id, 16), True, SAMPLED) if parent_id else None
    return ReadableSpan(
        span.name,
        context,
        parent,
        resource,
        span.attributes,
        kind=KINDS.get(span.kind, SpanKind.INTERNAL),
        status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
        start_time=span.start,
        end_time=span.end,
        instrumentation_scope=SCOPE,
    )
