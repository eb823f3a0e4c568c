"""How a dialect of the one-model API at the root says what the server itself has to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from modelport.contract.calls import HIDDEN, Answer
from modelport.http.asgi import Headers, Send, send_body
from modelport.problems import Problem

HEADER = b"x-predict-id"
TIMED_OUT = "Response timed out. Repeat request please."
TOO_MANY = "Max requests in app. Please try again later."
QUEUE_FULL = "Queue is full. Please try again later."


class RootDialect(NamedTuple):
    """What those that speak at the root differ in.

    `name` is that of the calls; with `collects` what would be a stream is one answer. `error_body` makes a
    status, its words and the id of a prediction a body, `problem` gives a problem the status and the words of
    the dialect, and `begun` is the body that says under which id a long prediction can be fetched. With
    `wraps` more is put around what the worker has written, which the shortest way of a prediction cannot.
    """

    name: str
    collects: bool
    error_body: Callable[[int, str, str | None], bytes]
    problem: Callable[[Problem], Problem]
    begun: Callable[[str], dict[str, Any]]
    wraps: bool = False

    async def send_error(self, send: Send, problem: Problem, predict_id: str, request_id: str) -> None:
        """Answer with a problem in the dialect's shape."""
        problem = self.problem(problem)
        headers: Headers = [
            (b"content-type", b"application/json"),
            (HEADER, predict_id.encode()),
            (b"x-request-id", request_id.encode()),
            *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in problem.headers),
        ]
        body = self.error_body(problem.status, problem.detail, predict_id)
        await send_body(send, problem.status, headers, body)

    def shaped(self, answer: Answer, predict_id: str, *, hide: bool) -> Answer:
        """An answer as it goes out: a server's error in the dialect's shape, and the id in the header.

        With `hide` no words of a model that failed are in it.
        """
        if answer.problem:
            words = HIDDEN if hide and answer.status == 500 else answer.detail
            problem = self.problem(Problem(answer.status, words))
            answer.status, answer.problem = problem.status, False
            answer.body = self.error_body(problem.status, problem.detail, predict_id)
        answer.headers = [*answer.headers, (HEADER.decode(), predict_id)]
        return answer
