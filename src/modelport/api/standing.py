"""Streams that end with what has let their clients in: the key is revoked, the session over.

A request that has come in is answered. But an answer that is still being sent when its key or session holds
no longer is broken off: as a client's leaving would end it, so the model, the file or the job that it comes
from is let go in the usual way. A stream of events has an event `error` before its end, one of JSON lines a
problem; what cannot say why is cut, which its client sees by the framing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from modelport.api.refusal_form import PROBLEM_DETAILS, RefusalForm
from modelport.api.sockets import POLICY, SWITCHING, closed
from modelport.http.asgi import Message, Send
from modelport.identity.open_answers import OpenAnswers
from modelport.identity.principals import Principal
from modelport.problems import Problem, problem_body

log = logging.getLogger("modelport.api")

REVOKED = "what you came in by holds no longer: the key was revoked or has expired, or you are logged out"
EVENT = f"event: error\ndata: {REVOKED}\n\n".encode()


async def send_while_standing(
    open_answers: Callable[[Principal], tuple[OpenAnswers, str] | None],
    by: Principal,
    send: Send,
    answer: Callable[[Send], Awaitable[None]],
    form: Callable[[], RefusalForm] = lambda: PROBLEM_DETAILS,
) -> None:
    """Have `answer` send an answer to somebody, for as long as they may come in.

    `form` finds in which form its dialect says why an answer is broken off.
    """
    found = open_answers(by)
    if found is None:
        await answer(send)
        return
    task = asyncio.current_task()
    assert task is not None
    one = _Answer(send, task, *found)
    try:
        await answer(one.send)
    except asyncio.CancelledError:
        if not one.is_revoked or task.uncancel():
            raise
        log.info("a stream was ended, since its client may not come in any longer")
        await one.say_why(form())
    finally:
        one.leave()


class _Answer:
    """One answer on its way out."""

    def __init__(self, send: Send, task: asyncio.Task[None], answers: OpenAnswers, name: str):
        self._send = send
        self._task = task
        self._answers, self._name = answers, name
        self._media = b""
        self._request_id = b""
        self._is_under_way = self._is_socket = False
        self.is_revoked = False

    async def send(self, message: Message) -> None:
        """The ASGI `send` of who answers."""
        if message["type"] == "http.response.start":
            fields = {name.lower(): value for name, value in message.get("headers", ())}
            self._media = fields.get(b"content-type", b"").partition(b";")[0].strip()
            self._request_id = fields.get(b"x-request-id", b"")
            self._is_under_way = True
            self._is_socket = message["status"] == SWITCHING
            self._answers.enter(self._name, self.end)
        elif not message.get("more_body", False):
            self._is_under_way = False
        await self._send(message)

    def end(self) -> None:
        """Break it off, unless all of it was sent."""
        if self._is_under_way and not self.is_revoked:
            self.is_revoked = True
            self._task.cancel()

    def leave(self) -> None:
        """It is over."""
        self._answers.leave(self._name, self.end)

    async def say_why(self, form: RefusalForm) -> None:
        """Tell the client why there is no more, where its media type has words for that."""
        event = EVENT if form.event is None else form.event(Problem(401, REVOKED))
        last: Message = {"type": "http.response.body", "body": event, "more_body": False}
        if self._is_socket:
            last = closed(POLICY, REVOKED)
        elif self._media == b"application/x-ndjson":
            words = problem_body(401, REVOKED, self._request_id.decode("latin-1"))
            last = {**last, "body": words + b"\n", "more_body": True}
        elif self._media != b"text/event-stream":
            return
        with suppress(OSError):  # the client has left meanwhile
            await self._send(last)
