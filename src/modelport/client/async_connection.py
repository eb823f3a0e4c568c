"""Runs flows with awaited calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any, BinaryIO, TypeVar

import anyio
import httpx

from modelport.client.answers import PieceReader
from modelport.client.calls import Calls
from modelport.client.exchange import Deadline, Flow, Pause, Reply, Request, Step, failure_of
from modelport.client.following import Following
from modelport.client.records import Event

T = TypeVar("T")


READ_BYTES = 1 << 16


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    """The content of a file, read beside the event loop."""
    while data := await anyio.to_thread.run_sync(file.read, READ_BYTES):
        yield data


class AsyncConnection:
    """An HTTP client and the questions it can ask; `AsyncClient` and its jobs share it."""

    def __init__(self, http: httpx.AsyncClient, calls: Calls, lost_for: float):
        self.http = http
        self.calls = calls
        self.lost_for = lost_for

    async def run(self, flow: Flow[T]) -> T:
        """Take the steps of a flow; returns its result and raises its errors."""
        try:
            step = next(flow)
            while True:
                step = flow.send(await self._take(step))
        except StopIteration as end:
            return end.value
        finally:
            flow.close()

    async def _take(self, step: Step) -> Reply:
        if isinstance(step, Pause):
            await anyio.sleep(step.seconds)
            return None
        with ExitStack() as opened:
            options = step.request.options(step.timeout, opened)
            if hasattr(options.get("content"), "read"):
                options["content"] = _read(options["content"])
            request = self.http.build_request(**options)
            try:
                response = await self.http.send(request, stream=True)
                if not step.request.stream or response.status_code >= 300:
                    await response.aread()
                return response
            except httpx.TransportError as error:
                return error
            except httpx.DecodingError as error:  # of a proxy: it cannot be read, as if it had been cut
                return httpx.RemoteProtocolError(str(error))

    async def pieces(self, response: httpx.Response) -> AsyncIterator[Any]:
        """The pieces of a streamed prediction, as they come."""
        reader = PieceReader(response)
        try:
            async for chunk in response.aiter_bytes():
                for piece in reader.feed(chunk):
                    yield piece
            for piece in reader.finish():
                yield piece
        except httpx.TransportError as error:
            raise reader.broken() from error
        finally:
            await response.aclose()

    async def chunks(self, response: httpx.Response) -> AsyncIterator[bytes]:
        """The bytes of a download, as they come. Raises `ConnectionFailed`."""
        try:
            async for chunk in response.aiter_bytes():
                yield chunk
        except httpx.TransportError as error:
            raise failure_of(error, Request("GET", response.url.path), Deadline(None)) from error
        finally:
            await response.aclose()

    async def follow(self, following: Following) -> AsyncIterator[Event]:
        """The events of a job until it has ended."""
        while True:
            response = await self.run(following.connect())
            try:
                async for chunk in response.aiter_bytes():
                    for event in following.feed(chunk):
                        yield event
                    if following.outlives_deadline:
                        break
                else:
                    if await self.run(following.has_ended()):
                        return
            except httpx.TransportError as error:
                following.lost(error)
            finally:
                await response.aclose()
