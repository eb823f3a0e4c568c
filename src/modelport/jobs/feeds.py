"""Following jobs: one reader for each job that is followed, however many follow it.

The reader takes new events out of the store and keeps the last batches. A follower that has fallen
behind them, or begins earlier, reads the store itself until it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from modelport.jobs.records import Event
from modelport.jobs.states import ENDED, TERMINAL
from modelport.jobs.store import JobStore
from modelport.storage.errors import StoreError

log = logging.getLogger("modelport.jobs")

BATCH = 1000
PAGE_BYTES = 64 << 10  # what a follower reads of the store at once, and holds until its client has taken it
BATCH_BYTES = 256 << 10  # what a feed reads at once, for all who follow
KEPT_BATCHES = 8
REST_SECONDS = 0.2  # between two reads: what comes together is sent together
REST_FOR_EACH_SECONDS = 0.015  # the more follow, the more a read costs
MOST_REST_SECONDS = 0.5
BEHIND_REST_SECONDS = 0.05  # while more is written than one read takes


class Batch:
    """Events in order, and what they look like to clients, made once for all followers."""

    def __init__(self, events: Sequence[Event]):
        self.events = events
        self._encoded: dict[Callable[[Sequence[Event]], bytes], bytes] = {}

    def encoded(self, encode: Callable[[Sequence[Event]], bytes]) -> bytes:
        """The events as `encode` writes them."""
        if encode not in self._encoded:
            self._encoded[encode] = encode(self.events)
        return self._encoded[encode]


class _Feed:
    """The events of one job as they are committed."""

    def __init__(self, store: JobStore, job_id: str):
        self.followers = 0
        self.ended = False
        self.position = -1  # the last event that was seen; -1 until the first look
        self.recent: deque[Batch] = deque(maxlen=KEPT_BATCHES)
        self.moved = asyncio.Event()  # replaced each time it was set
        self._store = store
        self._job_id = job_id
        self.task = asyncio.create_task(self._run())

    def _publish(self) -> None:
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()

    async def _run(self) -> None:
        try:
            await self._read()
        except StoreError as error:
            log.warning("job %s can be followed no further: %s", self._job_id, error)
        finally:
            self.ended = True
            self._publish()

    async def _read(self) -> None:
        store = self._store
        async with store.subscribe(self._job_id) as changed:
            while True:
                changed.clear()
                seen = None if self.position < 0 else self.position
                news = await store.news(self._job_id, after=seen, limit=BATCH, most_bytes=BATCH_BYTES)
                if news is None:
                    return
                self.position = news.since
                if news.events:
                    self.position = news.events[-1].sequence
                    self.recent.append(Batch(news.events))
                    self._publish()
                elif news.state in ENDED:
                    return
                if news.state in TERMINAL and not news.more:
                    return  # nothing will follow; after an interruption something may soon
                if news.more:
                    await asyncio.sleep(BEHIND_REST_SECONDS)
                    continue
                rest = REST_SECONDS + self.followers * REST_FOR_EACH_SECONDS
                await asyncio.sleep(min(rest, MOST_REST_SECONDS))
                try:
                    async with asyncio.timeout(store.database.poll_seconds):
                        await changed.wait()
                except TimeoutError:
                    pass

    def after(self, sequence: int) -> Batch | None:
        """The next batch for a follower that has seen up to `sequence`; `None` if it must read the store."""
        for batch in reversed(self.recent):
            if batch.events[0].sequence == sequence + 1:
                return batch
            if batch.events[0].sequence <= sequence < batch.events[-1].sequence:
                return Batch([event for event in batch.events if event.sequence > sequence])
        return None


class Feeds:
    """The feeds of all jobs that are followed now."""

    def __init__(self, store: JobStore):
        self._store = store
        self._feeds: dict[str, _Feed] = {}
        self._closed = False

    async def follow(
        self, job_id: str, after: int, quiet_seconds: float, encode: Callable[[Sequence[Event]], bytes]
    ) -> AsyncIterator[bytes | None]:
        """A job's events after a sequence number as `encode` writes them, until it has ended.

        `None` comes after so long without any. While a client does not read, only bytes are held for it.
        """
        feed = self._feeds.get(job_id)
        if feed is None or feed.task.done():
            feed = self._feeds[job_id] = _Feed(self._store, job_id)
        feed.followers += 1
        try:
            while not self._closed:
                ended, moved = feed.ended, feed.moved  # before looking: what comes later sets `moved`
                batch = feed.after(after)
                if batch is None and not 0 <= feed.position <= after:
                    events = await self._store.events(job_id, after, BATCH, most_bytes=PAGE_BYTES)
                    batch = Batch(events) if events else None
                    del events
                if batch is not None:
                    after = batch.events[-1].sequence
                    data = batch.encoded(encode)
                    batch = None
                    yield data
                    continue
                if ended:
                    return
                try:
                    async with asyncio.timeout(quiet_seconds):
                        await moved.wait()
                except TimeoutError:
                    yield None
        finally:
            feed.followers -= 1
            if not feed.followers:
                feed.task.cancel()
                if self._feeds.get(job_id) is feed:
                    del self._feeds[job_id]

    def close(self) -> None:
        """End every stream soon: the server stops."""
        self._closed = True
        for feed in list(self._feeds.values()):
            feed.task.cancel()
