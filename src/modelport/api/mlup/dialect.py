"""The two dialects of the API at the root: mlup's, and that of the Made-With-ML lesson in its envelope."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from modelport.api.mlup.errors import error_body, mlup_problem
from modelport.contract.calls import HIDDEN, Answer
from modelport.http.asgi import Headers, Send, send_body
from modelport.http.problems import Problem
from modelport.settings import Settings

HEADER = b"x-predict-id"


class RootDialect(NamedTuple):
    """How the API at the root says what the server itself has to say.

    `name` is that of the calls; with `collects` what would be a stream is one answer. `error_body` makes a
    status, its words and the id of a prediction a body, `problem` gives a problem the status and the words of
    the dialect, and `begun` is the body that says under which id a long prediction can be fetched.
    """

    name: str
    collects: bool
    error_body: Callable[[int, str, str | None], bytes]
    problem: Callable[[Problem], Problem]
    begun: Callable[[str], dict[str, Any]]

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


def _mlup_begun(predict_id: str) -> dict[str, Any]:
    return {"predict_id": predict_id, "predict_result": {"predict_id": predict_id}}


def _lesson_body(status: int, words: str, predict_id: str | None) -> bytes:
    return json.dumps({"detail": words}).encode()


def _as_it_is(problem: Problem) -> Problem:
    return problem


def _lesson_begun(predict_id: str) -> dict[str, Any]:
    return {"predict_id": predict_id}


MLUP = RootDialect("mlup", True, error_body, mlup_problem, _mlup_begun)
LESSON = RootDialect("lesson", False, _lesson_body, _as_it_is, _lesson_begun)


def root_dialect(settings: Settings) -> RootDialect:
    """The dialect that this server speaks at the root."""
    return LESSON if settings.envelope else MLUP
