"""Predictions by GET: what browsers' `EventSource` asks for, of models that stream.

An `EventSource` whose stream ends asks again, which would run the model again, for ever. So the stream ends
with an event `end`, whose id the browser repeats when it asks again: it is told that there is no more (204).
"""

from __future__ import annotations

from modelport.api.calls import CallHandler
from modelport.api.exchanges import request_number
from modelport.api.request_checks import look_for_body
from modelport.engine.ports import Pool
from modelport.http.asgi import Message, Receive, Scope, Send, header, send_body, send_problem
from modelport.problems import Problem

NO_BODY = "the arguments of a GET are in its query string; send a body by POST"
END_ID = b"modelport-end"
END = b"event: end\nid: " + END_ID + b"\ndata:\n\n"


async def answer_get(calls: CallHandler, scope: Scope, receive: Receive, send: Send, pool: Pool) -> None:
    """Answer with what the model streams for the query string; this never becomes a job.

    Raises `Problem` 400 for a body that does not arrive whole.
    """
    problem = _problem(pool)
    if problem is None:
        has_body, receive = await look_for_body(scope, receive)
        problem = Problem(400, NO_BODY) if has_body else None
    if problem is not None:
        await send_problem(send, problem, calls.engine.request_id(request_number(calls.engine)))
    elif header(scope, b"last-event-id") == END_ID.decode():
        await send_body(send, 204, [(b"cache-control", b"no-cache")], b"")
    else:
        await calls.answer(scope, receive, _Ending(send), pool, "predict")


def _problem(pool: Pool) -> Problem | None:
    if pool.signature is None or pool.signature.predict.streams:
        return None
    detail = "GET is not possible here, since the model does not stream; possible: POST"
    return Problem(405, detail, [("Allow", "POST")])


class _Ending:
    """Sends an answer, and the event `end` where it is a stream of events."""

    def __init__(self, send: Send):
        self._send = send
        self._is_events = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            media = dict(message["headers"]).get(b"content-type", b"")
            self._is_events = message["status"] == 200 and media.startswith(b"text/event-stream")
        elif self._is_events and not message.get("more_body", False):
            message = {**message, "body": message.get("body", b"") + END}
        await self._send(message)
