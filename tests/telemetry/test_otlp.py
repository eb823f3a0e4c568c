"""The bytes that spans are sent as, read by the classes that protobuf makes of OpenTelemetry's own files."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from modelport.contract.traces import CLIENT, INTERNAL, SERVER, Span
from modelport.telemetry.traces.otlp import begin_of_request, request
from modelport.telemetry.traces.variables import resource, sending

LONG = st.integers(-(1 << 63), (1 << 63) - 1)
TEXT = st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace").decode())
VALUES = st.one_of(TEXT, st.booleans(), LONG, st.floats(allow_nan=False))
PLACES = st.tuples(
    st.binary(min_size=16, max_size=16).map(bytes.hex),
    st.one_of(st.just(""), st.binary(min_size=8, max_size=8).map(bytes.hex)),
    st.binary(min_size=8, max_size=8).map(bytes.hex),
    st.sampled_from(["", "vendor=1,other=x:y"]),
)
TIMES = st.integers(0, (1 << 64) - 1)
SPANS = st.builds(
    Span,
    place=PLACES,
    name=TEXT,
    start=TIMES,
    end=TIMES,
    kind=st.sampled_from([INTERNAL, SERVER, CLIENT]),
    attributes=st.dictionaries(TEXT, VALUES, max_size=5),
    error=TEXT,
)
KIND_NAMES = {INTERNAL: 1, SERVER: 2, CLIENT: 3}  # SPAN_KIND_...


def expected(said: dict[str, Any], spans: list[Span]) -> ExportTraceServiceRequest:
    """The same, made by protobuf."""
    whole = ExportTraceServiceRequest()
    of = whole.resource_spans.add()
    of.resource.SetInParent()
    add(of.resource.attributes, said)
    scope = of.scope_spans.add()
    scope.scope.name, scope.scope.version = "modelport", "1"
    for span in spans:
        trace_id, parent_id, span_id, state = span.place
        one = scope.spans.add(
            trace_id=bytes.fromhex(trace_id),
            span_id=bytes.fromhex(span_id),
            parent_span_id=bytes.fromhex(parent_id),
            trace_state=state,
            name=span.name,
            kind=KIND_NAMES[span.kind],
            start_time_unix_nano=span.start,
            end_time_unix_nano=span.end,
            flags=1,
        )
        add(one.attributes, span.attributes)
        if span.error:
            one.status.code, one.status.message = 2, span.error
    return whole


def add(attributes: Any, said: dict[str, Any]) -> None:
    for name, value in said.items():
        one = attributes.add(key=name)
        kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
        setattr(one.value, kinds[type(value)], value)


@given(said=st.dictionaries(TEXT, VALUES, max_size=4), spans=st.lists(SPANS, max_size=4))
def test_protobuf_reads_what_is_written(said: dict[str, Any], spans: list[Span]) -> None:
    written = request(begin_of_request(said, "modelport", "1"), spans)
    assert ExportTraceServiceRequest.FromString(written) == expected(said, spans)


@pytest.mark.parametrize("length", [0, 1, 123, 124, 125, 126, 127, 128, 129, 16_383, 16_384, 3_000_000])
def test_texts_of_every_length_are_read_back(length: int) -> None:
    span = Span(
        ("ab" * 16, "", "cd" * 8, ""), "x" * length, 1, 2, attributes={"k": "y" * length, "n" * length: 1}
    )
    written = request(begin_of_request({}, "modelport", "1"), [span])
    assert ExportTraceServiceRequest.FromString(written) == expected({}, [span])


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1 << 63, str(1 << 63)),
        (None, "None"),
        ([1, "a"], "[1, 'a']"),
        ("\ud800", "?"),
        (["x" * 2000], "['" + "x" * 1022),
    ],
)
def test_what_otlp_has_no_kind_for_is_a_text(value: Any, read: str) -> None:
    span = Span(("ab" * 16, "", "cd" * 8, ""), "\udfff", -1, 1 << 70, 9, {"odd": value, "nan": math.nan})
    written = request(begin_of_request({}, "modelport", "1"), [span])
    [scope] = ExportTraceServiceRequest.FromString(written).resource_spans[0].scope_spans
    [one] = scope.spans
    assert (one.name, one.kind) == ("?", 1)
    assert one.attributes[0].value.string_value == read
    assert math.isnan(one.attributes[1].value.double_value)


def test_variables_of_traces_come_before_those_of_all_signals() -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:4318",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://traces/own",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "B=2=%3D,no pair,c",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/own.pem",
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY": "/own.key",
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "deflate",
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
    }
    how = sending("", variables)
    assert (how.url, how.headers, how.timeout) == ("http://traces/own", {"b": "2=="}, 3.0)
    assert (how.authority, how.certificate, how.key) == ("/ca.pem", "/own.pem", "/own.key")
    assert (how.compression, how.delay, how.batch, how.most) == ("deflate", 5.0, 100, 100)
    assert sending("http://set/v1/traces", variables).url == "http://set/v1/traces"


def test_values_that_are_none_are_told_of_and_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_HEADERS": "secret\ttoken,a b=c,d=%0a1",
        "OTEL_BSP_SCHEDULE_DELAY": "-5",
        "OTEL_BSP_MAX_QUEUE_SIZE": "0",
    }
    assert sending("", variables) == sending("", {})
    assert len(caplog.records) == 8
    assert "secret" not in caplog.text


def test_what_is_said_of_the_server_may_be_said_by_variables() -> None:
    variables = {"OTEL_RESOURCE_ATTRIBUTES": "service.name=a,host.name=x%2Cy,broken"}
    said = resource("1234", variables)
    assert (said["service.name"], said["host.name"], said["service.instance.id"]) == ("a", "x,y", "1234")
    assert resource("1234", {**variables, "OTEL_SERVICE_NAME": "b"})["service.name"] == "b"
