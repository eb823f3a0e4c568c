"""The asynchronous client in the clothes of the blocking one, so that each test runs with both."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

from anyio.from_thread import BlockingPortal

from modelport.client import AsyncArtifact, AsyncClient, AsyncJob

WRAPPED = (AsyncClient, AsyncJob, AsyncArtifact)


class Blocking:
    """An asynchronous object whose methods block: everything runs in the event loop of a portal."""

    def __init__(self, target: Any, portal: BlockingPortal):
        self.target = target
        self._portal = portal

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.target, name)
        if not callable(found):
            return found

        def call(*args: Any, **options: Any) -> Any:
            return self._came(found(*args, **options))

        return call

    def _came(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            value = self._portal.call(_awaited, value)
        if isinstance(value, AsyncIterator):
            return self._each(value)
        if isinstance(value, list):
            return [self._came(item) for item in value]
        return Blocking(value, self._portal) if isinstance(value, WRAPPED) else value

    def _each(self, values: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    item = self._portal.call(values.__anext__)
                except StopAsyncIteration:
                    return
                yield self._came(item)
        finally:
            self._portal.call(values.aclose)


async def _awaited(value: Any) -> Any:
    return await value
