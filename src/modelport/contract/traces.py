"""Traces as data: where in one something stands, and what is told of it when it is over.

What comes and goes in HTTP is W3C Trace Context (https://www.w3.org/TR/trace-context/): a `traceparent` that
is none is ignored, as it asks, and so is a `tracestate` that is too long or malformed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import getrandbits
from typing import Any, NamedTuple, TypeAlias

import msgspec

TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
STATE_MEMBER = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{1,256}")
MOST_STATE, MOST_MEMBERS = 512, 32
TRACE_ID, SPAN_ID = re.compile(r"[0-9a-f]{32}"), re.compile(r"[0-9a-f]{16}")
INTERNAL, SERVER, CLIENT = 0, 1, 2  # kinds of spans, by OpenTelemetry's numbers
MODEL = "model"  # the span of a call that the model has for itself
STATUS = "modelport.status"  # how that was answered

# The trace, the span that it is part of, its own span, and the tracestate. Empty: it is not traced.
Place: TypeAlias = Sequence[str]
NOWHERE: tuple[str, ...] = ()


class Span(msgspec.Struct, array_like=True):
    """Something that was done, from `start` to `end` in nanoseconds of the epoch; `error` says what went
    wrong.
    """

    place: Place
    name: str
    start: int
    end: int
    kind: int = INTERNAL
    attributes: dict[str, Any] = {}
    error: str = ""


LateSpan: TypeAlias = Callable[[], Span]  # makes one when it is exported, beside many others
TakeSpan: TypeAlias = Callable[[Span], None]
TakeLate: TypeAlias = Callable[[Span | LateSpan], None]


class TraceContext(NamedTuple):
    """What a client says of the trace that its request is part of."""

    trace_id: str
    span_id: str
    sampled: bool
    state: str = ""


def read_context(traceparent: str, tracestate: str = "") -> TraceContext | None:
    """The context in these fields; `None` if there is none."""
    found = TRACEPARENT.fullmatch(traceparent) if len(traceparent) <= MOST_STATE else None
    if found is None or (found[1] == "00" and found[5]):
        return None
    trace_id, span_id = found[2], found[3]
    if not (trace_id.strip("0") and span_id.strip("0")):
        return None
    return TraceContext(trace_id, span_id, bool(int(found[4], 16) & 1), _state(tracestate))


def _state(text: str) -> str:
    members = [part.strip(" \t") for part in text.split(",") if part.strip(" \t")]
    if len(text) > MOST_STATE or len(members) > MOST_MEMBERS:
        return ""
    return ",".join(members) if all(map(STATE_MEMBER.fullmatch, members)) else ""


def id_of(parent: TraceContext | None, place: Place) -> str:
    """The id of a request's trace, which clients may have given it also where it is not traced here."""
    if parent is not None:
        return parent.trace_id
    return place[0] if place else ""


def root() -> Place:
    """The first span of a new trace."""
    return (f"{getrandbits(128) or 1:032x}", "", new_span_id(), "")


def below(place: Place) -> Place:
    """A new span that is part of another one; of what is not traced, nothing is."""
    return (place[0], place[2], new_span_id(), place[3]) if place else NOWHERE


def new_span_id() -> str:
    return f"{getrandbits(64) or 1:016x}"


def is_place(place: Place) -> bool:
    """Whether this is one, as it comes from another process."""
    if len(place) != 4 or not TRACE_ID.fullmatch(place[0]) or not SPAN_ID.fullmatch(place[2]):
        return False
    return (not place[1] or SPAN_ID.fullmatch(place[1]) is not None) and _state(place[3]) == place[3]


def take_spans(take: TakeSpan | None, spans: Sequence[Span]) -> None:
    """Tell of spans that another process has sent, if anybody hears of them; what is none is left out."""
    if take is not None:
        for span in spans:
            if is_place(span.place):
                take(span)


def context_fields(place: Place) -> list[tuple[str, str]]:
    """The fields of a request that is part of this span; none if it is not traced."""
    if not place:
        return []
    fields = [("traceparent", f"00-{place[0]}-{place[2]}-01")]
    return [*fields, ("tracestate", place[3])] if place[3] else fields
