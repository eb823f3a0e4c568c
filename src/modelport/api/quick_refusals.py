"""Refusing wrong keys that come in numbers, at the least cost: no task, and nothing that waits.

Where too many wrong ones have come from (`identity.wrong_credentials`), a request with a further one is
answered as soon as it was read. The answer is that of the long way, in the shape of the dialect that has its
path: the application makes it at once, since a refusal waits for nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from time import perf_counter, time
from typing import Any

from modelport.api.credentials import CREDENTIALS, Credentials, as_sent
from modelport.api.exchanges import noted_answer
from modelport.engine.ports import Engine
from modelport.http.asgi import Message, Receive, Scope, Send
from modelport.http.cycle import Cycle, status_line
from modelport.http.heads import Head
from modelport.problems import PROBLEM_JSON, Problem, problem_body
from modelport.telemetry.exchanges import Exchange, Exchanges

REFUSED = "modelport.refused"  # in the scope of a request that is refused already, and why


class QuickRefusals:
    """One for the application: `answer` is that, and `is_open` tells what anybody may ask."""

    def __init__(
        self,
        answer: Callable[[Scope, Receive, Send], Awaitable[None]],
        is_open: Callable[[str, str], bool],
        credentials: Credentials,
        of: tuple[Engine, Exchanges],
        base_path: str,
    ):
        self._answer = answer
        self._is_open = is_open
        self._credentials = credentials
        self._engine, self._exchanges = of
        self._own_paths = f"{base_path}/v2/"  # where no dialect has a shape of its own for problems

    def credential_of(self, head: Head) -> bytes:
        """The credential by which a request of this head may be refused here; empty if it may not."""
        if self._is_open(head.method, head.path):
            return b""
        sent = [as_sent(field, value) for field, value in head.headers if field in CREDENTIALS]
        return sent[0] if len(sent) == 1 else b""

    def take(self, cycle: Cycle, credential: bytes) -> bool:
        """Refuse the request if it is to be; false, with nothing done, if it is not."""
        if not credential or cycle.flow.write_paused:
            return False
        problem = self._credentials.refused_at_once(credential, cycle.client)
        if problem is None:
            return False
        if cycle.head.path.startswith(self._own_paths) and cycle.head.method != "HEAD":
            self._send(cycle, problem)
            return True
        scope = cycle.scope
        scope[REFUSED] = problem
        answering = noted_answer(
            self._exchanges, self._engine, self._answer, scope, _receive_nothing, cycle.send
        )
        copy_context().run(_finish, answering)
        return True

    def _send(self, cycle: Cycle, problem: Problem) -> None:
        """Send what the application would send there, too, at half the cost."""
        request_id = self._engine.request_id(self._engine.next_id())
        body = problem_body(problem.status, problem.detail, request_id)
        fields = [*problem.headers, ("content-type", PROBLEM_JSON), ("x-request-id", request_id)]
        lines = "".join(f"{name.lower()}: {value}\r\n" for name, value in fields)
        own = b"".join(b"%b: %b\r\n" % field for field in cycle.default_headers)
        cycle.send_whole(status_line(problem.status, None) + own + lines.encode(), body)
        if self._exchanges.hearers:
            self._exchanges.over(
                Exchange(
                    began=time(),
                    started=perf_counter(),
                    method=cycle.head.method,
                    path=cycle.head.path,
                    client=cycle.client[0] if cycle.client else "",
                    request_id=request_id,
                    status=problem.status,
                    bytes_in=len(cycle.body),
                    bytes_out=len(body),
                )
            )


async def _receive_nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


def _finish(answering: Coroutine[Any, Any, None]) -> None:
    """Run to its end what waits for nothing. Raises `RuntimeError` if it does."""
    try:
        answering.send(None)
    except StopIteration:
        return
    answering.close()
    raise RuntimeError("a refusal has waited for something, though its client can be sent it")
