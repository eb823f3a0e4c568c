"""The hot path: a request becomes a call, the call's answer becomes the response."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from modelport.api.bodies import CallHeaders, ClientLeft, limit_of, read_body
from modelport.api.credentials import PRINCIPAL, principal_of
from modelport.api.exchanges import exchange_of, note_answer, note_end, request_number
from modelport.api.refusal_form import RefusalForm
from modelport.api.strange_bytes import guards_on_wire
from modelport.contract.calls import GIVEN_UP, Answer, Call, Chunk
from modelport.contract.signature import JSON, VerbName
from modelport.contract.traces import below
from modelport.engine.asking import ask
from modelport.engine.pending import Pending
from modelport.engine.ports import Engine, Pool
from modelport.http.asgi import Headers, Receive, Scope, Send, send_body, send_problem
from modelport.http.body_memory import BodyHold, BodyMemory
from modelport.problems import PROBLEM_JSON, Problem, problem_body
from modelport.settings import Settings

log = logging.getLogger("modelport.api")

SWITCHED_OFF = "predictions are switched off on this server"
HEARTBEAT_SECONDS = 15.0
FILE_CHUNK = 256 * 1024


class Ends(NamedTuple):
    """How a request may end: with the model's answer, or refused by the server.

    `fields` are those of its head, in lower case, that its dialect reads in the worker. `asked_seconds` finds
    in a call, which may be read in a file, how long its client waits for the model.
    """

    respond: Callable[[Pending, Answer], Awaitable[None]]
    refuse: Callable[[Problem], Awaitable[None]]
    fields: Sequence[str] = ()
    asked_seconds: Callable[[Pool, Call], float | None] | None = None


Choose = Callable[[Call], AbstractAsyncContextManager[Pool]]


@dataclass
class _Kept:
    """What is kept of a request: what it holds in memory, its folder, and whether files may be in that."""

    hold: BodyHold
    folder: Path
    has_files: bool = False


class CallHandler:
    """Answers calls to models. One for the application; it keeps no state of a request."""

    def __init__(self, engine: Engine, settings: Settings):
        self.engine = engine
        self.settings = settings
        self.memory = BodyMemory(settings.max_body_memory)

    def check_predictions_allowed(self) -> None:
        """Raise `Problem` 402 on a server that makes no predictions."""
        if not self.settings.predict_endpoint:
            raise Problem(402, SWITCHED_OFF)

    async def answer(self, scope: Scope, receive: Receive, send: Send, pool: Pool, verb: VerbName) -> None:
        """Answer one request for `verb` of a model. Raises nothing: every end is an answer."""
        call = Call(request_number(self.engine), verb)

        async def respond(pending: Pending, answer: Answer) -> None:
            await self.respond(send, pool, pending, answer)

        async def refuse(problem: Problem) -> None:
            await send_problem(send, problem, self.engine.request_id(call.id))

        await self.exchange(scope, receive, pool, call, Ends(respond, refuse))

    async def exchange(
        self,
        scope: Scope,
        receive: Receive,
        pool: Pool,
        call: Call,
        ends: Ends,
        seconds: float | None = None,
    ) -> None:
        """Read a request into `call`, have it answered and give it to one of the ends. Raises nothing.

        After `seconds` of waiting for the model the answer is a 504.
        """
        with pool.held(), self.memory.hold() as hold:
            kept = _Kept(hold, self.engine.spool.folder_of(call.id))
            work = self._exchange((scope, receive), pool, call, ends, seconds, kept)
            await self._bordered(call, ends, kept, work)

    async def exchange_by_body(
        self, scope: Scope, receive: Receive, call: Call, ends: Ends, choose: Choose
    ) -> None:
        """As `exchange`, where the body says which model is asked: `choose` finds it once that is read.

        What it raises as `Problem` is the answer. No header of such a request is an argument.
        """
        with self.memory.hold() as hold:
            kept = _Kept(hold, self.engine.spool.folder_of(call.id))
            work = self._exchange_by_body((scope, receive), call, ends, choose, kept)
            await self._bordered(call, ends, kept, work)

    async def _bordered(self, call: Call, ends: Ends, kept: _Kept, work: Coroutine[Any, Any, None]) -> None:
        """Have a request answered, whatever goes wrong with it, and remove its files."""
        request_id = self.engine.request_id(call.id)
        try:
            await work
        except Problem as problem:
            await self._remove(kept)  # before the answer: who hears of a full disk may try again at once
            await ends.refuse(problem)
        except ClientLeft:
            log.info("%s: the client left before its request was complete", request_id)
        except Exception:  # the request border: whatever went wrong here is our fault, and is logged
            log.exception("%s: the server failed", request_id)
            await ends.refuse(Problem(500, "the server failed; its log says more"))
        finally:
            await self._remove(kept)

    async def _exchange(
        self,
        client: tuple[Scope, Receive],
        pool: Pool,
        call: Call,
        ends: Ends,
        seconds: float | None,
        kept: _Kept,
    ) -> None:
        note_call(client[0], pool, call)
        signature = pool.signature
        pool.check_open()
        assert signature is not None  # check_open has refused otherwise
        own = signature.operation(call.verb).header_names()
        await self._read(client, call, [*own, *ends.fields], kept)
        kept.has_files = kept.has_files or pool.may_leave_files(call.verb)
        await self._asked(client, pool, call, ends, seconds, kept.hold)

    async def _exchange_by_body(
        self,
        client: tuple[Scope, Receive],
        call: Call,
        ends: Ends,
        choose: Choose,
        kept: _Kept,
    ) -> None:
        await self._read(client, call, ends.fields, kept)
        async with choose(call) as pool:
            with pool.held():
                note_call(client[0], pool, call)
                pool.check_open()
                kept.has_files = kept.has_files or pool.may_leave_files(call.verb)
                await self._asked(client, pool, call, ends, None, kept.hold)

    async def _read(
        self, client: tuple[Scope, Receive], call: Call, fields: Sequence[str], kept: _Kept
    ) -> None:
        """Read the body of a request, and these fields of its head, into its call."""
        scope, receive = client
        headers = CallHeaders(scope, fields)
        kept.has_files = headers.may_need_files()
        await read_body(call, headers, receive, kept.folder, limit_of(headers, self.settings), kept.hold)
        kept.has_files = bool(call.uploads or call.body_path)

    async def _asked(
        self,
        client: tuple[Scope, Receive],
        pool: Pool,
        call: Call,
        ends: Ends,
        seconds: float | None,
        hold: BodyHold,
    ) -> None:
        """Have a call answered that has been read."""
        if ends.asked_seconds is not None:
            seconds = await _asked_seconds(ends.asked_seconds, pool, call)
        pending, answer = await _ask(pool, call, client, seconds)
        hold.change(0)
        noted = exchange_of(client[0])
        if noted is not None:
            note_answer(noted, answer)
        await ends.respond(pending, answer)

    async def _remove(self, kept: _Kept) -> None:
        if kept.has_files:
            kept.has_files = False
            await asyncio.shield(asyncio.to_thread(self.engine.spool.remove, kept.folder))

    async def respond(
        self,
        send: Send,
        pool: Pool,
        pending: Pending | None,
        answer: Answer,
        form: RefusalForm | None = None,
    ) -> None:
        """Send an answer, whatever it is, and remove its files. Raises nothing.

        A stream that fails says so in the `form` of its dialect, if that has one for it.
        """
        request_id = self.engine.request_id(answer.id)
        try:
            await self._send(send, pool, pending, answer, request_id, form)
        except StreamBroken:
            log.info("%s: a stream was cut because the model failed", request_id)
        except Exception:  # the HTTP server closes the connection of a response that was not completed
            log.exception("%s: the server failed", request_id)
        finally:
            if answer.path or answer.status >= 500:
                folder = self.engine.spool.folder_of(answer.id)
                await asyncio.shield(asyncio.to_thread(self.engine.spool.remove, folder))

    async def _send(
        self,
        send: Send,
        pool: Pool,
        pending: Pending | None,
        answer: Answer,
        request_id: str,
        form: RefusalForm | None,
    ) -> None:
        if answer.status == GIVEN_UP:
            return
        headers: Headers = [
            (b"content-type", answer.content_type.encode("latin-1", "replace")),
            (b"x-request-id", request_id.encode()),
        ]
        for name, value in answer.headers:
            headers.append((name.lower().encode("latin-1", "replace"), value.encode("latin-1", "replace")))
        if answer.failure:
            log.error("%s: %s failed: %s\n%s", request_id, pool.name, answer.detail, answer.failure)
        if answer.problem:
            detail, reason = answer.detail, answer.reason
            if answer.status == 500 and self.settings.hide_model_errors:
                detail, reason = "the model failed", ""
            headers[0] = (b"content-type", PROBLEM_JSON.encode())
            body = problem_body(answer.status, detail, request_id, reason)
            await send_body(send, answer.status, headers, body, reason)
            return
        if answer.content_type != JSON:
            headers.extend(guards_on_wire(answer.content_type))
        if answer.stream and pending is not None:
            await self._stream(send, pool, pending, answer, headers, form)
        elif answer.path:
            await _send_file(send, answer, headers)
        else:
            await send_body(send, answer.status, headers, answer.body)

    async def _stream(
        self,
        send: Send,
        pool: Pool,
        pending: Pending,
        answer: Answer,
        headers: Headers,
        form: RefusalForm | None,
    ) -> None:
        is_events = answer.content_type.startswith("text/event-stream")
        headers.append((b"cache-control", b"no-cache"))
        headers.append((b"x-accel-buffering", b"no"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        assert pending.stream is not None
        try:
            async for chunk in pending.stream.chunks(HEARTBEAT_SECONDS):
                if chunk is None:
                    if is_events:
                        await send(
                            {"type": "http.response.body", "body": b": keep-alive\n\n", "more_body": True}
                        )
                    continue
                data = chunk.data
                if chunk.end:
                    note_end(chunk)
                if chunk.end and chunk.error:
                    data = _last_words(chunk, headers, form, hidden=self.settings.hide_model_errors)
                if data:
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                if chunk.end and chunk.error and not is_events:
                    # Without the final chunk the client can tell that something is missing.
                    raise StreamBroken
            await send({"type": "http.response.body", "body": b""})
        finally:
            pool.close_stream(pending)


def _last_words(chunk: Chunk, headers: Headers, form: RefusalForm | None, hidden: bool) -> bytes:
    """What a stream says of its error before it ends, in the form of its pieces; nothing among bytes."""
    named = dict(headers)
    media = named[b"content-type"].partition(b";")[0]
    words = chunk.words(hidden=hidden)
    if media == b"text/event-stream":
        if form is not None and form.event is not None:
            return form.event(Problem(500, words))
        if chunk.failure and not hidden:
            return chunk.data
        detail = words.replace("\n", " ").encode()
        return b"event: error\ndata: " + detail + b"\n\n"
    if media == b"application/x-ndjson":
        return problem_body(500, words, named[b"x-request-id"].decode()) + b"\n"
    return chunk.data


def note_call(scope: Scope, pool: Pool, call: Call) -> None:
    """Note whom a request asks, and let its call know who asks and where it stands in a trace."""
    noted = exchange_of(scope)
    if noted is not None:
        noted.model, noted.version = pool.name, pool.version
        noted.verb, noted.dialect = call.verb, call.dialect
        call.trace = below(noted.trace)
    if PRINCIPAL in scope:
        call.by = principal_of(scope).id


class StreamBroken(Exception):
    """A streamed answer cannot be completed; the connection has to be closed."""


async def _asked_seconds(asked: Callable[[Pool, Call], float | None], pool: Pool, call: Call) -> float | None:
    if call.body_path:
        return await asyncio.to_thread(asked, pool, call)
    return asked(pool, call)


async def _ask(
    pool: Pool, call: Call, client: tuple[Scope, Receive], seconds: float | None
) -> tuple[Pending, Answer]:
    """`ask`, whose answer is a 499 as soon as the client has left."""
    scope, receive = client
    connection = scope.get("extensions", {}).get("modelport")
    if connection is None:
        return await _ask_until_disconnect(pool, call, receive, seconds)

    def begun(pending: Pending) -> None:
        connection.on_disconnect = partial(pool.cancel, pending)

    return await ask(pool, call, seconds=seconds, begun=begun)


async def _ask_until_disconnect(
    pool: Pool, call: Call, receive: Receive, seconds: float | None
) -> tuple[Pending, Answer]:
    """For servers that tell of a disconnect only through `receive`."""
    watching: list[asyncio.Task[None]] = []

    async def watch(pending: Pending) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        pool.cancel(pending)

    def begun(pending: Pending) -> None:
        watching.append(asyncio.create_task(watch(pending)))

    try:
        return await ask(pool, call, seconds=seconds, begun=begun)
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


async def _send_file(send: Send, answer: Answer, headers: Headers) -> None:
    file, size = await asyncio.to_thread(_opened, answer.path)
    try:
        headers.append((b"content-length", str(size).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        left = size
        while left > 0:
            data = await asyncio.to_thread(file.read, min(FILE_CHUNK, left))
            left -= len(data)
            await send({"type": "http.response.body", "body": data, "more_body": left > 0})
    finally:
        file.close()


def _opened(path: str) -> tuple[BinaryIO, int]:
    place = Path(path)
    return place.open("rb"), place.stat().st_size
