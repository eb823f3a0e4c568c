"""Runs flows with blocking calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import httpx

from modelport.client.answers import PieceReader
from modelport.client.calls import Calls
from modelport.client.exchange import Deadline, Flow, Pause, Reply, Request, Step, failure_of
from modelport.client.following import Following
from modelport.client.records import Event

T = TypeVar("T")


class SyncConnection:
    """An HTTP client and the questions it can ask; `Client` and its jobs share it."""

    def __init__(self, http: httpx.Client, calls: Calls, lost_for: float):
        self.http = http
        self.calls = calls
        self.lost_for = lost_for

    def run(self, flow: Flow[T]) -> T:
        """Take the steps of a flow; returns its result and raises its errors."""
        try:
            step = next(flow)
            while True:
                step = flow.send(self._take(step))
        except StopIteration as end:
            return end.value
        finally:
            flow.close()

    def _take(self, step: Step) -> Reply:
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            return None
        with ExitStack() as opened:
            request = self.http.build_request(**step.request.options(step.timeout, opened))
            try:
                response = self.http.send(request, stream=True)
                if not step.request.stream or response.status_code >= 300:
                    response.read()
                return response
            except httpx.TransportError as error:
                return error
            except httpx.DecodingError as error:  # of a proxy: it cannot be read, as if it had been cut
                return httpx.RemoteProtocolError(str(error))

    def pieces(self, response: httpx.Response) -> Iterator[Any]:
        """The pieces of a streamed prediction, as they come."""
        reader = PieceReader(response)
        try:
            for chunk in response.iter_bytes():
                yield from reader.feed(chunk)
            yield from reader.finish()
        except httpx.TransportError as error:
            raise reader.broken() from error
        finally:
            response.close()

    def chunks(self, response: httpx.Response) -> Iterator[bytes]:
        """The bytes of a download, as they come. Raises `ConnectionFailed`."""
        try:
            yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise failure_of(error, Request("GET", response.url.path), Deadline(None)) from error
        finally:
            response.close()

    def follow(self, following: Following) -> Iterator[Event]:
        """The events of a job until it has ended."""
        while True:
            response = self.run(following.connect())
            try:
                for chunk in response.iter_bytes():
                    yield from following.feed(chunk)
                    if following.outlives_deadline:
                        break
                else:
                    if self.run(following.has_ended()):
                        return
            except httpx.TransportError as error:
                following.lost(error)
            finally:
                response.close()
