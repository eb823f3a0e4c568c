"""The call that code runs for: each thread and each task of an event loop has its own, or none."""

from __future__ import annotations

from contextvars import ContextVar
from time import time_ns
from types import TracebackType
from typing import Any, Protocol

from modelport.contract.calls import Call
from modelport.contract.traces import NOWHERE, Place, Span, TakeSpan, below

MOST_ATTRIBUTES = 32
MOST_CHARACTERS = 1024  # of a text; of names a quarter
_call: ContextVar[Call | None] = ContextVar("the call that this code runs for", default=None)
_place: ContextVar[tuple[int, Place]] = ContextVar("the span that this code is in", default=(0, NOWHERE))
_take: TakeSpan | None = None


class OpenSpan(Protocol):
    """A span that is not over yet."""

    def set(self, **attributes: Any) -> None:
        """Say more of it."""
        ...


class CurrentCall:
    """One request to the model, as its code sees it: `modelport.current_call()`.

    `request_id` names it in the log, and is empty where the code runs for none, or for several at once.
    """

    def __init__(self, call: Call | None = None):
        self._call = call

    @property
    def traced(self) -> bool:
        """Whether anybody will see its spans."""
        return self._call is not None and bool(self._call.trace) and _take is not None

    def span(self, name: str, **attributes: Any) -> _Nothing | _Measured:
        """Measure a part of the work: `with modelport.current_call().span("tokenise", rows=3) as span: …`.

        Parts of parts are found by where they are opened. `span.set(tokens=12)` says more of it. Numbers,
        texts and booleans are said as they are, else their `str()`. Where nothing is traced it does nothing.
        """
        if self._call is None or not self._call.trace or _take is None:
            return _NOTHING
        return _Measured(self._call, name, attributes, _take)


class _Nothing:
    """A span that nobody will see."""

    def __enter__(self) -> OpenSpan:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def set(self, **attributes: Any) -> None:
        pass


class _Measured:
    """A span that is told when its block ends."""

    def __init__(self, call: Call, name: str, attributes: dict[str, Any], take: TakeSpan):
        self._call = call
        self._name = name
        self._attributes = attributes
        self._take = take

    def __enter__(self) -> OpenSpan:
        self._before = _place.get()
        self._place = below(place_of(self._call))
        _place.set((self._call.id, self._place))
        self._start = time_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _place.set(self._before)
        name, said = _text(self._name, MOST_CHARACTERS // 4), _plain(self._attributes)
        failed = kind.__name__ if kind is not None else ""
        self._take(Span(self._place, name, self._start, time_ns(), attributes=said, error=failed))

    def set(self, **attributes: Any) -> None:
        self._attributes.update(attributes)


_NOTHING = _Nothing()


def current_call() -> CurrentCall:
    """The call that this code runs for, or an object on which all of it does nothing."""
    return CurrentCall(_call.get())


def running_call() -> Call | None:
    """The call whose code this is; `None` where that is not known, as for several calls that run together."""
    return _call.get()


def run_for(call: Call | None) -> None:
    """Let the code that runs in this context from now on belong to a call, or to none."""
    _call.set(call)


def place_of(call: Call) -> Place:
    """The span of a call that this code is in: the innermost one that its code has opened here."""
    of, place = _place.get()
    return place if of == call.id and place and place[0] == call.trace[0] else call.trace


def be_in(call: Call, place: Place) -> None:
    """Let the code that runs for a call in this context from now on be in this span."""
    _place.set((call.id, place))


def span_of(call: Call, name: str, take: TakeSpan) -> _Measured:
    """A span of a call that is traced, which this one is told of."""
    return _Measured(call, name, {}, take)


def tell_spans_to(take: TakeSpan | None) -> None:
    """Have spans told in this process, or no longer."""
    global _take
    _take = take


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    kept = list(attributes.items())[:MOST_ATTRIBUTES]
    return {_text(name, MOST_CHARACTERS // 4): _value(value) for name, value in kept}


def _value(value: Any) -> Any:
    if isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return value
    return _text(value, MOST_CHARACTERS)


def _text(value: Any, most: int) -> str:
    return str(value)[:most].encode("utf-8", "replace").decode()
