"""How a dialect of the one-model API at the root says what the server itself has to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from modelport.api.refusal_form import RefusalForm
from modelport.contract.calls import HIDDEN, Answer
from modelport.contract.signature import JSON
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

    def form(self, new_id: Callable[[], str] = str) -> RefusalForm:
        """In which form it says what the server itself has to say."""

        def body(problem: Problem, request_id: str, predict_id: str) -> bytes:
            return self.error_body(problem.status, problem.detail, predict_id)

        return RefusalForm(JSON, body, self.problem, HEADER.decode(), new_id)

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
