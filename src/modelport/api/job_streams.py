"""Following a job: its events out of the store, as they are committed, until it has ended."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from modelport.api.strange_bytes import guards_of
from modelport.jobs.feeds import BATCH, PAGE_BYTES
from modelport.jobs.records import Event
from modelport.jobs.service import JobService
from modelport.jobs.views import utc
from modelport.storage.errors import StoreError

log = logging.getLogger("modelport.api")

KEEP_ALIVE_SECONDS = 15.0
PIECE_BYTES = 64 << 10


class _Cut(Exception):
    """The rest of a stream cannot be had any longer."""


class WholeStream(StreamingResponse):
    """A stream that is seen to be cut, not taken for whole, if its rest cannot be had while it is sent."""

    async def stream_response(self, send: Send) -> None:
        with contextlib.suppress(_Cut):  # the server closes the connection of an answer without an end
            try:
                await super().stream_response(send)
            except StoreError as error:
                log.warning("an answer that follows a job is cut: %s", error)


def followed_answer(request: Request, body: AsyncIterator[bytes], media_type: str) -> Response:
    """An answer that is sent as it comes."""
    headers = {"cache-control": "no-cache", "x-accel-buffering": "no", **dict(guards_of(media_type))}
    if request.method == "HEAD":  # without a body there is nothing to wait for
        head = Response(headers=headers, media_type=media_type)
        del head.headers["content-length"]  # a stream has none
        return head
    return WholeStream(body, media_type=media_type, headers=headers)


async def followed_events(jobs: JobService, job_id: str, after: int) -> AsyncIterator[bytes]:
    """The body of an event stream."""
    async for data in jobs.feeds.follow(job_id, after, KEEP_ALIVE_SECONDS, _server_sent):
        for piece in (b": keep-alive\n\n",) if data is None else _pieces(data):
            yield piece


def _server_sent(events: Sequence[Event]) -> bytes:
    return b"".join(_event_bytes(event) for event in events)


def _event_bytes(event: Event) -> bytes:
    """A job's event as a server-sent event: its sequence number is the id to resume from."""
    data = {"attempt": event.attempt, "at": utc(event.at), **event.data}
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (
        event.sequence,
        event.type.encode(),
        msgspec.json.encode(data),
    )


async def followed_log(jobs: JobService, job_id: str, *, follow: bool) -> AsyncIterator[bytes]:
    """The lines that a job printed, until its end if `follow`, else as many as there are."""
    if follow:
        async for data in jobs.feeds.follow(job_id, 0, KEEP_ALIVE_SECONDS, _lines):
            for piece in _pieces(data or b""):
                yield piece
        if not jobs.stopping:
            await _check_whole(jobs, job_id)
        return
    after = 0
    while events := await jobs.store.events(job_id, after, BATCH, ["log"], PAGE_BYTES):
        after = events[-1].sequence
        data = _lines(events)
        del events  # which take more than their bytes, while the client does not read
        for piece in _pieces(data):
            yield piece
    await _check_whole(jobs, job_id)


def _pieces(data: bytes) -> Iterator[bytes]:
    """`data` as the connection takes it: what is written at once is copied for each client."""
    return (data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES))


async def _check_whole(jobs: JobService, job_id: str) -> None:
    """Raise `_Cut` if the job was removed: its events went with it, perhaps before the last was read."""
    if await jobs.store.get(job_id) is None:
        raise _Cut


def _lines(events: Sequence[Event]) -> bytes:
    lines = [f"{event.data['line']}\n" for event in events if event.type == "log"]
    return "".join(lines).encode("utf-8", "replace")
