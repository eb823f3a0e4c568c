"""The event loop in which all asynchronous code of a model runs, from `load_model` to its last call.

What a model starts in `async def setup` or `warm`, such as an engine with tasks and queues of its own, is
there in its calls. A process that hosts a model has one such loop, made when it is first needed: most models
do without asyncio. Where workers are threads of one process, each has its own.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import lru_cache
from types import GeneratorType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import asyncio

END_SECONDS = 1.0  # in which what a model has left running may end
_hosting = threading.local()


def event_loop() -> asyncio.AbstractEventLoop:
    """The event loop of the model that this thread hosts."""
    loop: asyncio.AbstractEventLoop | None = getattr(_hosting, "loop", None)
    if loop is None:
        import asyncio

        loop = _hosting.loop = asyncio.new_event_loop()
    return loop


def come_to(value: Any) -> Any:
    """What `value` comes to, if it is to be awaited; any other value as it is. Raises what it raises."""
    if is_awaitable(value):
        return event_loop().run_until_complete(awaited(value))
    return value


def run_through(value: Any, come_to: Callable[[Any], Any] = come_to) -> None:
    """Let what a model's code has returned, which has nothing to give, run to its end.

    Raises `TypeError` for a generator, of which nothing has run.
    """
    if isinstance(come_to(value), Generator | AsyncGenerator):
        raise TypeError("it gives a generator, of which nothing has run: take its yield out, or loop over it")


def close_event_loop() -> None:
    """End what the model has left running in the event loop, if this thread has one, and close it."""
    loop: asyncio.AbstractEventLoop | None = getattr(_hosting, "loop", None)
    if loop is None:
        return
    _hosting.loop = None
    try:
        loop.run_until_complete(end_all())
    finally:
        loop.close()


async def end_all() -> None:
    """End all that runs in the event loop of this thread beside it. It takes 2 `END_SECONDS` at most."""
    import asyncio

    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=END_SECONDS)
    try:
        async with asyncio.timeout(END_SECONDS):
            await asyncio.get_running_loop().shutdown_asyncgens()
    except TimeoutError:
        pass  # a generator that does not end when it is closed


async def awaited(value: Any) -> Any:
    """What `value` comes to, whichever kind of awaitable it is."""
    return await value


def is_awaitable(value: Any) -> bool:
    """What `inspect.isawaitable` says, which is slow to ask for each answer."""
    return may_be_awaited(cast("type[object]", type(value))) and inspect.isawaitable(value)


@lru_cache(maxsize=1024)
def may_be_awaited(kind: type[object]) -> bool:
    """True for types of which a value may be awaitable."""
    return issubclass(kind, (Awaitable, GeneratorType))  # a generator may be a coroutine of `types.coroutine`
