"""The fields by which a client says which trace its request is part of."""

from __future__ import annotations

from modelport.contract.traces import TraceContext, read_context
from modelport.http.asgi import Headers

TRACEPARENT, TRACESTATE = b"traceparent", b"tracestate"
OF_TRACES = frozenset({TRACEPARENT, TRACESTATE})


def context_of(headers: Headers) -> TraceContext | None:
    """What a client says of the trace that its request is part of; nothing if it says so twice."""
    parents = [value.decode("latin-1") for name, value in headers if name == TRACEPARENT]
    if len(parents) != 1:
        return None
    states = [value.decode("latin-1") for name, value in headers if name == TRACESTATE]
    return read_context(parents[0].strip(" \t"), ",".join(states))
