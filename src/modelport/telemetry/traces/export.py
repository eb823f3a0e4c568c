"""Spans on their way to a collector, by OpenTelemetry's batch processor, which has a thread of its own.

What can go wrong, and what answers it:

- *The collector is away, or slow.* What waits is bounded (2048 spans). What is beyond that, and what is not
  taken in time, is lost, counted, and said once a minute at most.
- *The package takes half a second to import.* A thread does that at the start; spans wait for it.
- *The server ends.* What waits is sent, for as long as `close` is given; the thread holds nothing up then.
- *A span that cannot be sent*, by whatever a model has put into it, costs no other.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import threading
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from modelport.contract.traces import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

log = logging.getLogger("modelport.telemetry")

MOST_EARLY = 2048  # spans that wait, also for the package to be imported
SAY_SECONDS = 60.0  # from one word about lost spans to the next
SDK, EXPORTER = "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http"


def is_installed() -> bool:
    """Whether the packages of the extra `traces` are there."""
    try:
        return all(importlib.util.find_spec(name) is not None for name in (SDK, EXPORTER))
    except ModuleNotFoundError:
        return False


class Export:
    """Sends spans to a collector. `open` it, `take` spans in the event loop, `close` it.

    `endpoint` is where spans are posted; empty leaves that to OpenTelemetry's variables. `taken`, `sent` and
    `lost` count spans.
    """

    def __init__(self, endpoint: str, instance: str):
        self.taken = self.sent = self.lost = 0
        self._endpoint = endpoint
        self._instance = instance
        self._early: deque[Span] = deque()
        self._most = MOST_EARLY
        self._processor: BatchSpanProcessor | None = None
        self._resource: Resource | None = None
        self._opening: asyncio.Task[None] | None = None
        self._said_at = -SAY_SECONDS
        self._said = 0  # lost spans

    def open(self) -> None:
        """Begin to import what sends spans. Returns at once."""
        self._opening = asyncio.create_task(self._open())

    async def _open(self) -> None:
        try:
            self._resource, self._processor = await asyncio.to_thread(self._made)
        except Exception as error:  # of the package, or of its variables
            log.error("traces: nothing is sent: %s", error)
            self._most = 0
            self._early.clear()
            return
        while self._early:
            self._emit(self._early.popleft())

    def _made(self) -> tuple[Resource, BatchSpanProcessor]:
        from modelport.telemetry.traces.sdk import made

        return made(self._endpoint, self._instance, self._on_sent, MOST_EARLY)

    def take(self, span: Span) -> None:
        """Have a span sent. In the hot path of what is traced: it never waits."""
        self.taken += 1
        if self.taken - self.sent - self.lost > self._most:
            self._lose(1)
        elif self._processor is None:
            self._early.append(span)
        else:
            self._emit(span)

    def _emit(self, span: Span) -> None:
        from modelport.telemetry.traces.sdk import readable

        assert self._processor is not None
        assert self._resource is not None
        try:
            made: ReadableSpan = readable(span, self._resource)
        except Exception as error:  # a value that OpenTelemetry does not know
            log.debug("a span cannot be sent: %s", error)
            self._lose(1)
            return
        self._processor.on_end(made)

    def _on_sent(self, spans: Sequence[Any], is_taken: bool) -> None:
        """The collector has taken these spans, or not."""
        if is_taken:
            self.sent += len(spans)
        else:
            self._lose(len(spans))

    def _lose(self, count: int) -> None:
        self.lost += count
        if monotonic() - self._said_at >= SAY_SECONDS:
            self._say()

    def _say(self) -> None:
        lost, self._said, self._said_at = self.lost - self._said, self.lost, monotonic()
        log.warning("traces: %d spans are lost: the collector does not take them", lost)

    async def close(self, seconds: float) -> None:
        """Send what waits, for no longer than this; what has not gone by then is lost."""
        if self._opening is None:
            return
        await asyncio.wait([self._opening], timeout=seconds)
        if self._processor is not None:
            thread = threading.Thread(target=self._processor.shutdown, name="modelport traces", daemon=True)
            thread.start()
            await asyncio.to_thread(thread.join, seconds)
        self.lost = self.taken - self.sent
        if self.lost > self._said:
            self._say()
