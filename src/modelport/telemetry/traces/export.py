"""Spans on their way to a collector, which a thread sends there in batches.

What can go wrong, and what answers it:

- *The collector is away, or slow.* What waits is bounded (2,048 spans). What is beyond that, and what is not
  taken in time, is lost, counted, and said once a minute at most.
- *Each span costs the hot path.* It is one `append` there, of a record that others make anyhow, or of what
  makes the span of that; all else is done in the thread, for many spans at once, which costs less than for
  one now and then.
- *What sends takes long to import.* The thread does that at the start; spans wait for it.
- *The server ends.* What waits is sent, for as long as `close` is given; the thread holds nothing up then.
- *A batch fails by a mistake of ours*: it costs no other.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

from modelport import __version__
from modelport.contract.traces import LateSpan, Span
from modelport.telemetry.traces.otlp import begin_of_request, request
from modelport.telemetry.traces.variables import Sending

if TYPE_CHECKING:
    from modelport.telemetry.traces.posting import Poster

log = logging.getLogger("modelport.telemetry")

SAY_SECONDS = 60.0  # from one word about lost spans to the next
SCOPE = "modelport"


class Export:
    """Sends spans to a collector, as `how` says, with what `resource` says of this server. `open` it, `take`
    spans in the event loop, `close` it.
    """

    def __init__(self, how: Sending, resource: Mapping[str, str]):
        self._how = how
        self._most = how.most
        self._begin = begin_of_request(resource, SCOPE, __version__)
        self._waiting: deque[Span | LateSpan] = deque()
        self._refused = 0  # spans for which there was no room: the event loop counts them
        self._failed = 0  # those that were not taken: the thread does
        self._under_way = 0
        self._why = "the collector does not take them"
        self._said = 0  # of both
        self._said_at = -SAY_SECONDS
        self._woken = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Begin to send. Returns at once."""
        self._thread = threading.Thread(target=self._run, name="modelport traces", daemon=True)
        self._thread.start()

    def take(self, span: Span | LateSpan) -> None:
        """Have a span sent. In the hot path of what is traced: it never waits."""
        waiting = len(self._waiting)
        if waiting >= self._most:
            self._refused += 1
            if monotonic() - self._said_at >= SAY_SECONDS:
                self._say()
            return
        self._waiting.append(span)
        if waiting + 1 == self._how.batch:
            self._woken.set()

    async def close(self, seconds: float) -> None:
        """Send what waits, for no longer than this; what has not gone by then is lost."""
        if self._thread is None:
            return
        self._ending.set()
        self._woken.set()
        await asyncio.to_thread(self._thread.join, seconds)
        self._failed += len(self._waiting) + self._under_way
        if self._lost > self._said:
            self._say()

    def _run(self) -> None:
        try:
            from modelport.telemetry.traces.posting import Poster  # and httpx with it

            poster = Poster(self._how, self._ending)
        except Exception as error:  # of files and addresses in variables, and the libraries that read them
            log.error("traces: nothing is sent: %s", error)
            self._most = 0
            self._waiting.clear()
            return
        while not self._ending.is_set():
            is_full = self._woken.wait(self._how.delay)
            self._woken.clear()
            self._send(poster, self._how.batch if is_full else 1)
        self._send(poster, 1)
        poster.close()

    def _send(self, poster: Poster, least: int) -> None:
        """Send a batch if so many spans wait, and then all that are full; all there are at the end."""
        while len(self._waiting) >= (1 if self._ending.is_set() else least):
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._how.batch))]
            self._under_way = len(batch)
            try:
                spans = [span if isinstance(span, Span) else span() for span in batch]
                failed = poster.post(request(self._begin, spans))
            except Exception as error:  # a bug: the spans after it are not to be lost, too
                log.exception("a batch of spans could not be sent")
                failed = str(error)
            self._under_way = 0
            if failed:
                self._failed += len(batch)
                self._why = f"the collector does not take them: {failed}"
                if monotonic() - self._said_at >= SAY_SECONDS:
                    self._say()
            least = self._how.batch

    @property
    def _lost(self) -> int:
        return self._refused + self._failed

    def _say(self) -> None:
        lost, self._said, self._said_at = self._lost - self._said, self._lost, monotonic()
        log.warning("traces: %d spans are lost: %s", lost, self._why)
