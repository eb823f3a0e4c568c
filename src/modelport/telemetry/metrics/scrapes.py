"""Scrapes: what each shows, and that those that overlap share one.

Where several server processes answer at one address, each shows what all of them have counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Protocol
from weakref import WeakSet

from modelport.siblings import METRICS, Siblings
from modelport.telemetry.metrics import families as of
from modelport.telemetry.metrics.slow import SlowReading
from modelport.telemetry.metrics.text import Page, Source
from modelport.telemetry.metrics.together import together


class Scraped(NamedTuple):
    """What a scrape has found: its text, and the media type of that."""

    content_type: str
    text: bytes


class Holding(Protocol):
    """What holds bodies of requests in memory."""

    held: int  # bytes, now


class Metrics:
    """What a server shows of itself. `sources` add to a page, in the event loop, what is known at once;
    `slow` is read before. `bodies` are those of the applications that there are. `stop` it at the end.
    """

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self.slow: list[SlowReading[Any]] = []
        self.bodies: WeakSet[Holding] = WeakSet()
        self._under_way: dict[bool, asyncio.Task[Scraped]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._siblings: Siblings | None = None
        self._missed = 0

    def share(self, siblings: Siblings) -> None:
        """Show what all of these server processes tell of themselves, put together."""
        self._siblings = siblings
        number = b'worker="%d.' % siblings.place.number  # workers of two processes have the same numbers

        async def tell(_: bytes) -> bytes:
            return (await self._page(open_metrics=False)).text().replace(b'worker="', number)

        siblings.answer(METRICS, tell)

    def own(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run something, such as what measures again and again, until `stop`."""
        self._tasks.append(asyncio.create_task(work()))

    async def scrape(self, *, open_metrics: bool) -> Scraped:
        """What there is to show now, in one of the two formats."""
        scrape = self._under_way.get(open_metrics)
        if scrape is None:
            scrape = self._under_way[open_metrics] = asyncio.create_task(self._scrape(open_metrics))
            scrape.add_done_callback(lambda _: self._under_way.pop(open_metrics))
        return await asyncio.shield(scrape)  # others may wait for it, too

    async def _scrape(self, open_metrics: bool) -> Scraped:
        if self._siblings is None:
            page = await self._page(open_metrics=open_metrics)
        else:
            found = await self._siblings.ask(METRICS)
            self._missed += found.missing
            pages = [*found.bodies, found.left]
            page = await asyncio.to_thread(together, pages, open_metrics=open_metrics)
        return Scraped(page.content_type, page.text())

    async def _page(self, *, open_metrics: bool) -> Page:
        """What this process shows of itself."""
        await asyncio.gather(*(reading.renew() for reading in self.slow))
        page = Page(open_metrics=open_metrics)
        for source in self.sources:
            source(page)
            await asyncio.sleep(0)  # requests come first
        for reading in self.slow:
            page.add(of.SCRAPE_FAILURES, (reading.part,), reading.failures)
        if self._siblings is not None:
            page.add(of.SCRAPE_FAILURES, ("processes",), self._missed)
        return page

    async def stop(self) -> None:
        """Measure no more."""
        tasks: list[asyncio.Task[Any]] = [*self._tasks, *self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for reading in self.slow:
            await reading.stop()
