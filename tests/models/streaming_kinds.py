"""The same stream of every contract, by every way to run calls: one by one, in an event loop, in threads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from webargs import fields

import modelport

WORDS = "the weights\nare wet"


class Typed(modelport.Model):
    """One by one."""

    def predict(self, count: int = 2, fail: bool = False) -> Iterator[dict[str, int]]:
        for number in range(count):
            yield {"n": number}
        if fail:
            raise ValueError(WORDS)


class TypedThreads(Typed):
    """In threads."""

    max_concurrency = 4


class TypedAsync(modelport.Model):
    """In the event loop."""

    async def predict(self, count: int = 2, fail: bool = False) -> AsyncIterator[dict[str, int]]:
        for number in range(count):
            yield {"n": number}
        if fail:
            raise ValueError(WORDS)


class Object:
    """One by one: without hints, the first argument is its rows."""

    def predict(self, rows, fail: bool = False):
        for number in range(len(rows)):
            yield {"n": number}
        if fail:
            raise ValueError(WORDS)


class ObjectThreads(Object):
    """In threads."""

    max_concurrency = 4


class ObjectAsync:
    """In the event loop."""

    async def predict(self, rows, fail: bool = False):
        for number in range(len(rows)):
            yield {"n": number}
        if fail:
            raise ValueError(WORDS)


class Deepaas:
    """One by one."""

    def get_predict_args(self) -> dict[str, Any]:
        return {"count": fields.Int(load_default=2), "fail": fields.Bool(load_default=False)}

    def predict(self, count: int, fail: bool) -> Iterator[dict[str, int]]:
        for number in range(count):
            yield {"n": number}
        if fail:
            raise ValueError(WORDS)


class DeepaasThreads(Deepaas):
    """In threads."""

    max_concurrency = 4


class DeepaasAsync(Deepaas):
    """In the event loop."""

    async def predict(self, count: int, fail: bool) -> AsyncIterator[dict[str, int]]:  # pyright: ignore
        for number in range(count):
            yield {"n": number}
        if fail:
            raise ValueError(WORDS)


object_, object_threads, object_async = Object(), ObjectThreads(), ObjectAsync()
