"""What is to be done with each request of one head, where predictions go the shortest way (`api.direct`)."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from modelport.api.credentials import CREDENTIALS, as_sent
from modelport.api.exchanges import REQUEST_ID, clients_id
from modelport.api.limiting import Turn
from modelport.api.quick_refusals import Refusable
from modelport.api.trace_context import OF_TRACES, context_of
from modelport.contract.calls import Call
from modelport.contract.traces import TraceContext
from modelport.engine.ports import Pool
from modelport.http.heads import Head
from modelport.identity.principals import Principal
from modelport.telemetry.exchanges import Alike, Count, Exchange, Exchanges, Hear, Tell

Way = TypeVar("Way")
READ = frozenset({b"host", b"content-type", b"accept", REQUEST_ID}) | OF_TRACES  # in every dialect


@dataclass(slots=True)
class Said:
    """What the fields of a head say.

    `host` is the value of its `Host`, which must be known; so must be, where it is asked, who sends the
    `credential`. `handed_on` are those that the dialect reads in the worker.
    """

    content_type: str = ""
    accept: str = ""
    host: bytes | None = None
    credential: bytes = b""
    clients_id: str = ""
    trace: TraceContext | None = None
    handed_on: dict[str, str] = field(default_factory=dict[str, str])


def said_of(head: Head, fields: Set[bytes], handed_on: Set[bytes]) -> Said | None:
    """What a head says; `None` if one of the `fields` says more than is read here, or says it twice."""
    said = Said()
    for name, value in head.headers:
        if name not in fields:
            continue
        if name == b"content-type" and not said.content_type:
            said.content_type = value.decode("latin-1")
        elif name == b"accept" and not said.accept:
            said.accept = value.decode("latin-1")
        elif name == b"host" and said.host is None:
            said.host = value
        elif name == REQUEST_ID:
            said.clients_id = said.clients_id or clients_id(value)
        elif name in OF_TRACES:
            said.trace = context_of(head.headers)
        elif name in CREDENTIALS and not said.credential:
            said.credential = as_sent(name, value)
        elif name in handed_on and name.decode() not in said.handed_on:
            said.handed_on[name.decode()] = value.decode("latin-1")
        else:
            return None
    return said


@dataclass(slots=True)
class Plan(Generic[Way]):
    """What to do with each request of one head: by which way to ask which model, if it is plain.

    `allowed` is who may ask the model,
    as was found for the last request, and `turn` theirs. `counts` are who counts its answers, and `tell` has
    a line for each, if nobody has to hear of all of it: for as long as it is this one who is `allowed`, the
    version that is `counted`, and these who hear.
    """

    way: Way | None
    name: str = ""
    version: int | None = None
    said: Said = field(default_factory=Said)
    allowed: Principal | None = None
    turn: Turn | None = None
    counted: int = 0
    heard_by: tuple[Hear, ...] | None = None
    refusable: Refusable | None = None
    counts: tuple[Count, ...] | None = None
    tell: Tell | None = None

    def count_by(self, exchanges: Exchanges, pool: Pool, call: Call, noted: Callable[[], Exchange]) -> None:
        """Find who counts answers to such a call, and who has a line for each that is as it is `noted`."""
        self.counted, self.heard_by = pool.version, exchanges.hearers
        self.counts = exchanges.counts_of(Alike(call.by, pool.name, pool.version, call.verb, call.dialect))
        self.tell = None if exchanges.lines is None or self.counts is None else exchanges.lines.of(noted())
