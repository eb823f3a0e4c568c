"""Following a job's events to its end, over broken connections and restarts of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx

from modelport.client.calls import job_path
from modelport.client.errors import ConnectionFailed, ServerBusy
from modelport.client.exchange import (
    Deadline,
    Flow,
    Pause,
    Request,
    Sending,
    backoff,
    error_of,
    exchange,
    patience,
)
from modelport.client.records import ENDED, Event, JobRecord, event_of
from modelport.client.server_events import EventParser

SILENCE_SECONDS = 40.0  # the server says something every 15
LATEST = 1.1  # a wait may end this much later than it should, rather than open one connection after another
MOMENT = 0.2


class Following:
    """Where a client stands in the events of one job. Both clients move it on.

    `connect` opens the stream, `feed` takes what it brings, `lost` is told of a broken connection, and
    `has_ended` says after the stream's end whether that was all.
    """

    def __init__(self, job: JobRecord, after: int, timeout: float | None, lost_for: float):
        self.job = job
        self.last = after
        self._deadline = Deadline(timeout)
        self._lost_for = lost_for
        self._since_contact = Deadline(lost_for)
        self._failures = 0
        self._silence = SILENCE_SECONDS
        self._parser = EventParser()
        self._new_events = 0
        self._saw_end = False

    def connect(self) -> Flow[httpx.Response]:
        """Open the stream after the last event that was seen. Raises `ModelportError`."""
        path = f"{job_path(self.job.id)}/events"
        while True:
            if self._failures:
                yield Pause(self._short_enough(backoff(self._failures)))
            self._check()
            headers = {"accept": "text/event-stream"} | (
                {"last-event-id": str(self.last)} if self.last else {}
            )
            timeout = patience(self._deadline, SILENCE_SECONDS)
            reply = yield Sending(Request("GET", path, headers=headers, stream=True), timeout)
            if not isinstance(reply, httpx.Response):
                self.lost(reply)
                continue
            if reply.status_code >= 300:
                failure = error_of(reply)
                if not isinstance(failure, ServerBusy):
                    raise failure
                self.lost(None)
                continue
            self._opened(timeout)
            return reply

    def _opened(self, timeout: httpx.Timeout) -> None:
        self._silence = timeout.read or SILENCE_SECONDS
        self._parser = EventParser()
        self._new_events = 0
        self._saw_end = False
        self._since_contact = Deadline(self._lost_for)

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that end within this chunk, each once."""
        self._failures = 0
        self._since_contact = Deadline(self._lost_for)
        for received in self._parser.feed(chunk):
            if received.name == "error":
                continue  # the server says why it ends the stream, and says it again when it is asked anew
            sequence = int(received.id)
            if sequence <= self.last:
                continue
            self.last = sequence
            self._new_events += 1
            event = event_of(sequence, received.name, json.loads(received.data))
            self._saw_end = event.type == "state" and event.data.get("state") in ENDED
            yield event

    @property
    def outlives_deadline(self) -> bool:
        """True if a silent connection would be noticed only after the deadline: it has to be opened again."""
        left = self._deadline.left
        return left is not None and self._silence > left * LATEST + MOMENT

    def lost(self, error: Exception | None) -> None:
        """Take note of a broken connection. Raises `TimedOut`, or `ConnectionFailed` after too long."""
        self._failures += 1
        self._check()
        if not self._since_contact.allows(0.0):
            why = f": {error or type(error).__name__}" if error is not None else ""
            raise ConnectionFailed(
                f"the server has not answered for {self._lost_for:g} seconds{why}"
            ) from error

    def has_ended(self) -> Flow[bool]:
        """After the stream's end: look the job up; true if it has ended and all its events were seen."""
        try:
            request = Request("GET", job_path(self.job.id))
            response = yield from exchange(request, Deadline(self._short_enough(SILENCE_SECONDS)))
        except (ConnectionFailed, ServerBusy, TimeoutError) as error:
            self.lost(error)
            return False
        self.job.update(response.json())
        complete = self._saw_end or not self._new_events
        if self.job.ended and complete:
            return True
        self._failures += 1  # a server that stops ends its streams in order: not at once again
        return False

    def _check(self) -> None:
        if not self._deadline.allows(0.0):
            raise self._deadline.error(f"job {self.job.id}, which is {self.job.state},")

    def _short_enough(self, seconds: float) -> float:
        left = self._deadline.left
        return seconds if left is None else min(seconds, left)
