"""The services, as grpcio has them answered: bytes in, bytes out, in its event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import cache, partial
from importlib import import_module
from typing import Any
from urllib.parse import unquote

from modelport.api.bodies import ClientLeft
from modelport.dialects.grpc.bodies import PROTOCOL, SERVICE
from modelport.dialects.grpc.schema import Method, protocol
from modelport.dialects.grpc.server import reflection
from modelport.dialects.grpc.server.asked import Read, Said, Write
from modelport.dialects.grpc.server.inference import error_message
from modelport.dialects.grpc.server.receiving import NotReceived, Receiving
from modelport.dialects.grpc.server.resources import RESOURCES, NotAsked, answer_of, body_of
from modelport.dialects.grpc.server.statuses import (
    INTERNAL,
    INVALID_ARGUMENT,
    NOT_FOUND,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    Outcome,
)
from modelport.dialects.grpc.server.tls import client_certificate
from modelport.dialects.grpc.wire import BadMessage, read, read_names, written
from modelport.http.asgi import Headers
from modelport.settings import Settings

log = logging.getLogger("modelport.grpc")

# What is read of the metadata of a call, as of the head of a request.
READ = frozenset({"authorization", "x-api-key", "x-request-id", "traceparent", "tracestate", "user-agent"})
HEALTH = "grpc.health.v1.Health"
WATCH_SECONDS = 0.5
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
STATES = {True: SERVING, False: NOT_SERVING, None: SERVICE_UNKNOWN}
STOPPING = "the server is stopping"
Ask = Callable[[Said, Any, bytes | None, Read | None, Write | None], Awaitable[Outcome]]
IsServing = Callable[[str], Awaitable[bool | None]]
Context = Any  # grpc.aio.ServicerContext


class Refused(Exception):
    """A call is not answered: the status of gRPC, why, and trailing metadata."""

    def __init__(self, code: int, detail: str, metadata: tuple[tuple[str, str], ...] = ()):
        self.code = code
        self.detail = detail
        self.metadata = metadata
        super().__init__(detail)


class Services:
    """Answers calls. `ask` has the application answer a request; `is_known` tells whose credential is known.

    `is_serving` tells at any time whether a model can answer, or all of them; `None` if there is no such one.
    """

    def __init__(
        self,
        settings: Settings,
        ask: Ask,
        is_serving: IsServing,
        is_known: Callable[[Headers], bool],
        base_path: str,
    ):
        self._ask = ask
        self._is_serving = is_serving
        self._is_known = is_known
        self._base_path = base_path
        self._receiving = Receiving(settings.grpc_max_message, settings.body_timeout)
        self._write_seconds = settings.write_timeout or None
        self._most_unsent = settings.max_answer_memory
        self._unsent = 0
        self.stopping = asyncio.Event()

    def handlers(self) -> list[Any]:
        """What grpcio asks."""
        grpc: Any = import_module("grpc")
        unary, stream = grpc.stream_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        found: list[Any] = []
        own = {name: unary(self._guarded(partial(self._resource, one))) for name, one in self._methods()}
        own["ModelInfer"] = unary(self._guarded(self._infer))
        own["ModelStreamInfer"] = stream(self._guarded(self._stream))
        found.append(grpc.method_handlers_generic_handler(SERVICE, own))
        health = {
            "Check": unary(self._guarded(self._check)),
            "Watch": stream(self._guarded(self._watch)),
        }
        found.append(grpc.method_handlers_generic_handler(HEALTH, health))
        for service in reflection.SERVICES:
            told = {"ServerReflectionInfo": stream(self._guarded(partial(self._reflect, service)))}
            found.append(grpc.method_handlers_generic_handler(service, told))
        return found

    def _methods(self) -> list[tuple[str, Method]]:
        return [(one.name, one) for one in protocol(PROTOCOL).services[SERVICE] if one.name in RESOURCES]

    def _guarded(self, answer: Callable[[Context], Awaitable[Any]]) -> Any:
        """`answer` for grpcio: what is raised becomes a status, and never a traceback."""

        async def guarded(_: Any, context: Context) -> Any:
            try:
                return await answer(context)
            except Refused as refused:
                code, detail, metadata = refused.code, refused.detail, refused.metadata
            except NotReceived as error:
                code, detail, metadata = error.code, str(error), ()
            except (BadMessage, NotAsked) as error:
                code, detail, metadata = INVALID_ARGUMENT, str(error), ()
            except Exception:  # the request border: whatever went wrong here is our fault, and is logged
                if context.cancelled() or context.done():
                    raise
                log.exception("the server failed")
                code, detail, metadata = INTERNAL, "the server failed; its log says more", ()
            return await context.abort(_codes()[code], detail, metadata)

        return guarded

    async def _infer(self, context: Context) -> bytes:
        said = said_of(context, f"/{SERVICE}/ModelInfer")
        message = await self._message(context, said) if self._is_known(said.headers) else None
        outcome = await self._ask(said, said.scope(), message, partial(self._message, context, said), None)
        del message
        return self._whole(context, outcome)

    def _whole(self, context: Context, outcome: Outcome) -> bytes:
        """A good answer, which waits for its client from here on."""
        if outcome.code:
            raise Refused(outcome.code, outcome.detail, outcome.metadata())
        size = len(outcome.body)
        if self._unsent and self._most_unsent and self._unsent + size > self._most_unsent:
            raise Refused(RESOURCE_EXHAUSTED, "too many answers wait for their clients to read them")
        self._unsent += size
        context.add_done_callback(partial(self._was_read, size))
        context.set_trailing_metadata(outcome.metadata())
        return outcome.body

    def _was_read(self, size: int, context: Context) -> None:
        self._unsent -= size

    async def _message(self, context: Context, said: Said) -> bytes | None:
        """The message of a call that has one; `None` if the client has left without it."""
        async with self._receiving.turn(said.client[0] if said.client else ""):
            found = await context.read()
        return found if isinstance(found, bytes) else None

    async def _stream(self, context: Context) -> None:
        """One request after the other, each with the answers to it."""
        said = said_of(context, f"/{SERVICE}/ModelStreamInfer")
        is_known = self._is_known(said.headers)
        async with self._receiving.stream():
            while True:
                message = await self._next(context) if is_known else None
                if message is None and is_known:
                    return
                is_known = await self._answer_in_stream(context, said, message)
                if not is_known:
                    return

    async def _answer_in_stream(self, context: Context, said: Said, message: bytes | None) -> bool:
        """Answer the next request; whether there was one. `message` is it, if it is here already."""
        last: list[bytes | None] = [message]
        refused: list[Refused] = []

        async def read_next() -> bytes | None:
            last[0] = await self._next(context)
            return last[0]

        async def write(piece: bytes) -> None:
            try:
                await self._write(context, piece)
            except Refused as error:
                refused.append(error)
                raise ClientLeft from None
            except Exception:
                if context.cancelled() or context.done():
                    raise ClientLeft from None
                raise

        said.seconds = context.time_remaining()
        outcome = await self._ask(said, said.scope(), message, read_next, write)
        if refused:
            raise refused[0]
        if outcome.status in (401, 403):
            raise Refused(outcome.code, outcome.detail, outcome.metadata())
        if outcome.code:
            await self._write(context, error_message(outcome.detail, _id_of(last[0])))
        return last[0] is not None

    async def _next(self, context: Context) -> bytes | None:
        """The next message of a stream; `None` after the last one. Raises `Refused` when the server stops."""
        reading = asyncio.ensure_future(context.read())
        stopping = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                raise Refused(UNAVAILABLE, STOPPING)
            found = reading.result()
            return found if isinstance(found, bytes) else None
        finally:
            stopping.cancel()
            reading.cancel()

    async def _write(self, context: Context, message: bytes) -> None:
        """Send a message of a stream. Raises `Refused` if the client does not read it in time."""
        try:
            async with asyncio.timeout(self._write_seconds):
                await context.write(message)
        except TimeoutError:
            raise Refused(UNAVAILABLE, f"nothing was read for {self._write_seconds:g} s") from None

    async def _resource(self, method: Method, context: Context) -> bytes:
        """What a resource of HTTP says, as the message of this method."""
        said = said_of(context, f"/{SERVICE}/{method.name}")
        message = await self._message(context, said)
        resource = RESOURCES[method.name]
        sent = read(PROTOCOL, method.takes, message or b"")
        outcome = await self._asked(said, *resource.request(sent))
        if outcome.status not in resource.statuses:
            raise Refused(outcome.code or INTERNAL, outcome.detail, outcome.metadata())
        body = answer_of(resource, method.gives, outcome)
        return self._whole(context, outcome._replace(status=200, body=body))

    async def _asked(self, said: Said, verb: str, path: str, value: Any) -> Outcome:
        scope = said.scope(verb, self._base_path + path, "application/json")
        return await self._ask(said, scope, body_of(value), None, None)

    async def _check(self, context: Context) -> bytes:
        said = said_of(context, f"/{HEALTH}/Check")
        message = await self._message(context, said)
        status, outcome = await self._serving(said, _service_of(message))
        if status == SERVICE_UNKNOWN:
            raise Refused(NOT_FOUND, outcome.detail)
        return self._whole(context, outcome._replace(status=200, body=_health(status)))

    async def _watch(self, context: Context) -> None:
        """Say how a service is, and again when that has changed."""
        said = said_of(context, f"/{HEALTH}/Watch")
        message = await self._message(context, said)
        name = _service_of(message)
        status, _ = await self._serving(said, name)  # by the door, once
        async with self._receiving.stream():
            await self._write(context, _health(status))
            while not self.stopping.is_set():
                told = status
                try:
                    async with asyncio.timeout(WATCH_SECONDS):
                        await self.stopping.wait()
                    status = NOT_SERVING
                except TimeoutError:
                    status = STATES[await self._is_serving("" if name == SERVICE else name)]
                if status != told:
                    await self._write(context, _health(status))

    async def _serving(self, said: Said, name: str) -> tuple[int, Outcome]:
        """How a service is: all of it, or the model of this name."""
        one = RESOURCES["ServerReady" if name in ("", SERVICE) else "ModelReady"]
        try:
            outcome = await self._asked(said, *one.request({"name": name}))
        except NotAsked as error:
            return SERVICE_UNKNOWN, Outcome(404, [], str(error).encode())
        if outcome.status == 404:
            return SERVICE_UNKNOWN, outcome
        if outcome.status not in one.statuses:
            raise Refused(outcome.code or INTERNAL, outcome.detail, outcome.metadata())
        return (SERVING if outcome.status == 200 else NOT_SERVING), outcome

    async def _reflect(self, service: str, context: Context) -> None:
        """Tell of the protocols who may read of the server."""
        said = said_of(context, f"/{service}/ServerReflectionInfo")
        outcome = await self._asked(said, "GET", "/v2", None)
        if outcome.code:
            raise Refused(outcome.code, outcome.detail, outcome.metadata())
        async with self._receiving.stream(), aclosing(self._messages(context)) as messages:
            async for message in messages:
                await self._write(context, reflection.told(message))

    async def _messages(self, context: Context) -> AsyncGenerator[bytes]:
        while (message := await self._next(context)) is not None:
            yield message


@cache
def _codes() -> dict[int, Any]:
    grpc: Any = import_module("grpc")
    return {code.value[0]: code for code in grpc.StatusCode}


def _health(status: int) -> bytes:
    return written("health", "grpc.health.v1.HealthCheckResponse", {"status": status})


def _service_of(message: bytes | None) -> str:
    """The service that is asked after. Raises `BadMessage`."""
    return read("health", "grpc.health.v1.HealthCheckRequest", message or b"").get("service", "")


def _id_of(message: bytes | None) -> str:
    try:
        return read_names(message or b"", {3: "id"})["id"]
    except BadMessage:
        return ""


def said_of(context: Context, path: str) -> Said:
    """What is known of a call before its message."""
    headers = [
        (name.encode(), value.encode("latin-1", "replace"))
        for name, value in context.invocation_metadata() or ()
        if name in READ and isinstance(value, str)
    ]
    certificate = client_certificate(context.auth_context())
    return Said(path, headers, _client(context.peer()), certificate, context.time_remaining())


def _client(peer: str) -> tuple[str, int] | None:
    """The address of a client, as grpcio writes it: `ipv4:127.0.0.1:5000`, `ipv6:%5B::1%5D:5000`."""
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return None
    host, _, port = unquote(rest).rpartition(":")
    return host.strip("[]"), int(port) if port.isdigit() else 0
