"""Spans as OTLP has them on the wire: the few messages of protobuf that traces consist of.

https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/trace/v1/trace.proto and
`common.proto`, `resource.proto`, `trace_service.proto` beside it; https://protobuf.dev/programming-guides/encoding/

Written here because the objects of OpenTelemetry's SDK and of protobuf cost ten times as much, in the process
that answers. Whatever a model has put into a span becomes one: a value of another kind is its `str()`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from modelport.contract.traces import CLIENT, INTERNAL, SERVER, Span

KINDS = {INTERNAL: b"\x30\x01", SERVER: b"\x30\x02", CLIENT: b"\x30\x03"}  # Span.kind
SAMPLED = b"\x85\x01\x01\x00\x00\x00"  # Span.flags, of W3C Trace Context
ERROR = b"\x18\x02"  # Status.code
TRUE, FALSE = b"\x10\x01", b"\x10\x00"  # AnyValue.bool_value
IN_RESOURCE, IN_SPAN = b"\x0a", b"\x4a"  # the tags of their attributes
SMALL = [bytes((number,)) for number in range(128)]  # as varints
SHORT_TEXTS = [bytes((0x12, length + 2, 0x0A, length)) for length in range(126)]  # what stands before them
KNOWN = frozenset({str, int, bool})  # of whose values those that come again are remembered
UNSIGNED = (1 << 64) - 1
MOST_CHARACTERS = 1024  # of the text of a value that is no text
_times = struct.Struct("<BQBQ").pack
_double = struct.Struct("<Bd").pack


def begin_of_request(resource: Mapping[str, Any], name: str, version: str) -> tuple[bytes, bytes]:
    """What is alike in all requests for the spans of one server: its resource, and the scope that is called
    `name`.
    """
    said = b"".join(_attribute(IN_RESOURCE, key, value) for key, value in resource.items())
    scope = _field(b"\x0a", _text(name)) + _field(b"\x12", _text(version))
    return _field(b"\x0a", said), _field(b"\x0a", scope)


def request(begin: tuple[bytes, bytes], spans: Iterable[Span]) -> bytes:
    """An `ExportTraceServiceRequest` of these spans."""
    resource, scope = begin
    scope_spans = scope + b"".join([_field(b"\x12", _span(span)) for span in spans])
    return _field(b"\x0a", resource + _field(b"\x12", scope_spans))


def _span(span: Span) -> bytes:
    trace_id, parent_id, span_id, state = span.place
    parts = [b"\x0a\x10", bytes.fromhex(trace_id), b"\x12\x08", bytes.fromhex(span_id)]
    if state:
        parts.append(_field(b"\x1a", _text(state)))
    if parent_id:
        parts += (b"\x22\x08", bytes.fromhex(parent_id))
    parts += (
        _field(b"\x2a", _text(span.name)),
        KINDS.get(span.kind, KINDS[INTERNAL]),
        _times(0x39, span.start & UNSIGNED, 0x41, span.end & UNSIGNED),
    )
    parts += [
        _known(name, value) if type(value) in KNOWN else _attribute(IN_SPAN, name, value)
        for name, value in span.attributes.items()
    ]
    if span.error:
        parts.append(_field(b"\x7a", _field(b"\x12", _text(span.error)) + ERROR))
    parts.append(SAMPLED)
    return b"".join(parts)


def _attribute(tag: bytes, name: str, value: Any) -> bytes:
    """A `KeyValue`."""
    return _field(tag, _key(name) + _value(value))


@lru_cache(1024, typed=True)  # most say the same of each request; `typed` tells True from 1
def _known(name: str, value: str | int) -> bytes:
    return _attribute(IN_SPAN, name, value)


@lru_cache(1024)  # the names are a few, and come with each span
def _key(name: str) -> bytes:
    return _field(b"\x0a", _text(name))


def _value(value: Any) -> bytes:
    """An `AnyValue`, as the field of a `KeyValue`."""
    if isinstance(value, str):
        text = _text(value)
        if len(text) < 126:  # as nearly all are: it has all that differs, in one step
            return SHORT_TEXTS[len(text)] + text
        said = _field(b"\x0a", text)
    elif isinstance(value, bool):
        said = TRUE if value else FALSE
    elif isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        said = b"\x18" + _number(value & UNSIGNED)
    elif isinstance(value, float):
        said = _double(0x21, value)
    else:
        said = _field(b"\x0a", _text(str(value)[:MOST_CHARACTERS]))
    return _field(b"\x12", said)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _field(tag: bytes, data: bytes) -> bytes:
    length = len(data)
    return tag + (SMALL[length] if length < 128 else _number(length)) + data


def _number(number: int) -> bytes:
    """A varint."""
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)
