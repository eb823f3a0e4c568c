"""Servers on one PostgreSQL tell each other what they have changed, and go on where that is kept back.

Nobody looks by itself here: whatever is seen was told.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from middleman import Middleman
from postgres_server import Postgres

from modelport.storage import news
from modelport.storage.changes import elsewhere
from modelport.storage.database import Database
from modelport.storage.writer import Transaction

SECONDS = 60.0
KILL = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname = current_database() AND query LIKE 'LISTEN%'"
)
pytestmark = pytest.mark.anyio


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    found = postgres.new_database()
    yield found
    postgres.empty(found)


@contextlib.asynccontextmanager
async def opened(url: str, *, follows: bool = True) -> AsyncIterator[Database]:
    database = await Database.open(url)
    if follows:
        database.follow()
    try:
        yield database
    finally:
        await database.close()


async def change(database: Database, *names: str) -> None:
    def work(tx: Transaction) -> None:
        tx.touched |= set(names)

    await database.write(work)


async def until_said(
    caplog: pytest.LogCaptureFixture, said: str, again: Callable[[], Awaitable[None]]
) -> None:
    async with asyncio.timeout(SECONDS):
        while said not in caplog.text:
            await again()


async def until_told(told: asyncio.Event, again: Callable[[], Awaitable[None]]) -> None:
    """Wait until a change is heard, which is made again and again: who listens may just have lost it."""
    async with asyncio.timeout(SECONDS):
        while not told.is_set():
            await again()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await told.wait()


async def test_what_one_changes_the_other_hears_and_knows_that_it_was_not_itself(url: str) -> None:
    async with opened(url) as one, opened(url) as other:
        async with (
            other.changes.subscribe("a") as told,
            other.changes.subscribe(elsewhere("a")) as told_by_other,
            one.changes.subscribe(elsewhere("a")) as told_by_itself,
        ):
            await until_told(told, lambda: change(one, "a"))
            async with one.changes.subscribe("b") as heard:
                await until_told(heard, lambda: change(other, "b"))
            for event in (told, told_by_other, told_by_itself):
                event.clear()  # both have just begun to listen, when anything may have changed
            await change(one, "a")
            async with asyncio.timeout(SECONDS):
                await told_by_other.wait()
                await told.wait()
            assert not told_by_itself.is_set()


async def test_a_command_tells_it_before_it_ends_and_more_than_a_message_holds_is_anything(url: str) -> None:
    async with opened(url) as one, one.changes.subscribe("a") as told:
        await until_told(told, lambda: change(one, "a"))
        async with one.changes.subscribe(elsewhere("b")) as heard:
            async with opened(url) as other:
                await until_told(heard, lambda: change(other, "b"))
            heard.clear()
            async with opened(url, follows=False) as command:
                await change(command, *(f"{number}" * 100 for number in range(news.MOST_NAMES)))
            async with asyncio.timeout(SECONDS):
                await heard.wait()


async def test_a_lost_listener_is_said_and_comes_back(
    url: str, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="modelport.jobs")
    async with opened(url, follows=False) as one, opened(url) as other:
        async with other.changes.subscribe(elsewhere("a")) as told:
            await until_told(told, lambda: change(one, "a"))
            assert postgres.number(KILL, url) == 1
            await until_said(caplog, "is heard at once", lambda: change(one, "b"))
            told.clear()
            await until_told(told, lambda: change(one, "a"))
    assert caplog.text.count("is only looked for (poll_seconds) until it can be heard again") == 1


async def test_a_pooler_that_keeps_news_back_is_said_once(
    url: str, postgres: Postgres, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(news, "FIRST_SECONDS", 0.5)
    monkeypatch.setattr(news, "DEAF_PAUSE", 0.01)
    between = Middleman(postgres.port)
    between.keeps_news = True
    behind = url.replace(str(postgres.port), str(between.port))
    try:
        async with opened(behind) as one, opened(url, follows=False) as other:
            async with one.changes.subscribe(elsewhere("a")) as told:
                await until_said(caplog, "does not come through", lambda: change(other, "a"))
                assert not told.is_set()
                between.keeps_news = False
                await until_told(told, lambda: change(other, "a"))
    finally:
        between.close()
    assert caplog.text.count("does not come through") == 1
